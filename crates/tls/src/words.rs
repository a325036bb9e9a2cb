//! What rustls finds wrong, in sentences: its own errors print the names of their variants.

use rustls::{
    AlertDescription, CertificateError, EncryptedClientHelloError, Error, InvalidMessage, PeerIncompatible,
    pki_types::pem,
};
use skybridge_core::TlsAlert;
use std::{borrow::Cow, fmt::Debug};

/// rustls reads 0xffff bytes, though TLS has room for 2^24 (RFC 8446, section 4).
const TOO_LARGE: &str = "the peer sent a TLS message of 64 KiB or more, such as certificates with very many names, and \
                         those aren't read";

/// Why a handshake failed.
pub(crate) fn of_handshake(error: &Error) -> Cow<'static, str> {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "the peer does not speak TLS".into(),
        Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
        ) => TOO_LARGE.into(),
        Error::InvalidMessage(why) => format!("the peer sent a malformed TLS message ({})", split(why)).into(),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::PeerIncompatible(why) => of_incompatible(why),
        Error::PeerMisbehaved(why) => format!("the peer broke the rules of TLS ({})", split(why)).into(),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the peer sent a TLS message that may not come now".into()
        }
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::InvalidCertRevocationList(_) => "a certificate revocation list is invalid".into(),
        Error::NoCertificatesPresented => "the peer showed no certificate".into(),
        Error::NoApplicationProtocol => "the peer speaks none of the offered protocols (ALPN)".into(),
        Error::DecryptError => "what the peer sent can't be decrypted".into(),
        Error::PeerSentOversizedRecord => "the peer sent a TLS record that is too large".into(),
        Error::InvalidEncryptedClientHello(why) => format!("Encrypted Client Hello failed ({})", split(why)).into(),
        Error::InconsistentKeys(_) => "the private key does not belong to the certificate".into(),
        Error::FailedToGetCurrentTime => "there is no clock".into(),
        Error::FailedToGetRandomBytes => "there are no random numbers".into(),
        Error::General(text) => text.clone().into(),
        Error::Other(error) => error.to_string().into(),
        other => split(other).into(),
    }
}

/// Why keys of Encrypted Client Hello can't be used.
pub(crate) fn of_ech_keys(error: &Error) -> Cow<'static, str> {
    match error {
        Error::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList) => "they are malformed".into(),
        Error::InvalidEncryptedClientHello(EncryptedClientHelloError::NoCompatibleConfig) => {
            "none of them is of a kind that is known here".into()
        }
        other => of_handshake(other),
    }
}

/// What the peer's alert says (RFC 8446, section 6).
fn of_alert(alert: AlertDescription) -> Cow<'static, str> {
    let alert = self::alert(alert);
    match alert.meaning() {
        Some(meaning) => format!("the peer refused the handshake: {meaning} (alert {})", alert.name()).into(),
        None => format!("the peer refused the handshake (alert {})", alert.name()).into(),
    }
}

/// An alert with the name that the RFC has for it.
pub(crate) fn alert(alert: AlertDescription) -> TlsAlert {
    let name = match alert {
        // rustls spells it otherwise.
        AlertDescription::UnrecognisedName => "unrecognized_name".to_owned(),
        alert => snake(&format!("{alert:?}")),
    };
    TlsAlert::new(alert.into(), name)
}

fn of_incompatible(why: &PeerIncompatible) -> Cow<'static, str> {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 => "the peer speaks neither TLS 1.2 nor 1.3".into(),
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the peer chose a version of TLS that is not allowed here".into()
        }
        PeerIncompatible::NoCipherSuitesInCommon => "there is no cipher suite that both sides allow".into(),
        PeerIncompatible::NoKxGroupsInCommon => "there is no key exchange that both sides allow".into(),
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
            "there is no kind of signature that both sides allow".into()
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => "the peer rejected Encrypted Client Hello".into(),
        other => format!("the peer's TLS does not go with ours ({})", split(other)).into(),
    }
}

/// Why a certificate was rejected by a verifier that is not this crate's.
pub(crate) fn of_certificate(error: &CertificateError) -> Cow<'static, str> {
    match error {
        CertificateError::BadEncoding => "the certificate is malformed".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".into()
        }
        CertificateError::Revoked => "the certificate was revoked".into(),
        CertificateError::UnhandledCriticalExtension => "the certificate has an unknown critical extension".into(),
        CertificateError::UnknownIssuer => "the issuer of the certificate is not trusted".into(),
        CertificateError::UnknownRevocationStatus => "it is not known whether the certificate was revoked".into(),
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            "the list of revoked certificates has expired".into()
        }
        CertificateError::BadSignature => "a signature is wrong".into(),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a signature is of a kind that is not supported".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is for another purpose".into()
        }
        CertificateError::InvalidOcspResponse => "what was stapled to the certificate (OCSP) is invalid".into(),
        CertificateError::ApplicationVerificationFailure => "the certificate was refused".into(),
        CertificateError::Other(error) => error.to_string().into(),
        other => format!("the certificate was refused ({})", split(other)).into(),
    }
}

