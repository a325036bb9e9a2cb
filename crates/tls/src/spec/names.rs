//! The names of cipher suites and key exchange groups: those of IANA, and those of OpenSSL, which curl takes.

use super::SpecError;
use rustls::{CipherSuite, NamedGroup};

/// Each suite that rustls may have, with its name at IANA, and OpenSSL's, or rustls' where that is the same.
const SUITES: [(CipherSuite, &str, &str); 9] = [
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256"),
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", "TLS13_AES_256_GCM_SHA384"),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", "TLS13_CHACHA20_POLY1305_SHA256"),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
    ),
    (
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
];

/// Each group that rustls may have, with its name at IANA and other ones.
const GROUPS: [(NamedGroup, &[&str]); 8] = [
    (NamedGroup::X25519, &["x25519"]),
    (NamedGroup::X448, &["x448"]),
    (NamedGroup::secp256r1, &["secp256r1", "P-256", "prime256v1"]),
    (NamedGroup::secp384r1, &["secp384r1", "P-384"]),
    (NamedGroup::secp521r1, &["secp521r1", "P-521"]),
    (NamedGroup::X25519MLKEM768, &["X25519MLKEM768"]),
    (NamedGroup::secp256r1MLKEM768, &["SecP256r1MLKEM768"]),
    (NamedGroup::MLKEM768, &["MLKEM768"]),
];

/// What all of these names mean.
pub(super) fn all<T>(
    names: &[Box<str>],
    read: impl Fn(&str) -> Option<T>,
    unknown: impl Fn(Box<str>) -> SpecError,
) -> Result<Vec<T>, SpecError> {
    names.iter().map(|name| read(name).ok_or_else(|| unknown(name.clone()))).collect()
}

pub(super) fn cipher_suite(name: &str) -> Option<CipherSuite> {
    let number = name.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let is_it = |(suite, iana, other): &&(CipherSuite, &str, &str)| {
        number == Some(u16::from(*suite)) || name.eq_ignore_ascii_case(iana) || name.eq_ignore_ascii_case(other)
    };
    SUITES.iter().find(is_it).map(|(suite, ..)| *suite)
}

pub(super) fn group(name: &str) -> Option<NamedGroup> {
    let is_it = |(_, names): &&(NamedGroup, &[&str])| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    GROUPS.iter().find(is_it).map(|(group, _)| *group)
}

/// Whether a quantum computer doesn't break it: by ML-KEM, alone or in a hybrid.
pub(super) fn is_hybrid(group: NamedGroup) -> bool {
    matches!(
        group,
        NamedGroup::X25519MLKEM768
            | NamedGroup::secp256r1MLKEM768
            | NamedGroup::MLKEM512
            | NamedGroup::MLKEM768
            | NamedGroup::MLKEM1024
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_known_by_each_of_its_names_and_its_number() {
        for name in ["TLS_AES_128_GCM_SHA256", "tls13_aes_128_gcm_sha256", "0x1301"] {
            assert_eq!(cipher_suite(name), Some(CipherSuite::TLS13_AES_128_GCM_SHA256), "{name}");
        }
        for name in ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "0xc030"] {
            assert_eq!(cipher_suite(name), Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384), "{name}");
        }
        for name in ["", "AES128-SHA", "HIGH", "0x", "0x0005", "TLS_AES_128_CCM_SHA256"] {
            assert_eq!(cipher_suite(name), None, "{name}");
        }
    }

    #[test]
    fn a_group_is_known_by_each_of_its_names() {
        for (name, is) in [
            ("X25519", Some(NamedGroup::X25519)),
            ("prime256v1", Some(NamedGroup::secp256r1)),
            ("p-384", Some(NamedGroup::secp384r1)),
            ("x25519mlkem768", Some(NamedGroup::X25519MLKEM768)),
            ("brainpoolP256r1", None),
        ] {
            assert_eq!(group(name), is, "{name}");
        }
    }
}
