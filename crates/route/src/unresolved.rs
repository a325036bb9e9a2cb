use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Phase, Query};
use std::{
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};
use tower_service::Service;

/// The resolver of a [`RouteLayer`](crate::RouteLayer) that asks none: see
/// [`RouteLayer::unresolved`](crate::RouteLayer::unresolved). Asked by anybody else it fails.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Unresolved;

/// The answers of [`Unresolved`]: there are none.
#[derive(Clone, Copy, Debug)]
pub enum NoAnswers {}

impl Service<Query> for Unresolved {
    type Response = NoAnswers;
    type Error = ConnectError;
    type Future = Ready<Result<NoAnswers, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Query) -> Self::Future {
        ready(Err(ConnectError::new(Phase::Resolve, "nobody looks names up here")))
    }
}

impl Stream for NoAnswers {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match *self {}
    }
}
