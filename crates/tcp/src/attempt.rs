use skybridge_core::{ConnectError, Dialer, Endpoint, Link, Phase, Route, phase_timeout};
use std::{future::poll_fn, time::Duration};

/// One attempt of a race: from the dialer's readiness to a link, within the limit. Its number is taken when the dialer is ready.
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
