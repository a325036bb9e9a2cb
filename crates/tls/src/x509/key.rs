use super::fields::inside;
use const_oid::db::{
    DB,
    rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1},
    rfc8410::{ID_ED_448, ID_ED_25519},
};
use der::{
    AnyRef, Decode, Reader, SliceReader, Tag, Tagged,
    asn1::{BitStringRef, ObjectIdentifier, UintRef},
};
use skybridge_core::CertificateKey;
use std::borrow::Cow;

/// The database has it not (RFC 3279, section 2.2.3).
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// Of which kind a public key (SubjectPublicKeyInfo) is, and of which size.
pub(crate) fn key(info: &[u8]) -> Option<CertificateKey> {
    let mut info = inside(&mut SliceReader::new(info).ok()?, Tag::Sequence).ok()?;
    let (algorithm, parameters) = algorithm(&mut info)?;
    let key: BitStringRef<'_> = info.decode().ok()?;
    let (algorithm, bits) = match algorithm {
        RSA_ENCRYPTION => ("RSA".into(), Some(modulus(key.as_bytes()?)?)),
        ID_EC_PUBLIC_KEY => curve(parameters)?,
        ID_ED_25519 => ("Ed25519".into(), Some(256)),
        ID_ED_448 => ("Ed448".into(), Some(456)),
        other => (named(&other), None),
    };
    Some(CertificateKey::new(algorithm, bits))
}

/// Whether it is one public key of any kind, and nothing besides.
pub(crate) fn is_public_key(info: &[u8]) -> bool {
    let is_whole = AnyRef::from_der(info).is_ok_and(|all| all.tag() == Tag::Sequence);
    is_whole && key(info).is_some()
}

/// An AlgorithmIdentifier, and its parameters.
pub(super) fn algorithm<'a>(reader: &mut SliceReader<'a>) -> Option<(ObjectIdentifier, Option<AnyRef<'a>>)> {
    let mut algorithm = inside(reader, Tag::Sequence).ok()?;
    Some((algorithm.decode().ok()?, algorithm.decode().ok()?))
}

/// What an algorithm is called, or its digits.
pub(super) fn named(algorithm: &ObjectIdentifier) -> Cow<'static, str> {
    match (DB.by_oid(algorithm), *algorithm == ECDSA_WITH_SHA_1) {
        (Some(name), _) => name.into(),
        (None, true) => "ecdsa-with-SHA1".into(),
        (None, false) => algorithm.to_string().into(),
    }
}

/// How many bits the modulus of an RSA key has (RFC 8017, appendix A.1.1).
fn modulus(key: &[u8]) -> Option<u32> {
    let mut key = inside(&mut SliceReader::new(key).ok()?, Tag::Sequence).ok()?;
    let bytes = key.decode::<UintRef<'_>>().ok()?.as_bytes();
    let zeros = bytes.first()?.leading_zeros();
    u32::try_from(bytes.len()).ok()?.checked_mul(8)?.checked_sub(zeros)
}

/// A curve is named by its object identifier (RFC 5480, section 2.1.1).
fn curve(parameters: Option<AnyRef<'_>>) -> Option<(Cow<'static, str>, Option<u32>)> {
    let curve: ObjectIdentifier = parameters?.decode_as().ok()?;
    Some(match curve {
        SECP_256_R_1 => ("EC P-256".into(), Some(256)),
        SECP_384_R_1 => ("EC P-384".into(), Some(384)),
        SECP_521_R_1 => ("EC P-521".into(), Some(521)),
        other => (format!("EC {}", named(&other)).into(), None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn short(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }

    /// Of this algorithm, with these parameters.
    fn info(oid: &str, parameters: &[u8], key: &[u8]) -> Vec<u8> {
        let oid = short(6, ObjectIdentifier::new_unwrap(oid).as_bytes());
        let algorithm = short(0x30, &[&*oid, parameters].concat());
        let key = [&[0], key].concat();
        let key = if key.len() < 128 { short(3, &key) } else { element(3, &key) };
        let both = [algorithm, key].concat();
        if both.len() < 128 { short(0x30, &both) } else { element(0x30, &both) }
    }

    #[test]
    fn keys_have_a_kind_and_a_size() {
        let rsa = |first: u8| {
            let modulus = [&[0, first][..], &[0x55; 255]].concat();
            element(0x30, &[element(2, &modulus), short(2, &[1, 0, 1])].concat())
        };
        let curve = |oid: &str| short(6, ObjectIdentifier::new_unwrap(oid).as_bytes());
        let (rsa_id, ec) = ("1.2.840.113549.1.1.1", "1.2.840.10045.2.1");
        let rows = [
            (info(rsa_id, &[5, 0], &rsa(0x80)), Some("RSA (2048 bits)")),
            (info(rsa_id, &[5, 0], &[0x30, 0]), None),
            (info(ec, &curve("1.2.840.10045.3.1.7"), &[4; 65]), Some("EC P-256 (256 bits)")),
            (info(ec, &curve("1.3.132.0.34"), &[4; 97]), Some("EC P-384 (384 bits)")),
            (info(ec, &curve("1.2.3.4"), &[4; 65]), Some("EC 1.2.3.4")),
            (info(ec, &[], &[4; 65]), None),
            (info("1.3.101.112", &[], &[7; 32]), Some("Ed25519 (256 bits)")),
            (info("1.2.3.4", &[], &[7]), Some("1.2.3.4")),
        ];
        for (info, expected) in rows {
            assert_eq!(key(&info).map(|key| key.to_string()).as_deref(), expected);
        }
    }
}
