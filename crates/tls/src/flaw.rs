use std::{error::Error, fmt};
use webpki::Error as Webpki;

/// What is wrong with a certificate, in words: webpki's own are the names of its variants.
#[derive(Debug)]
pub(crate) struct Flaw(pub(crate) Webpki);

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Webpki::BadDer | Webpki::BadDerTime | Webpki::TrailingData(_) => "it is malformed",
            Webpki::CaUsedAsEndEntity => "it is an authority's, not a server's",
            Webpki::EndEntityUsedAsCa => "it is issued by one that is no authority's",
            Webpki::InvalidCertValidity => "it ends before it begins",
            Webpki::InvalidSignatureForPublicKey => "its signature is not its issuer's",
            Webpki::MaximumPathDepthExceeded => "too many stand between it and who is trusted",
            Webpki::NameConstraintViolation => "its issuer may not issue for this name",
            Webpki::PathLenConstraintViolated => "too many authorities stand below one of its issuers",
            Webpki::RequiredEkuNotFoundContext(_) => "it, or an issuer of it, is not for servers (extended key usage)",
            Webpki::UnsupportedCertVersion => "its version is not 3",
            Webpki::UnsupportedCriticalExtension => "it has a critical extension that is not known here",
            other => return fmt::Display::fmt(other, f),
        })
    }
}

impl Error for Flaw {}
