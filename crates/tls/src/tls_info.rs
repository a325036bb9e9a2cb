use crate::{
    TlsConfig, TlsError, alpn, certificate_scope::VerifiedPeer, ech::Offer, path::Path, peer::Peer,
    sessions::SessionFacts,
};
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};
use skybridge_core::{Runtime, TlsInfo};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Collects what is known of a connection once its handshake is over.
pub(crate) fn collect(
    tls: &ClientConnection,
    facts: SessionFacts,
    peer: &Peer,
    ech: Option<&Offer>,
    config: &TlsConfig,
    runtime: &dyn Runtime,
) -> Result<TlsInfo, TlsError> {
    let SessionFacts { path, client_auth } = facts;
    let mut info = TlsInfo::new(Arc::new(VerifiedPeer::new(Arc::clone(&path), tls, config.clone())));
    info.version = tls.protocol_version().and_then(version);
    info.cipher = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    info.group = tls.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
    info.alpn = alpn::selected(peer.http_versions, tls.alpn_protocol())?;
    info.sni = peer.sni();
    info.resumed = is_resumed(tls);
    if let Some(offer) = ech {
        // rustls has refused such a connection already.
        let rejected = || TlsError::rejected(offer.public_name(), None);
        info.ech = offer.status(tls.ech_status()).ok_or_else(rejected)?;
    }
    info.client_auth = client_auth;
    info.valid_until = valid_until(&path, config, runtime);
    info.trust = path.trust;
    info.pins = path.pins.iter().map(|pin| pin.to_string().into()).collect();
    Ok(info)
}

pub(crate) fn is_resumed(tls: &ClientConnection) -> bool {
    tls.handshake_kind() == Some(HandshakeKind::Resumed)
}

fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("1.2"),
        ProtocolVersion::TLSv1_3 => Some("1.3"),
        _ => None,
    }
}

/// The instant of the runtime's clock at which the certificate path expires by the calendar.
fn valid_until(path: &Path, config: &TlsConfig, runtime: &dyn Runtime) -> Option<Instant> {
    let left = path.not_after?.as_secs().saturating_sub(config.clock().current_time()?.as_secs());
    runtime.now().checked_add(Duration::from_secs(left))
}
