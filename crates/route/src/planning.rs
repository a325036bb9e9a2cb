use crate::{candidates::Candidates, plan::RoutePlan};
use skybridge_core::{BoxFuture, ConnectError, Resolver};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// The future of [`RoutePlanner`](crate::RoutePlanner). Dropped, it cancels its lookup.
pub struct Planning<S, R>(pub(crate) BoxFuture<Result<RoutePlan<S, R>, ConnectError>>);

/// Ready as soon as the first addresses are known.
pub(crate) async fn plan<S, R: Resolver>(
    connector: S,
    mut candidates: Box<Candidates<R>>,
) -> Result<RoutePlan<S, R>, ConnectError> {
    let candidate = candidates.next().await?;
    Ok(RoutePlan { connector, candidate, candidates })
}

impl<S, R> Future for Planning<S, R> {
    type Output = Result<RoutePlan<S, R>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<S, R> fmt::Debug for Planning<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planning").finish_non_exhaustive()
    }
}
