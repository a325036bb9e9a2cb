use crate::{Answer, ConnectError, Query};
use futures_core::Stream;
use std::{
    future::Future,
    task::{Context, Poll},
};
use tower_service::Service;

/// Trait alias: a service that turns a [`Query`] into a stream of [`Answer`]s. Implement `Service`, bound on this.
///
/// It needn't be `Sync`: each query is asked of a clone.
///
/// To drop the future or the stream cancels the query; others that share its lookup are not affected.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not resolve a `Query`",
    label = "not a resolver",
    note = "a resolver is a `tower::Service<Query>` whose response is a stream of `Result<Answer, _>`, such as `skybridge_dns::System`"
)]
pub trait Resolver: Clone + Send + 'static {
    /// The answers, as they arrive.
    type Answers: Stream<Item = Result<Answer, Self::AnswerError>> + Send + 'static;
    /// The error that ends the stream early.
    type AnswerError: Into<ConnectError> + Send;
    /// Why the query failed before there was a stream.
    type Error: Into<ConnectError> + Send;
    /// The future of [`resolve`](Self::resolve).
    type Future: Future<Output = Result<Self::Answers, Self::Error>> + Send + 'static;

    /// `Service::poll_ready`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn resolve(&mut self, query: Query) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, A, E> Resolver for S
where
    S: Service<Query, Response = A> + Clone + Send + 'static,
    S::Error: Into<ConnectError> + Send,
    S::Future: Send + 'static,
    A: Stream<Item = Result<Answer, E>> + Send + 'static,
    E: Into<ConnectError> + Send,
{
    type Answers = A;
    type AnswerError = E;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(self, cx)
    }

    fn resolve(&mut self, query: Query) -> Self::Future {
        self.call(query)
    }
}
