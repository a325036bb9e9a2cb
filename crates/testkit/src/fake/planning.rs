//! Requests for plans and connects, to be answered by the test.

use super::{Connection, Facts, Peer, planner::World, slot::Shared};
use skybridge_core::{ConnectError, Endpoint, Endpoints, EndpointsFeed, Route, Target};
use std::{fmt, sync::Arc};
use tokio::sync::oneshot;

/// A plan that is asked for, of a planner that [holds](super::Planner::hold_plans). Dropped unanswered, it fails.
#[derive(Debug)]
pub struct Planning {
    pub(super) target: Target,
    pub(super) answer: oneshot::Sender<Result<Route, ConnectError>>,
}

/// A connect that was started. Dropped unanswered, it fails.
pub struct Connect<B> {
    pub(super) route: Route,
    pub(super) world: Arc<World<B>>,
    pub(super) answer: oneshot::Sender<Result<Connection<B>, ConnectError>>,
}

// === impl Planning ===

impl Planning {
    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Answers with a direct route to these endpoints.
    pub fn answer(self, endpoints: impl IntoIterator<Item = Endpoint>) {
        let route = Route::direct(self.target.clone(), Endpoints::fixed(endpoints));
        self.answer_with(Ok(route));
    }

    /// Answers with a direct route to endpoints that arrive later.
    pub fn answer_live(self) -> EndpointsFeed {
        let (feed, endpoints) = Endpoints::feed();
        let route = Route::direct(self.target.clone(), endpoints);
        self.answer_with(Ok(route));
        feed
    }

    /// Answers with a direct route that `change` may alter.
    pub fn answer_route(self, change: impl FnOnce(&mut Route)) {
        let mut route = Route::direct(self.target.clone(), Endpoints::fixed([]));
        change(&mut route);
        self.answer_with(Ok(route));
    }

    /// Fails the plan.
    pub fn fail(self, error: impl Into<ConnectError>) {
        self.answer_with(Err(error.into()));
    }

    /// Whether the plan is no longer awaited.
    pub fn is_cancelled(&self) -> bool {
        self.answer.is_closed()
    }

    fn answer_with(self, answer: Result<Route, ConnectError>) {
        // An asker that has gone needs no answer.
        let _ = self.answer.send(answer);
    }
}

// === impl Connect ===

impl<B: Send + 'static> Connect<B> {
    /// The target.
    pub fn target(&self) -> &Target {
        &self.route.target
    }

    /// The route.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Succeeds with a connection of these facts.
    pub fn succeed(self, facts: Facts) -> Peer<B> {
        let shared = Arc::new(Shared::new(facts, &self.route));
        let (connection, peer) = (Connection::new(Arc::clone(&shared)), Peer { shared });
        self.world.peers().push(peer.clone());
        // An asker that has gone drops the connection.
        let _ = self.answer.send(Ok(connection));
        peer
    }

    /// Fails the connect.
    pub fn fail(self, error: impl Into<ConnectError>) {
        // An asker that has gone needs no answer.
        let _ = self.answer.send(Err(error.into()));
    }

    /// Whether the connect was dropped.
    pub fn is_cancelled(&self) -> bool {
        self.answer.is_closed()
    }

    /// Waits until the connect is dropped.
    pub async fn cancelled(&mut self) {
        self.answer.closed().await;
    }
}

impl<B> fmt::Debug for Connect<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("route", &self.route.to_string()).finish_non_exhaustive()
    }
}
