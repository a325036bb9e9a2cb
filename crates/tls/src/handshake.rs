use crate::{
    MaybeTls, TlsConfig, TlsError, certificate_scope, classify, ech::Offer, handshake_capture, identity,
    metered::Metered, peer::Peer, tls_info,
};
use skybridge_core::{ConnInfo, EventKind, Io, TlsInfo};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
};
use tokio_rustls::TlsConnector;

/// Runs one TLS handshake. Dropping the future closes the stream.
pub(crate) async fn handshake<I: Io>(
    io: I,
    peer: Peer,
    ech: Option<&Offer>,
    config: &TlsConfig,
    link: &ConnInfo,
) -> Result<(MaybeTls<I>, TlsInfo), TlsError> {
    let (client, store) = config.for_connection(&peer, ech.and_then(Offer::mode)).map_err(TlsError::Handshake)?;
    let by_peer = config.identity().is_by_peer();
    let mut connecting = pin!(TlsConnector::from(Arc::new(client)).connect(peer.name.clone(), Metered::new(io)));
    let connected = poll_fn(|cx| {
        if let Some(io) = connecting.as_mut().get_mut().get_mut() {
            io.refill();
        }
        let (poll, captured) = handshake_capture::capture(|| match by_peer {
            true => identity::asked_by(&peer, || connecting.as_mut().poll(cx)),
            false => connecting.as_mut().poll(cx),
        });
        store.add(captured);
        poll
    });
    let mut stream = match connected.await {
        Ok(stream) => stream,
        Err(error) => {
            let error = store.refused().unwrap_or_else(|| match classify::handshake(error, &peer.text) {
                error if store.has_shown_none() => error.after_showing_none(),
                error => error,
            });
            return Err(match ech.and_then(Offer::public_name) {
                Some(public_name) if store.is_unverified() => error.beside(public_name, &peer.text).unproven(),
                Some(public_name) => error.beside(public_name, &peer.text),
                None => error,
            });
        }
    };
    let resumed = tls_info::is_resumed(stream.get_ref().1);
    let facts = store.finish(resumed).ok_or(TlsError::Handshake(rustls::Error::NoCertificatesPresented))?;
    // rustls doesn't call the verifier for a resumed session, and never passes it the host when `server_name`
    // overrides the name to verify: so the pins of both are checked here.
    let (pins, now) = (config.pins(), config.clock().current_time());
    for host in [Some(&*peer.text), peer.host.as_deref()].into_iter().flatten() {
        let checked = pins.check(host, &facts.path.pins, now);
        checked.map_err(|error| {
            let presented = certificate_scope::presented(stream.get_ref().1);
            TlsError::PinMismatch(error.of(&facts.path.describe(presented, config.anchors())))
        })?;
        for told in pins.not_enforced(host, &facts.path.pins, now) {
            link.route.ctx().emit(Some(link.attempt), None, EventKind::PinsNotEnforced(&told));
        }
    }
    let info = tls_info::collect(stream.get_ref().1, facts, &peer, ech, config, &**link.route.ctx().runtime())?;
    stream.get_mut().0.lift();
    let io = match config.generation() {
        None => MaybeTls::tls(stream),
        Some(generation) => MaybeTls::replaceable(stream, generation.cut(peer.session.port.is_some())),
    };
    Ok((io, info))
}
