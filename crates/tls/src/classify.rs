//! Turns the errors of rustls, webpki and the stream into this crate's.

use crate::{
    Pin, TlsError, ech,
    fault::{Chain, Fault},
    invalid_certificate::InvalidCertificate,
    words, x509,
};
use rustls::{CertificateError, PeerIncompatible, pki_types::UnixTime};
use std::{
    error::Error as StdError,
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};
use webpki::EndEntityCert;

/// A handshake that failed although the verifier accepted the peer.
pub(crate) fn handshake(error: io::Error, name: &str) -> TlsError {
    match error.downcast::<rustls::Error>() {
        Ok(rustls::Error::InvalidCertificate(error)) => {
            TlsError::Certificate { name: name.into(), source: InvalidCertificate::Rustls(error).into() }
        }
        Ok(rustls::Error::PeerIncompatible(PeerIncompatible::ServerRejectedEncryptedClientHello(configs))) => {
            TlsError::rejected(None, configs.map(|configs| ech::write(&configs)))
        }
        Ok(error) => TlsError::Handshake(error),
        Err(error) => TlsError::Io(error),
    }
}

/// An alert of the peer's after the handshake, as whoever reads knows it: without rustls.
#[cold]
pub(crate) fn read(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(&rustls::Error::AlertReceived(alert)) => io::Error::new(error.kind(), words::alert(alert)),
        _ => error,
    }
}

/// A chain that webpki rejected.
pub(crate) fn chain(error: webpki::Error, name: &str, chain: Chain<'_>) -> TlsError {
    match Fault::find(&error, chain) {
        Some(fault) => TlsError::Certificate { name: name.into(), source: InvalidCertificate::Found(fault).into() },
        None => certificate(error, name).of_chain(chain.leaf, chain.others),
    }
}

/// A certificate that webpki rejected.
pub(crate) fn certificate(error: webpki::Error, name: &str) -> TlsError {
    let name = name.into();
    match error {
        webpki::Error::UnknownIssuer => TlsError::UnknownIssuer { name, issuer: None, alone: false },
        webpki::Error::CertExpired { time, not_after } => TlsError::Expired {
            name,
            ago: Duration::from_secs(time.as_secs().saturating_sub(not_after.as_secs())),
            not_after: system(not_after),
            issuer: None,
        },
        webpki::Error::CertNotValidYet { time, not_before } => TlsError::NotYetValid {
            name,
            ahead: Duration::from_secs(not_before.as_secs().saturating_sub(time.as_secs())),
            not_before: system(not_before),
            issuer: None,
        },
        error => TlsError::Certificate { name, source: InvalidCertificate::Webpki(error).into() },
    }
}

/// No certificate has a time that the system's clock can't tell.
fn system(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs())).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A certificate that is trusted itself, and can't be a server's.
pub(crate) fn invalid(reason: InvalidCertificate, name: &str) -> TlsError {
    match reason {
        InvalidCertificate::Webpki(error) => certificate(error, name),
        reason => TlsError::Certificate { name: name.into(), source: reason.into() },
    }
}

/// A certificate that webpki rejected for this name.
pub(crate) fn name(error: webpki::Error, leaf: &EndEntityCert<'_>, name: &str) -> TlsError {
    match error {
        webpki::Error::CertNotValidForName(_) => TlsError::NotValidForName {
            name: name.into(),
            presented: x509::hosts(&leaf.der()),
            leaf: Pin::of_key(&[leaf.subject_public_key_info().as_ref()]),
        },
        error => certificate(error, name),
    }
}

/// A signature of the handshake that is wrong, as rustls says; and why it can't be right, if its key tells.
pub(crate) fn signature(error: rustls::Error, leaf: &[u8]) -> rustls::Error {
    match error {
        rustls::Error::InvalidCertificate(_) => match Fault::of_key(leaf) {
            Some(fault) => {
                CertificateError::Other(rustls::OtherError(Arc::new(InvalidCertificate::Found(fault)))).into()
            }
            None => error,
        },
        error => error,
    }
}

/// A certificate that the verifier of somebody else rejected.
pub(crate) fn refused_by_another(
    error: rustls::Error,
    leaf: &rustls::pki_types::CertificateDer<'_>,
    name: &str,
) -> TlsError {
    let reason = match error {
        rustls::Error::InvalidCertificate(reason) => reason,
        error => return TlsError::Certificate { name: name.into(), source: InvalidCertificate::Refused(error).into() },
    };
    match reason {
        CertificateError::UnknownIssuer => TlsError::UnknownIssuer { name: name.into(), issuer: None, alone: false },
        CertificateError::Revoked => TlsError::Revoked { name: name.into(), issuer: None, since: None, stapled: false },
        CertificateError::ExpiredContext { time, not_after } => {
            certificate(webpki::Error::CertExpired { time, not_after }, name)
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            certificate(webpki::Error::CertNotValidYet { time, not_before }, name)
        }
        CertificateError::NotValidForNameContext { .. } | CertificateError::NotValidForName => {
            not_valid_for(name, leaf)
        }
        reason => TlsError::Certificate { name: name.into(), source: InvalidCertificate::Rustls(reason).into() },
    }
}

fn not_valid_for(name: &str, leaf: &rustls::pki_types::CertificateDer<'_>) -> TlsError {
    let key = EndEntityCert::try_from(leaf).map(|leaf| leaf.subject_public_key_info());
    TlsError::NotValidForName {
        name: name.into(),
        presented: x509::hosts(leaf),
        leaf: Pin::of_key(&[key.as_ref().map_or(&[], |key| key.as_ref())]),
    }
}

/// The error from which rustls chooses the alert for the peer.
pub(crate) fn alert(error: &TlsError) -> rustls::Error {
    let alert = match error {
        TlsError::UnknownIssuer { .. } | TlsError::SelfSigned { .. } => CertificateError::UnknownIssuer,
        TlsError::NotValidForName { .. } => CertificateError::NotValidForName,
        TlsError::Expired { .. } => CertificateError::Expired,
        TlsError::NotYetValid { .. } => CertificateError::NotValidYet,
        TlsError::Revoked { .. } => CertificateError::Revoked,
        TlsError::RevocationUnknown { stapled: true, .. } | TlsError::MustStaple { .. } => {
            CertificateError::InvalidOcspResponse
        }
        TlsError::RevocationUnknown { .. } => CertificateError::UnknownRevocationStatus,
        TlsError::PinMismatch(_) => CertificateError::ApplicationVerificationFailure,
        _ => CertificateError::BadEncoding,
    };
    alert.into()
}

/// What a verifier that stands alone tells rustls, given the error from which the alert would be chosen: that one, or
/// the whole error where it says more.
pub(crate) fn refused(error: TlsError, alert: rustls::Error) -> rustls::Error {
    match error {
        TlsError::UnknownIssuer { .. } | TlsError::SelfSigned { .. } => alert,
        TlsError::Expired { .. } | TlsError::NotYetValid { .. } => alert,
        error => CertificateError::Other(rustls::OtherError(Arc::new(error))).into(),
    }
}

/// This crate's error behind those of rustls and the stream. Neither of them has it as its `source()`.
pub(crate) fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match (error.downcast_ref::<rustls::Error>(), error.downcast_ref::<io::Error>()) {
            (Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))), _) => Some(&*other.0),
            (_, Some(error)) => error.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            _ => error.source(),
        };
    }
    None
}
