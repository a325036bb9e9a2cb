use crate::{opener::Opener, planned::Planned, tried::Tried};
use skybridge_core::{BoxFuture, ConnectError, Endpoint, Route};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

/// Connects a plan. Dropped, it closes what it has opened, and cancels its query.
pub struct Connecting<C>(pub(crate) BoxFuture<Result<C, ConnectError>>);

/// Tries what is left, until something works, nothing is left, or nothing else would help.
pub(crate) async fn connect<S: Opener>(plan: Planned<S>) -> Result<S::Connection, ConnectError> {
    let Planned { mut opener, route, recall, mut late } = plan;
    let mut tried = Tried::new(route.ctx().clone(), Arc::clone(&recall));
    let mut used_up: Vec<Endpoint> = Vec::new();
    let mut first_error = None;
    loop {
        let mut rest = route.clone();
        rest.endpoints = route.endpoints.without(&used_up);
        let error = match alongside(&mut late, once(&mut opener, rest)).await {
            Ok(connection) => {
                tried.worked();
                return Ok(connection);
            }
            Err(error) => error,
        };
        let attempts = || route.ctx().trail().reports();
        if error.is_fatal() {
            tried.excuse(error.attempt());
            return Err(error.on_route(&route).with_attempts(attempts()));
        }
        let before = used_up.len();
        for endpoint in tried.used_up().into_iter().chain(error.endpoint().cloned()) {
            if !used_up.contains(&endpoint) {
                used_up.push(endpoint);
            }
        }
        let first = first_error.get_or_insert(error);
        let rest = route.endpoints.without(&used_up);
        // What fails without having tried anything new would do so for ever.
        if used_up.len() == before || (rest.is_complete() && rest.snapshot().is_empty()) {
            return Err(first.clone().on_route(&route).with_attempts(attempts()));
        }
    }
}

async fn once<S: Opener>(opener: &mut S, route: Route) -> Result<S::Connection, ConnectError> {
    poll_fn(|cx| opener.poll_ready(cx)).await.map_err(Into::into)?;
    opener.open(route).await.map_err(Into::into)
}

/// Drives what brings late answers beside what uses them.
async fn alongside<T>(late: &mut Option<BoxFuture<()>>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if let Some(answers) = late
            && answers.as_mut().poll(cx).is_ready()
        {
            *late = None;
        }
        future.as_mut().poll(cx)
    })
    .await
}

impl<C> Future for Connecting<C> {
    type Output = Result<C, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<C> fmt::Debug for Connecting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
