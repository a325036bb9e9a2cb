use skybridge_core::{ConnectError, Dialer, Endpoint, Link, Phase, Route, phase_timeout};
use std::{future::poll_fn, time::Duration};

/// One attempt of a race: waits until the dialer is ready, and dials. Both count towards the limit. The attempt gets
/// its number, and its place in the log, when the dialer is ready.
pub(crate) async fn attempt<S: Dialer>(
    mut dialer: S,
    route: Route,
    endpoint: Endpoint,
    limit: Duration,
) -> Result<Link<S::Io>, ConnectError> {
    let mut attempt = None;
    let dialled = phase_timeout(route.ctx(), Phase::Tcp, limit, async {
        poll_fn(|cx| dialer.poll_ready(cx)).await?;
        let attempt = attempt.insert(route.attempt(endpoint.clone()));
        dialer.dial(attempt.clone()).await
    });
    let error: ConnectError = match dialled.await {
        Ok(Ok(link)) => return Ok(link),
        Ok(Err(error)) => error.into(),
        Err(timed_out) => timed_out.into(),
    };
    Err(attempt.unwrap_or_else(|| route.attempt(endpoint)).failed(error))
}
