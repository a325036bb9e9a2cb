use crate::{MaybeTls, TlsConfig, TlsError, classify, facts, peer::Peer, witness};
use skybridge_core::{Io, Runtime, TlsInfo};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
};
use tokio_rustls::TlsConnector;

/// One handshake. Dropped, it closes the stream.
pub(crate) async fn handshake<I: Io>(
    io: I,
    peer: Peer,
    config: &TlsConfig,
    runtime: &dyn Runtime,
) -> Result<(MaybeTls<I>, TlsInfo), TlsError> {
    let (client, view) = config.of_connection(&peer);
    let mut connecting = pin!(TlsConnector::from(Arc::new(client)).connect(peer.name.clone(), io));
    let connected = poll_fn(|cx| {
        let (poll, seen) = witness::during(|| connecting.as_mut().poll(cx));
        view.add(seen);
        poll
    });
    let stream = match connected.await {
        Ok(stream) => stream,
        Err(error) => return Err(view.refused().unwrap_or_else(|| classify::handshake(error, &peer.text))),
    };
    let resumed = facts::is_resumed(stream.get_ref().1);
    let known = view.settle(resumed).ok_or(TlsError::Handshake(rustls::Error::NoCertificatesPresented))?;
    // The verifier isn't asked when a session is resumed, and never for a host whose server has another name.
    for host in [Some(&*peer.text), peer.host.as_deref()].into_iter().flatten() {
        config.pins().check(host, &known.path.pins).map_err(TlsError::PinMismatch)?;
    }
    let info = facts::learn(stream.get_ref().1, known, &peer, config, runtime)?;
    Ok((MaybeTls::sealed(stream), info))
}
