//! The checks of a server's certificate that is a trusted root itself. webpki refuses it when it says CA:TRUE, and has
//! no path to build: so what webpki checks of a leaf otherwise is checked here.

use crate::{invalid_certificate::InvalidCertificate, x509};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, Error};

/// Whether the certificate is valid now, and its key may be a server's.
///
/// Unlike webpki this looks at the key usage too: a root that says it signs certificates and nothing else is no
/// server's certificate.
pub(crate) fn check(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), InvalidCertificate> {
    let malformed = InvalidCertificate::Webpki(Error::BadDer);
    let Some((validity, usage)) = x509::validity(leaf).zip(x509::usage(leaf)) else { return Err(malformed) };
    let x509::Validity { not_before, not_after } = validity;
    if now < not_before {
        return Err(InvalidCertificate::Webpki(Error::CertNotValidYet { time: now, not_before }));
    }
    if now > not_after {
        return Err(InvalidCertificate::Webpki(Error::CertExpired { time: now, not_after }));
    }
    if !usage.servers {
        return Err(InvalidCertificate::NotForServers);
    }
    if !usage.handshakes {
        return Err(InvalidCertificate::NotForHandshakes);
    }
    Ok(())
}

/// Whether the certificate is signed by its own key.
pub(crate) fn is_self_signed(leaf: &CertificateDer<'_>, algorithms: &[&dyn SignatureVerificationAlgorithm]) -> bool {
    let (Ok(certificate), Some((message, signature))) = (EndEntityCert::try_from(leaf), x509::signed(leaf)) else {
        return false;
    };
    // Those for another kind of key are refused before anything is computed.
    algorithms.iter().any(|algorithm| certificate.verify_signature(*algorithm, message, signature).is_ok())
}
