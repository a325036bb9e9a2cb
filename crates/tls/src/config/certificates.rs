//! What a PEM has in it.

use super::error::TlsConfigError;
use rustls::pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};

/// Its certificates, at least one.
pub(crate) fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    // Editors put a byte order mark before the first line, and OpenSSL reads past it.
    let pem = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        found.push(certificate.map_err(|source| not_pem(what, found.len() + 1, source))?);
    }
    if found.is_empty() { Err(not_pem(what, 1, pem::Error::NoItemsFound)) } else { Ok(found) }
}

pub(crate) fn not_pem(what: &'static str, number: usize, source: pem::Error) -> TlsConfigError {
    TlsConfigError::Pem { what, number, source }
}
