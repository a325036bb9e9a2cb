use crate::{HyperIo, error::AlpnMismatch, settings::Settings};
use http::Uri;
use skybridge_core::{
    BoxFuture, ConnInfo, ConnectError, HttpVersions, Io, Key, KeyRef, Link, OriginError, OriginRef, Phase, PhaseGuard,
    Plan, Planner, Protocol, Scheme, Target, timeout,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The future of [`Hyper`](crate::Hyper): connects to the origin of a URI. Dropping it closes what it has opened.
pub struct Connecting<I>(pub(crate) BoxFuture<Result<HyperIo<I>, ConnectError>>);

pub(crate) async fn connect<P, I>(planner: P, settings: Settings, uri: Uri) -> Result<HyperIo<I>, ConnectError>
where
    P: Planner<Plan: Plan<Connection = Link<I>>>,
    I: Io,
{
    let target = target(&settings, &uri).map_err(|error| ConnectError::new(Phase::Resolve, error).fatal())?;
    let (ctx, key) = (target.ctx.clone(), Arc::clone(&target.key));
    let guard = PhaseGuard::begin(&ctx, Phase::Acquire, None);
    let limit = settings.timeouts.connect.unwrap_or(settings.timeout);
    let result = match timeout(&ctx, Phase::Acquire, limit, plan_and_connect(planner, target)).await {
        Ok(Ok(link)) => match protocol(&link.info, &key, settings.tls_above) {
            Ok(protocol) => Ok((protocol, link)),
            Err(error) => Err(into_refusal(&link.info, error)),
        },
        Ok(Err(error)) => Err(error),
        // The attempts under way are listed too.
        Err(timed_out) => Err(ConnectError::from(timed_out).with_attempts(ctx.attempt_log().reports())),
    };
    match result {
        Ok((protocol, link)) => {
            let io = HyperIo::new(link, protocol);
            guard.done();
            Ok(io)
        }
        Err(error) => Err(guard.fail(error)),
    }
}

/// Only the origin of the URI counts: tonic's have a path, hyper-util's none.
fn target(settings: &Settings, uri: &Uri) -> Result<Target, OriginError> {
    let key = KeyRef::of(OriginRef::of(uri)?, &settings.connect_options).to_owned()?;
    Ok(Target::new(key, settings.ctx()))
}

async fn plan_and_connect<P, I>(mut planner: P, target: Target) -> Result<Link<I>, ConnectError>
where
    P: Planner<Plan: Plan<Connection = Link<I>>>,
{
    poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
    planner.plan(target).await.map_err(Into::into)?.connect().await
}

/// The error for a connection that is not handed out. Like those from below, it has its route and attempts.
fn into_refusal(info: &ConnInfo, error: ConnectError) -> ConnectError {
    let error = info.tried().failed(error.in_phase(Phase::Handshake));
    error.on_route(&info.route).with_attempts(info.route.ctx().attempt_log().reports())
}

/// The protocol that ALPN selected; in cleartext the one that was asked for. A link that isn't fit for the client's
/// requests is an error.
fn protocol(info: &ConnInfo, key: &Key, tls_above: bool) -> Result<Protocol, ConnectError> {
    let tls_above = tls_above && info.route.target.origin().scheme() == Scheme::Https;
    let fit = if tls_above { info.fit_for_tls() } else { info.fit_for_http() };
    // A layer in between may have planned for another target.
    info.fit_for_key(key).and(fit)?;
    let http_versions = info.route.target.connect_options().http_versions;
    let negotiated = info.tls.as_ref().map(|tls| tls.alpn.unwrap_or(Protocol::Http1)).or(info.protocol);
    match (negotiated, http_versions) {
        (Some(negotiated @ Protocol::Http1), HttpVersions::Http2)
        | (Some(negotiated @ Protocol::Http2), HttpVersions::Http1) => {
            Err(ConnectError::new(Phase::Handshake, AlpnMismatch { http_versions, negotiated }).fatal())
        }
        (Some(negotiated), _) => Ok(negotiated),
        (None, HttpVersions::Http2) => Ok(Protocol::Http2),
        (None, _) => Ok(Protocol::Http1),
    }
}

// === impl Connecting ===

impl<I> Future for Connecting<I> {
    type Output = Result<HyperIo<I>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<I> fmt::Debug for Connecting<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
