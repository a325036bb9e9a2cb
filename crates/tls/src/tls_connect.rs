use crate::{MaybeTls, TlsError, config::LazyConfig, handshake::handshake, peer::Peer};
use skybridge_core::{ConnInfo, ConnectError, Io, Link, Phase, phase_timeout};
use std::time::Duration;

/// How long a handshake may take by default.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Runs TLS on a link, and notes in its facts what was negotiated.
pub(crate) async fn tls_connect<I: Io>(
    link: Link<I>,
    peer: impl FnOnce(&ConnInfo) -> Result<Peer, TlsError>,
    config: &LazyConfig,
    limit: Duration,
) -> Result<Link<MaybeTls<I>>, ConnectError> {
    // Before the phase: reading the roots and starting the provider are no part of a handshake.
    let config = config.get();
    let guard = link.phase(Phase::Tls);
    let Link { io, mut info, .. } = link;
    let peer = match peer(&info) {
        Ok(peer) => peer,
        Err(error) => return Err(guard.fail(connect_error(error))),
    };
    let config = match config {
        Ok(config) => config,
        Err(error) => return Err(guard.fail(error)),
    };
    let ctx = info.route.ctx().clone();
    match phase_timeout(&ctx, Phase::Tls, limit, handshake(io, peer, config, &**ctx.runtime())).await {
        Ok(Ok((io, tls))) => {
            info.tls = Some(tls);
            info.timings.set(Phase::Tls, guard.done());
            Ok(Link::new(io, info))
        }
        Ok(Err(error)) => Err(guard.fail(connect_error(error))),
        Err(timed_out) => Err(guard.fail(timed_out)),
    }
}

fn connect_error(error: TlsError) -> ConnectError {
    let fatal = error.is_fatal();
    let error = ConnectError::new(Phase::Tls, error);
    if fatal { error.fatal() } else { error }
}
