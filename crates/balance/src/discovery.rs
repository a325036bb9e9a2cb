use crate::{
    balanced_endpoint::BalancedEndpoint,
    health::Health,
    lookup::{Found, Name},
    until_end::UntilEnd,
};
use futures_core::Stream;
use skybridge_core::{BoxFuture, ConnectError, Ctx, Endpoint, Resolver};
use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tower::{discover::Change, load::PendingRequests};

const SHORTEST_TTL: Duration = Duration::from_secs(1);
const LONGEST_TTL: Duration = Duration::from_secs(300);

/// When a lookup is made again that failed, at first.
const AGAIN: Duration = Duration::from_secs(1);

/// A server, or what stands for it where none is known.
pub(crate) type Server<S> = PendingRequests<BalancedEndpoint<S>, UntilEnd>;

/// The servers as they come and go. Names are looked up when there is a request and what is known has got old; a
/// request that knows a server does not wait for that.
pub(crate) struct Discovery<R, S> {
    name: Name<R>,
    inner: S,
    health: Arc<Health>,
    known: Vec<Endpoint>,
    /// It stands in the balancer in place of servers.
    failing: bool,
    looking: Option<BoxFuture<Result<Found, ConnectError>>>,
    /// When to look up again.
    next: Option<Instant>,
    failures: u32,
    changes: VecDeque<Change<Option<Endpoint>, Server<S>>>,
}

impl<R: Resolver, S: Clone> Discovery<R, S> {
    pub(crate) fn new(name: Name<R>, inner: S, health: Arc<Health>) -> Self {
        let next = Some(health.runtime().now());
        let (known, changes) = (Vec::new(), VecDeque::new());
        Self { name, inner, health, known, failing: false, looking: None, next, failures: 0, changes }
    }

    fn change_to(&mut self, found: Vec<Endpoint>) {
        if self.failing {
            self.failing = false;
            self.changes.push_back(Change::Remove(None));
        }
        // Those that are new come first, so that there is always one.
        for endpoint in found.iter().filter(|endpoint| !self.known.contains(endpoint)) {
            self.health.add(endpoint);
            let server = BalancedEndpoint::new(self.inner.clone(), endpoint.clone(), Arc::clone(&self.health));
            let server = PendingRequests::new(server, UntilEnd::default());
            self.changes.push_back(Change::Insert(Some(endpoint.clone()), server));
        }
        for endpoint in self.known.iter().filter(|endpoint| !found.contains(endpoint)) {
            self.health.remove(endpoint);
            self.changes.push_back(Change::Remove(Some(endpoint.clone())));
        }
        self.known = found;
    }

    fn found(&mut self, found: Found) {
        self.failures = 0;
        let ttl = found.ttl.unwrap_or(self.name.refresh).clamp(SHORTEST_TTL, LONGEST_TTL);
        self.next = self.health.runtime().now().checked_add(ttl);
        self.change_to(found.endpoints);
    }

    /// What is known stays. Where nothing is, requests fail with this error until the next lookup.
    fn failed(&mut self, error: ConnectError) {
        let again = AGAIN.saturating_mul(1 << self.failures.min(16)).min(self.name.refresh.max(AGAIN));
        self.failures = self.failures.saturating_add(1);
        self.next = self.health.runtime().now().checked_add(again);
        if self.known.is_empty() {
            // One that is there already is replaced.
            self.failing = true;
            let server = BalancedEndpoint::failing(self.inner.clone(), error, Arc::clone(&self.health));
            self.changes.push_back(Change::Insert(None, PendingRequests::new(server, UntilEnd::default())));
        }
    }

    fn look_again(&mut self, cx: &mut Context<'_>) {
        let now = self.health.runtime().now();
        if self.looking.is_none() && self.next.is_none_or(|next| next <= now) {
            self.looking = Some(self.name.look_up(Ctx::new(Arc::clone(self.health.runtime()))));
        }
        let Some(looking) = &mut self.looking else { return };
        if let Poll::Ready(looked_up) = looking.as_mut().poll(cx) {
            self.looking = None;
            match looked_up {
                Ok(found) => self.found(found),
                Err(error) => self.failed(error),
            }
        }
    }
}

impl<R, S> Unpin for Discovery<R, S> {}

impl<R: Resolver, S: Clone> Stream for Discovery<R, S> {
    type Item = Result<Change<Option<Endpoint>, Server<S>>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.changes.is_empty() {
            self.look_again(cx);
        }
        self.changes.pop_front().map_or(Poll::Pending, |change| Poll::Ready(Some(Ok(change))))
    }
}
