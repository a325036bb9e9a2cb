use crate::{
    MaybeTls, TlsConfig, TlsError, again::Again, config::LazyConfig, ech::Offer, generation::tried_by,
    handshake::handshake, learned::Learned, peer::Peer,
};
use skybridge_core::{BoxError, ConnInfo, ConnectError, Ctx, EventKind, Io, Link, Phase, Trust, phase_timeout};
use std::time::Duration;

/// How long a handshake may take by default.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// With whom a handshake is, and what it does about the name.
pub(crate) type Decided = (Peer, Option<Box<Offer>>);

/// A handshake that failed, and what may be tried instead.
pub(crate) struct HandshakeFailed {
    pub(crate) error: ConnectError,
    pub(crate) again: Option<Box<Again>>,
}

/// Runs TLS on a link, and notes in its facts what was negotiated. `decide` says by these facts with whom, and `tell`
/// what is said of an error. All is by one configuration: what was learned counts unless that was replaced.
pub(crate) async fn tls_connect<I: Io>(
    link: Link<I>,
    decide: impl FnOnce(&ConnInfo, Learned) -> Result<Decided, TlsError>,
    config: &LazyConfig,
    learned: Option<Learned>,
    limit: Duration,
    tell: impl FnOnce(TlsError, &TlsConfig) -> ConnectError,
) -> Result<Link<MaybeTls<I>>, HandshakeFailed> {
    let ctx = link.info.route.ctx().clone();
    // Before the phase: reading the roots and starting the provider are no part of a handshake.
    let learned = still(learned, config, &ctx, limit).await;
    let guard = link.phase(Phase::Tls);
    // Who was told of the phase may have replaced it. Nobody else is asked before the handshake.
    let learned = match learned {
        Ok(learned) => still(Some(learned), config, &ctx, limit).await,
        error => error,
    };
    let Link { io, mut info, .. } = link;
    let learned = match learned {
        Ok(learned) => learned,
        Err(error) => return Err(guard.fail(error).into()),
    };
    let config = learned.config.clone();
    // Not borrowed here, so that this future has no room for the peer beside the handshake's.
    let (peer, offer) = match decide(&info, learned) {
        Ok(decided) => decided,
        Err(error) => return Err(guard.fail(tried_by(tell(error, &config), config.generation())).into()),
    };
    match phase_timeout(&ctx, Phase::Tls, limit, handshake(io, peer, offer.as_deref(), &config, &info)).await {
        Ok(Ok((io, tls))) => {
            if tls.trust == Trust::Unverified {
                ctx.emit(Some(info.attempt), None, EventKind::TlsUnverified { name: name(&info) });
            }
            info.tls = Some(tls);
            info.timings.set(Phase::Tls, guard.done());
            Ok(Link::new(io, info))
        }
        Ok(Err(error)) => {
            let again = Again::after(&error, offer, info, &config);
            let error = guard.fail(tried_by(tell(error, &config), config.generation()));
            Err(HandshakeFailed { error, again })
        }
        Err(timed_out) => Err(guard.fail(tried_by(timed_out.into(), config.generation())).into()),
    }
}

/// What was learned, unless that is by a configuration that was replaced; then the present one alone.
async fn still(
    learned: Option<Learned>,
    config: &LazyConfig,
    ctx: &Ctx,
    limit: Duration,
) -> Result<Learned, ConnectError> {
    match learned {
        Some(learned) if !learned.config.is_superseded() => Ok(learned),
        _ => Ok(Learned { config: config.present(ctx, limit).await?, offer: None }),
    }
}

/// With whom the link is: a proxy on the way, or the origin.
fn name(info: &ConnInfo) -> &str {
    let proxy = info.route.proxies.get(info.proxies_passed);
    proxy.map_or_else(|| info.route.target.origin().name(), |proxy| &*proxy.host)
}

impl From<ConnectError> for HandshakeFailed {
    fn from(error: ConnectError) -> Self {
        Self { error, again: None }
    }
}

/// What is said of an error.
pub(crate) fn connect_error(error: TlsError) -> ConnectError {
    connect_error_by(error, |error| error.into())
}

/// The same, with more around it.
pub(crate) fn connect_error_by(error: TlsError, wrap: impl FnOnce(TlsError) -> BoxError) -> ConnectError {
    let (fatal, in_short, advice) = (error.is_fatal(), error.in_short(), error.advice());
    let mut error = ConnectError::new(Phase::Tls, wrap(error));
    if let Some(advice) = advice {
        error = error.advise(advice);
    }
    if let Some(in_short) = in_short {
        error = error.because(in_short);
    }
    if fatal { error.fatal() } else { error }
}
