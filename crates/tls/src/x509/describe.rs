use super::{
    checked,
    fields::Fields,
    key::{algorithm, key, named},
    name::{distinguished, hex, subject_names},
};
use crate::Pin;
use const_oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_SUBJECT_ALT_NAME};
use der::{AnyRef, Decode, SliceReader, Tag, Tagged};
use rustls::pki_types::{TrustAnchor, UnixTime};
use skybridge_core::Certificate;
use std::time::{Duration, SystemTime};

/// The most names that are told, and the most bytes of a serial number.
const NAMES: usize = 100;
const SERIAL: usize = 64;

/// What a certificate says. Each field is read by itself, and none is guessed.
pub(crate) fn certificate(der: &[u8]) -> Certificate {
    let mut certificate = Certificate::unread(der);
    let Ok(fields) = Fields::of(der) else { return certificate };
    certificate.subject = distinguished(fields.subject);
    certificate.issuer = distinguished(fields.issuer);
    certificate.serial = serial(fields.serial);
    certificate.pin = Some(Pin::of_key(&[fields.key]).to_string().into());
    certificate.key = key(fields.key);
    let signed_by = SliceReader::new(fields.algorithm).ok().and_then(|mut reader| algorithm(&mut reader));
    certificate.signature_algorithm = signed_by.map(|(algorithm, _)| named(&algorithm).into());
    if let Some(validity) = checked::validity(der) {
        let system = |time: UnixTime| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
        (certificate.not_before, certificate.not_after) = (system(validity.not_before), system(validity.not_after));
    }
    extensions(&fields, &mut certificate);
    certificate
}

/// What is known of a trusted root: whose it is, and its key. Without DER, as its certificate isn't kept.
pub(crate) fn anchor(anchor: &TrustAnchor<'_>) -> Certificate {
    let whole = |content: &[u8]| [&*checked::sequence_header(content.len()), content].concat();
    let info = whole(&anchor.subject_public_key_info);
    let mut certificate = Certificate::unread(&[]);
    certificate.subject = distinguished(&whole(&anchor.subject));
    certificate.pin = Some(Pin::of_key(&[&info]).to_string().into());
    certificate.key = key(&info);
    certificate
}

/// What isn't there is said by its absence, unless one before it can't be read.
fn extensions(fields: &Fields<'_>, certificate: &mut Certificate) {
    let (mut names, mut is_ca) = (Some(([].into(), 0)), Some(!fields.has_version));
    for extension in fields.extensions() {
        let Ok(extension) = extension else { return };
        let value = extension.value;
        match extension.id {
            ID_CE_SUBJECT_ALT_NAME => names = subject_names(value, NAMES),
            ID_CE_BASIC_CONSTRAINTS => is_ca = checked::is_ca(value),
            _ => {}
        }
    }
    certificate.is_ca = is_ca;
    if let Some((names, more)) = names {
        (certificate.names, certificate.more_names) = (Some(names), more);
    }
}

/// The number's bytes, without the one that only says that it isn't negative.
fn serial(serial: &[u8]) -> Option<Box<str>> {
    let number = AnyRef::from_der(serial).ok().filter(|number| number.tag() == Tag::Integer)?.value();
    let number = match number {
        [0, rest @ ..] if !rest.is_empty() => rest,
        number => number,
    };
    (1..=SERIAL).contains(&number.len()).then(|| hex(number).into())
}
