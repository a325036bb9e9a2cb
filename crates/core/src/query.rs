use crate::{ConnectError, Ctx, Endpoint};
use futures_core::Stream;
use std::{
    future::Future,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// Which address families to ask for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Families {
    /// IPv6 and IPv4.
    #[default]
    Both,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// What is asked of a resolver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The name, without a trailing dot, never an address.
    pub host: Arc<str>,
    /// The port that the endpoints get.
    pub port: u16,
    /// Which families.
    pub families: Families,
    /// For whom, and the runtime to wait on.
    pub ctx: Ctx,
}

impl Query {
    /// Asks for the addresses of both families.
    pub fn new(host: impl Into<Arc<str>>, port: u16, ctx: Ctx) -> Self {
        Self { host: host.into(), port, families: Families::Both, ctx }
    }
}

/// One batch of what a resolver found. Several may come: A before AAAA, a cached one before a fresh one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// In the order in which they should be tried.
    pub endpoints: Vec<Endpoint>,
    /// How long it may be remembered; unknown to the system's resolver.
    pub ttl: Option<Duration>,
    /// No other follows.
    pub last: bool,
}

impl Answer {
    /// The only answer.
    pub fn only(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self { endpoints: endpoints.into_iter().collect(), last: true, ..Self::default() }
    }
}

/// Trait alias: a service that turns a [`Query`] into a stream of [`Answer`]s. Implement `Service`, bound on this.
///
/// Dropping the future or the stream cancels the query for this asker.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not resolve a `Query`",
    label = "not a resolver",
    note = "a resolver is a `tower::Service<Query>` whose response is a stream of `Result<Answer, _>`, such as `skybridge_dns::System`"
)]
pub trait Resolver: Clone + Send + Sync + 'static {
    /// The batches, as they come.
    type Answers: Stream<Item = Result<Answer, Self::AnswerError>> + Send + 'static;
    /// What ends the stream early.
    type AnswerError: Into<ConnectError> + Send;
    /// Why it could not be asked.
    type Error: Into<ConnectError> + Send;
    /// Asks.
    type Future: Future<Output = Result<Self::Answers, Self::Error>> + Send + 'static;

    /// As of `Service`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;
    /// `Service::call`.
    fn resolve(&mut self, query: Query) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<S, A, E> Resolver for S
where
    S: Service<Query, Response = A> + Clone + Send + Sync + 'static,
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