/// Why a certificate can't be used, or a path not be found.
pub(crate) fn of_webpki(error: &webpki::Error) -> Cow<'static, str> {
    use webpki::Error as E;
    match error {
        E::BadDer | E::BadDerTime | E::TrailingData(_) | E::MalformedExtensions | E::ExtensionValueInvalid => {
            "the certificate is malformed"
        }
        E::InvalidSerialNumber => "its serial number is malformed",
        E::MalformedDnsIdentifier => "one of its names, or an issuer's, is malformed",
        E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint => "a name constraint of an issuer is malformed",
        E::EmptyEkuExtension => "its extended key usage, or an issuer's, is empty",
        E::SignatureAlgorithmMismatch => "it says in two ways how it is signed",
        E::UnsupportedCertVersion => "its X.509 version is not 3",
        E::UnsupportedCriticalExtension => "it has an unknown critical extension",
        E::CaUsedAsEndEntity => "a CA certificate is used as the server's",
        E::EndEntityUsedAsCa => "the issuer is not a CA",
        E::InvalidCertValidity => "its validity ends before it begins",
        E::InvalidSignatureForPublicKey => "its signature doesn't match the issuer's key",
        E::MaximumPathDepthExceeded => "the chain to a trusted root is too long",
        E::MaximumPathBuildCallsExceeded | E::MaximumSignatureChecksExceeded => {
            "the peer's certificates leave too many paths to try"
        }
        E::MaximumNameConstraintComparisonsExceeded => "it has too many names for its issuers' name constraints",
        E::NameConstraintViolation => "a name constraint of the issuer excludes this name",
        E::PathLenConstraintViolated => "the chain exceeds the path length that one of its issuers allows",
        E::RequiredEkuNotFoundContext(_) => {
            "its extended key usage, or an issuer's, doesn't allow server authentication"
        }
        E::UnsupportedSignatureAlgorithmContext(_) => {
            "its signature, or an issuer's, is of a kind that is not supported"
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => "its signature doesn't go with the issuer's key",
        E::CertRevoked => "it was revoked",
        E::UnknownRevocationStatus => "no list says whether it was revoked",
        E::CrlExpired { .. } => "the list of revoked certificates has expired",
        E::InvalidCrlSignatureForPublicKey => "the issuer hasn't signed the list of revoked certificates",
        E::IssuerNotCrlSigner => "the issuer may sign no list of revoked certificates",
        E::InvalidCrlNumber => "the number of the list of revoked certificates is malformed",
        E::UnsupportedCrlVersion => "the list of revoked certificates is of an unknown version",
        E::UnsupportedDeltaCrl => "the list of revoked certificates is one of changes to another",
        E::UnsupportedIndirectCrl => "the list of revoked certificates is for those of other issuers",
        E::UnsupportedCrlIssuingDistributionPoint | E::UnsupportedRevocationReasonsPartitioning => {
            "the list of revoked certificates is for a part that is told in an unsupported way"
        }
        E::UnsupportedRevocationReason => "the list of revoked certificates has an unknown reason",
        E::UnsupportedCrlSignatureAlgorithmContext(_) | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            "the list of revoked certificates is signed in a way that is not supported"
        }
        other => return split(other).into(),
    }
    .into()
}

/// Why a list of revoked certificates can't be read.
pub(crate) fn of_crl(error: &webpki::Error) -> Cow<'static, str> {
    use webpki::Error as E;
    match error {
        E::BadDer | E::BadDerTime | E::TrailingData(_) | E::MalformedExtensions | E::ExtensionValueInvalid => {
            "it is malformed".into()
        }
        E::InvalidSerialNumber => "a serial number is malformed".into(),
        E::UnsupportedCrlVersion => "its X.509 version is not 2".into(),
        other => of_webpki(other),
    }
}

/// Whether it is about a list of revoked certificates rather than about the certificate.
pub(crate) fn is_of_crl(error: &webpki::Error) -> bool {
    use webpki::Error as E;
    matches!(
        error,
        E::UnknownRevocationStatus
            | E::CrlExpired { .. }
            | E::InvalidCrlSignatureForPublicKey
            | E::IssuerNotCrlSigner
            | E::UnsupportedCrlSignatureAlgorithmContext(_)
            | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
    )
}

/// Why a PEM can't be read (RFC 7468).
pub(crate) fn of_pem(error: &pem::Error) -> Cow<'static, str> {
    match error {
        pem::Error::MissingSectionEnd { .. } => "its END line is missing".into(),
        pem::Error::IllegalSectionStart { .. } => "its BEGIN line doesn't end in dashes".into(),
        pem::Error::Base64Decode(_) => "it isn't base64".into(),
        pem::Error::SectionTooLarge => "it is too large".into(),
        pem::Error::NoItemsFound => "there is none".into(),
        pem::Error::Io(error) => error.to_string().into(),
        other => split(other).into(),
    }
}

