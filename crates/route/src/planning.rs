use crate::{plan::RoutePlan, ways::Ways};
use skybridge_core::{BoxFuture, ConnectError, Resolver};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Decides a route. Dropped, it cancels its query.
pub struct Planning<S, R>(pub(crate) BoxFuture<Result<RoutePlan<S, R>, ConnectError>>);

/// The plan is there as soon as the first addresses are.
pub(crate) async fn plan<S, R: Resolver>(connector: S, mut ways: Ways<R>) -> Result<RoutePlan<S, R>, ConnectError> {
    let way = ways.next().await?;
    Ok(RoutePlan { connector, way, ways })
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
