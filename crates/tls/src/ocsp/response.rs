use super::signature::Issuer;
use crate::x509::{self, inside};
use const_oid::{
    ObjectIdentifier,
    db::{
        rfc5912::{ID_SHA_1, ID_SHA_256},
        rfc6960::ID_PKIX_OCSP_BASIC,
    },
};
use der::{
    AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged,
    asn1::{BitStringRef, GeneralizedTime, OctetStringRef},
};
use rustls::pki_types::UnixTime;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The most answers, and the most certificates, of one response that are looked at.
const MOST: usize = 16;
/// `responseStatus`: successful.
const SUCCESSFUL: &[u8] = &[0];

const fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific { constructed, number: TagNumber(number) }
}

/// A BasicOCSPResponse (RFC 6960, section 4.2.1).
pub(super) struct Response<'a> {
    /// What is signed of it.
    pub(super) signed: &'a [u8],
    /// How it is signed: what is in the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    singles: SliceReader<'a>,
    certificates: Option<SliceReader<'a>>,
}

/// What it says of one certificate.
pub(super) struct Single<'a> {
    hash: ObjectIdentifier,
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
    pub(super) status: Status,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
}

#[derive(Clone, Copy)]
pub(super) enum Status {
    Good,
    Revoked(UnixTime),
    Unknown,
}

impl<'a> Response<'a> {
    /// `None` where the responder says that it has no answer.
    pub(super) fn read(staple: &'a [u8]) -> der::Result<Option<Self>> {
        let mut whole = inside(&mut whole(staple)?, Tag::Sequence)?;
        let status = AnyRef::decode(&mut whole)?;
        status.tag().assert_eq(Tag::Enumerated)?;
        if status.value() != SUCCESSFUL {
            return Ok(None);
        }
        let mut bytes = inside(&mut inside(&mut whole, context(0, true))?, Tag::Sequence)?;
        if bytes.decode::<ObjectIdentifier>()? != ID_PKIX_OCSP_BASIC {
            return Ok(None);
        }
        let basic = bytes.decode::<&OctetStringRef>()?.as_bytes();
        let mut basic = inside(&mut self::whole(basic)?, Tag::Sequence)?;
        let signed = basic.tlv_bytes()?;
        let algorithm = AnyRef::decode(&mut basic)?;
        algorithm.tag().assert_eq(Tag::Sequence)?;
        let signature = BitStringRef::decode(&mut basic)?;
        let certificates = match basic.is_finished() {
            true => None,
            false => Some(inside(&mut inside(&mut basic, context(0, true))?, Tag::Sequence)?),
        };
        Ok(Some(Self {
            signed,
            algorithm: algorithm.value(),
            signature: signature.as_bytes().ok_or_else(|| Tag::BitString.value_error())?,
            singles: singles(signed)?,
            certificates,
        }))
    }

    pub(super) fn singles(&self) -> impl Iterator<Item = Single<'a>> + 'a {
        let mut rest = self.singles.clone();
        std::iter::from_fn(move || if rest.is_finished() { None } else { Single::read(&mut rest).ok() }).take(MOST)
    }

    /// Those of who may have signed it in the issuer's place.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let mut rest = self.certificates.clone();
        std::iter::from_fn(move || rest.as_mut().filter(|rest| !rest.is_finished())?.tlv_bytes().ok()).take(MOST)
    }
}

/// The list of answers in what is signed.
fn singles(signed: &[u8]) -> der::Result<SliceReader<'_>> {
    let mut data = inside(&mut SliceReader::new(signed)?, Tag::Sequence)?;
    if Tag::peek(&data)? == context(0, true) {
        data.tlv_bytes()?;
    }
    // Who answers, and when: the signature says the former, and each answer the latter.
    data.tlv_bytes()?;
    GeneralizedTime::decode(&mut data)?;
    inside(&mut data, Tag::Sequence)
}

impl<'a> Single<'a> {
    fn read(list: &mut SliceReader<'a>) -> der::Result<Self> {
        let mut single = inside(list, Tag::Sequence)?;
        let mut id = inside(&mut single, Tag::Sequence)?;
        let hash = inside(&mut id, Tag::Sequence)?.decode()?;
        let issuer_name = id.decode::<&OctetStringRef>()?.as_bytes();
        let issuer_key = id.decode::<&OctetStringRef>()?.as_bytes();
        let serial = AnyRef::decode(&mut id)?;
        serial.tag().assert_eq(Tag::Integer)?;
        let status = AnyRef::decode(&mut single)?;
        let status = match status.tag() {
            tag if tag == context(0, false) => Status::Good,
            tag if tag == context(1, true) => Status::Revoked(time(&mut SliceReader::new(status.value())?)?),
            tag if tag == context(2, false) => Status::Unknown,
            tag => return Err(tag.value_error().into()),
        };
        let this_update = time(&mut single)?;
        let next_update = match single.is_finished() || Tag::peek(&single)? != context(0, true) {
            true => None,
            false => Some(time(&mut inside(&mut single, context(0, true))?)?),
        };
        Ok(Self { hash, issuer_name, issuer_key, serial: serial.value(), status, this_update, next_update })
    }

    pub(super) fn is_about(&self, certificate: &[u8], issuer: &Issuer) -> bool {
        let is = |hash: &[u8], of: &[u8]| match self.hash {
            ID_SHA_1 => *hash == *Sha1::digest(of),
            ID_SHA_256 => *hash == *Sha256::digest(of),
            _ => false,
        };
        x509::serial(certificate) == Some(self.serial)
            && x509::issuer_name(certificate) == Some(&*issuer.name)
            && is(self.issuer_name, &issuer.name)
            && is(self.issuer_key, &issuer.key)
    }
}

/// Nothing follows the first element.
fn whole(der: &[u8]) -> der::Result<SliceReader<'_>> {
    AnyRef::from_der(der)?;
    SliceReader::new(der)
}

fn time(reader: &mut SliceReader<'_>) -> der::Result<UnixTime> {
    Ok(UnixTime::since_unix_epoch(GeneralizedTime::decode(reader)?.to_unix_duration()))
}
