use crate::words;
use rustls::CertificateError;
use std::{error::Error, fmt};
use webpki::Error as WebpkiError;

/// Why a certificate was rejected, in words: webpki's own `Display` prints the names of its variants.
#[derive(Debug)]
pub(crate) enum InvalidCertificate {
    /// By webpki.
    Webpki(WebpkiError),
    /// By rustls, or a verifier of the system.
    Rustls(CertificateError),
    /// By us: its extended key usage doesn't name servers.
    NotForServers,
    /// By us: its key usage doesn't name what a handshake needs.
    NotForHandshakes,
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::Webpki(error) => error,
            Self::Rustls(error) => return f.write_str(&words::of_certificate(error)),
            Self::NotForServers => return f.write_str("its extended key usage doesn't allow server authentication"),
            Self::NotForHandshakes => return f.write_str("its key usage doesn't allow TLS handshakes"),
        };
        f.write_str(match error {
            WebpkiError::CaUsedAsEndEntity => "a CA certificate is used as the server's",
            WebpkiError::EndEntityUsedAsCa => "the issuer is not a CA",
            WebpkiError::InvalidCertValidity => "its validity ends before it begins",
            WebpkiError::InvalidSignatureForPublicKey => "its signature doesn't match the issuer's key",
            WebpkiError::MaximumPathDepthExceeded => "the chain to a trusted root is too long",
            WebpkiError::NameConstraintViolation => "a name constraint of the issuer excludes this name",
            WebpkiError::PathLenConstraintViolated => {
                "the chain exceeds the path length that one of its issuers allows"
            }
            WebpkiError::RequiredEkuNotFoundContext(_) => {
                "its extended key usage, or an issuer's, doesn't allow server authentication"
            }
            other => return f.write_str(&words::of_webpki(other)),
        })
    }
}

impl Error for InvalidCertificate {}