/// The name of a variant as words. What is in the variant is left out: it is for programs.
fn split(variant: &impl Debug) -> String {
    let debug = format!("{variant:?}");
    let end = debug.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(debug.len());
    snake(&debug[..end]).replace('_', " ")
}

/// `UnknownCA` as `unknown_ca`, `UnknownPSKIdentity` as `unknown_psk_identity`.
fn snake(name: &str) -> String {
    let mut words = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let after_small = at > 0 && chars[at - 1].is_ascii_lowercase();
        let before_small = at > 0 && chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && (after_small || before_small) {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{PeerMisbehaved, pki_types::UnixTime};
    use std::time::Duration;

    #[test]
    fn alerts_have_the_names_of_the_rfc() {
        let rows = [
            (AlertDescription::CertificateRequired, "certificate_required"),
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::UnknownPSKIdentity, "unknown_psk_identity"),
            (AlertDescription::HandshakeFailure, "handshake_failure"),
            (AlertDescription::UnrecognisedName, "unrecognized_name"),
        ];
        for (found, name) in rows {
            assert_eq!(alert(found).name(), name);
        }
    }

    #[test]
    fn no_text_of_a_program_is_in_a_sentence() {
        let ids = || vec![6, 8, 42];
        let errors = [
            Error::AlertReceived(AlertDescription::HandshakeFailure),
            Error::AlertReceived(AlertDescription::Unknown(200)),
            Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon),
            Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered),
            Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedKxGroup),
            Error::InvalidMessage(InvalidMessage::MessageTooLarge),
            Error::InvalidCertificate(CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: ids(),
                public_key_algorithm_id: ids(),
            }),
            Error::InappropriateMessage { expect_types: Vec::new(), got_type: rustls::ContentType::Alert },
            Error::EncryptError,
            Error::BadMaxFragmentSize,
        ];
        for error in errors {
            let said = of_handshake(&error);
            let is_of_program = |word: &str| word.chars().skip(1).any(|c| c.is_ascii_uppercase()) && word.len() > 5;
            assert!(!said.contains(['[', '{']) && !said.split([' ', '(', ')']).any(is_of_program), "{said}");
        }
    }
    #[test]
    fn what_webpki_finds_is_said_in_a_sentence() {
        use webpki::Error as E;
        let algorithm = || webpki::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![6, 1, 42],
            supported_algorithms: Vec::new(),
        };
        let key = || webpki::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![6, 1, 42],
            public_key_algorithm_id: vec![6, 1, 42],
        };
        let (time, next_update) =
            (UnixTime::since_unix_epoch(Duration::MAX), UnixTime::since_unix_epoch(Duration::ZERO));
        for error in [
            E::BadDer,
            E::BadDerTime,
            E::CaUsedAsEndEntity,
            E::CertRevoked,
            E::CrlExpired { time, next_update },
            E::EmptyEkuExtension,
            E::EndEntityUsedAsCa,
            E::ExtensionValueInvalid,
            E::InvalidCertValidity,
            E::InvalidCrlNumber,
            E::InvalidNetworkMaskConstraint,
            E::InvalidSerialNumber,
            E::InvalidCrlSignatureForPublicKey,
            E::InvalidSignatureForPublicKey,
            E::IssuerNotCrlSigner,
            E::MalformedDnsIdentifier,
            E::MalformedExtensions,
            E::MalformedNameConstraint,
            E::MaximumNameConstraintComparisonsExceeded,
            E::MaximumPathBuildCallsExceeded,
            E::MaximumPathDepthExceeded,
            E::MaximumSignatureChecksExceeded,
            E::NameConstraintViolation,
            E::PathLenConstraintViolated,
            E::SignatureAlgorithmMismatch,
            E::UnknownRevocationStatus,
            E::UnsupportedCertVersion,
            E::UnsupportedCriticalExtension,
            E::UnsupportedCrlIssuingDistributionPoint,
            E::UnsupportedCrlVersion,
            E::UnsupportedDeltaCrl,
            E::UnsupportedIndirectCrl,
            E::UnsupportedRevocationReason,
            E::UnsupportedRevocationReasonsPartitioning,
            E::UnsupportedCrlSignatureAlgorithmContext(algorithm()),
            E::UnsupportedSignatureAlgorithmContext(algorithm()),
            E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(key()),
            E::UnsupportedSignatureAlgorithmForPublicKeyContext(key()),
        ] {
            let said = of_webpki(&error);
            assert_ne!(said, split(&error));
            assert!(said.contains(' ') && !said.contains(['(', '[', '{', '_']), "{said}");
        }
    }
}
