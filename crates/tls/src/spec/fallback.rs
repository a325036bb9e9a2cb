use crate::{TlsError, words};
use rustls::{AlertDescription, Error, PeerMisbehaved};

/// Whether another spec may be tried after this error: where the two can't agree on how to speak TLS, or the peer has
/// broken its rules. Not where the peer isn't who it should be, where the stream failed, where the peer is not content
/// with our certificate or our protocols, or where the fault is this side's.
pub(crate) fn is_permitted(error: &TlsError) -> bool {
    let TlsError::Handshake(error) = error else { return false };
    match error {
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => false,
        // The server says that it speaks TLS 1.3, and somebody between keeps it from that: a spec without it would hide
        // it.
        Error::PeerMisbehaved(PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported) => false,
        Error::AlertReceived(alert) => !words::alert(*alert).is_certificate(),
        Error::PeerIncompatible(_)
        | Error::PeerMisbehaved(_)
        | Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::DecryptError
        | Error::PeerSentOversizedRecord => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pin;
    use rustls::{CertificateError, InvalidMessage, PeerIncompatible};
    use std::io;

    #[test]
    fn only_what_another_spec_may_change_permits_a_fallback() {
        let name = || "a.test".into();
        let rows = [
            (TlsError::Handshake(Error::AlertReceived(AlertDescription::HandshakeFailure)), true),
            (TlsError::Handshake(Error::AlertReceived(AlertDescription::ProtocolVersion)), true),
            (TlsError::Handshake(Error::AlertReceived(AlertDescription::InsufficientSecurity)), true),
            (TlsError::Handshake(Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)), true),
            (TlsError::Handshake(Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedKxGroup)), true),
            (TlsError::Handshake(Error::InvalidMessage(InvalidMessage::InvalidContentType)), true),
            (TlsError::Handshake(Error::DecryptError), true),
            // A fallback is what the attacker wants.
            (
                TlsError::Handshake(Error::PeerMisbehaved(
                    PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported,
                )),
                false,
            ),
            // The client's certificate, and the protocol above, are no matter of a spec.
            (TlsError::Handshake(Error::AlertReceived(AlertDescription::CertificateRequired)), false),
            (TlsError::Handshake(Error::AlertReceived(AlertDescription::BadCertificate)), false),
            (TlsError::Handshake(Error::AlertReceived(AlertDescription::NoApplicationProtocol)), false),
            (TlsError::NoClientCertificate(words::alert(AlertDescription::HandshakeFailure)), false),
            (TlsError::NoHttp2, false),
            // The peer isn't who it should be.
            (TlsError::Handshake(Error::NoCertificatesPresented), false),
            (TlsError::Handshake(Error::InvalidCertificate(CertificateError::BadSignature)), false),
            (TlsError::SelfSigned { name: name() }, false),
            (TlsError::NotValidForName { name: name(), presented: [].into(), leaf: Pin::of_key(&[b"key"]) }, false),
            (TlsError::rejected(None, None), false),
            // The stream, and this side.
            (TlsError::Io(io::ErrorKind::ConnectionReset.into()), false),
            (TlsError::Io(io::ErrorKind::UnexpectedEof.into()), false),
            (TlsError::Io(io::ErrorKind::TimedOut.into()), false),
            (TlsError::Handshake(Error::EncryptError), false),
            (TlsError::Handshake(Error::FailedToGetRandomBytes), false),
            (TlsError::NotAName(name()), false),
        ];
        for (error, permitted) in rows {
            assert_eq!(is_permitted(&error), permitted, "{error:?}");
        }
    }
}
