//! Single parts of a certificate, for whoever looks for a fault in it.

use super::{
    checked,
    fields::{Fields, inside},
    key::{algorithm, named},
    name,
};
use const_oid::db::rfc5280::{ID_CE_EXT_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME, ID_KP_SERVER_AUTH};
use der::{AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged, asn1::ObjectIdentifier};
use rustls::pki_types::UnixTime;
use skybridge_core::SubjectName;

/// The most purposes that are told.
const PURPOSES: usize = 8;
/// A `dNSName` of a `subjectAltName` (RFC 5280, section 4.2.1.6).
const DNS_NAME: Tag = Tag::ContextSpecific { constructed: false, number: TagNumber(2) };

/// What a key may be used for (RFC 5280, section 4.2.1.12).
pub(crate) struct Purposes {
    pub(crate) names: Box<str>,
    pub(crate) is_for_servers: bool,
}

/// Whose it is, as DER.
pub(crate) fn subject_name(certificate: &[u8]) -> Option<&[u8]> {
    Some(Fields::of(certificate).ok()?.subject)
}

/// Who has issued it, as DER.
pub(crate) fn issuer_name(certificate: &[u8]) -> Option<&[u8]> {
    Some(Fields::of(certificate).ok()?.issuer)
}

/// What its subject calls itself: see [`issuer`](super::issuer).
pub(crate) fn subject(certificate: &[u8]) -> Option<String> {
    name::shortest(Fields::of(certificate).ok()?.subject)
}

/// What is in its serial number, as webpki compares it.
pub(crate) fn serial(certificate: &[u8]) -> Option<&[u8]> {
    Some(AnyRef::from_der(Fields::of(certificate).ok()?.serial).ok()?.value())
}

/// Since when a list of revoked certificates says what it says (RFC 5280, section 5.1.2.4).
pub(crate) fn this_update(list: &[u8]) -> Option<UnixTime> {
    let mut signed = inside(&mut inside(&mut SliceReader::new(list).ok()?, Tag::Sequence).ok()?, Tag::Sequence).ok()?;
    // The version, which may be left out, how it is signed, and the issuer.
    let before = if Tag::peek(&signed).ok()? == Tag::Integer { 3 } else { 2 };
    for _ in 0..before {
        signed.tlv_bytes().ok()?;
    }
    checked::time(&mut signed)
}

/// Its key (SubjectPublicKeyInfo).
pub(crate) fn key_info(certificate: &[u8]) -> Option<&[u8]> {
    Some(Fields::of(certificate).ok()?.key)
}

/// Whether its extended key usage names this purpose.
pub(crate) fn has_purpose(certificate: &[u8], purpose: ObjectIdentifier) -> bool {
    let listed = |value| {
        let mut list = inside(&mut SliceReader::new(value).ok()?, Tag::Sequence).ok()?;
        std::iter::from_fn(move || list.decode::<ObjectIdentifier>().ok()).find(|listed| *listed == purpose)
    };
    extension(certificate, ID_CE_EXT_KEY_USAGE).and_then(listed).is_some()
}

/// How it is signed: what is in its AlgorithmIdentifier, and what that is called.
pub(crate) fn signed_by(certificate: &[u8]) -> Option<(&[u8], Box<str>)> {
    let whole = Fields::of(certificate).ok()?.algorithm;
    let (kind, _) = algorithm(&mut SliceReader::new(whole).ok()?)?;
    Some((AnyRef::from_der(whole).ok()?.value(), named(&kind).into()))
}

/// What its extended key usage says; `None` where there is none.
pub(crate) fn purposes(certificate: &[u8]) -> Option<Purposes> {
    let value = extension(certificate, ID_CE_EXT_KEY_USAGE)?;
    let mut list = inside(&mut SliceReader::new(value).ok()?, Tag::Sequence).ok()?;
    let (mut names, mut is_for_servers) = (Vec::new(), false);
    while !list.is_finished() {
        let purpose: ObjectIdentifier = list.decode().ok()?;
        is_for_servers |= purpose == ID_KP_SERVER_AUTH;
        if names.len() < PURPOSES {
            names.push(named(&purpose).trim_start_matches("id-kp-").to_owned());
        }
    }
    Some(Purposes { names: names.join(", ").into(), is_for_servers })
}

/// Each DNS name that it is valid for, as it is written there. What follows one that can't be read isn't read.
pub(crate) fn for_each_dns_name(certificate: &[u8], mut each: impl FnMut(&[u8])) {
    let Some(value) = extension(certificate, ID_CE_SUBJECT_ALT_NAME) else { return };
    let Ok(mut names) = SliceReader::new(value).and_then(|mut reader| inside(&mut reader, Tag::Sequence)) else {
        return;
    };
    while let Ok(name) = AnyRef::decode(&mut names) {
        if name.tag() == DNS_NAME {
            each(name.value());
        }
    }
}

/// The DNS names and the addresses that it is valid for, fit to be printed.
pub(crate) fn hosts(certificate: &[u8]) -> Box<[Box<str>]> {
    let names = extension(certificate, ID_CE_SUBJECT_ALT_NAME).and_then(|value| name::subject_names(value, usize::MAX));
    let names = names.map(|(names, _)| names).unwrap_or_default();
    let host = |name: SubjectName| match name {
        SubjectName::Dns(name) => Some(name),
        SubjectName::Ip(address) => Some(address.to_string().into()),
        _ => None,
    };
    names.into_iter().filter_map(host).collect()
}

pub(super) fn extension(certificate: &[u8], id: ObjectIdentifier) -> Option<&[u8]> {
    let fields = Fields::of(certificate).ok()?;
    fields.extensions().map_while(Result::ok).find(|extension| extension.id == id).map(|extension| extension.value)
}
