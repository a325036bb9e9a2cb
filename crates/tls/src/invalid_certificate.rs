use crate::{fault::Fault, ocsp::StapleFault, words};
use rustls::CertificateError;
use std::{error::Error, fmt};
use webpki::Error as WebpkiError;

/// Why a certificate was rejected, in words: webpki's own `Display` prints the names of its variants.
#[derive(Debug)]
pub(crate) enum InvalidCertificate {
    /// By webpki.
    Webpki(WebpkiError),
    /// By webpki, and it is known where the fault is.
    Found(Fault),
    /// By us, for what was stapled to it, or wasn't.
    Staple(StapleFault),
    /// By rustls, or a verifier of the system.
    Rustls(CertificateError),
    /// By such a verifier, for a reason that isn't the certificate's.
    Refused(rustls::Error),
    /// By webpki or us: so many intermediates are the most that a path may have.
    TooLong(usize),
    /// By us: its extended key usage doesn't name servers.
    NotForServers,
    /// By us: its key usage doesn't name what a handshake needs.
    NotForHandshakes,
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = match self {
            Self::Webpki(error) => error,
            Self::Refused(error) => return f.write_str(&words::of_handshake(error)),
            Self::Staple(fault) => return fault.fmt(f),
            Self::Found(fault) => return fault.fmt(f),
            Self::Rustls(error) => return f.write_str(&words::of_certificate(error)),
            Self::TooLong(most) => {
                return write!(f, "the chain to a trusted root is too long: the most intermediates are {most}");
            }
            Self::NotForServers => return f.write_str("its extended key usage doesn't allow server authentication"),
            Self::NotForHandshakes => return f.write_str("its key usage doesn't allow TLS handshakes"),
        };
        f.write_str(&words::of_webpki(error))
    }
}

impl Error for InvalidCertificate {}
