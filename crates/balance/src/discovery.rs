use crate::{
    TooManyEndpoints,
    balanced_endpoint::BalancedEndpoint,
    health::Health,
    lookup::{Found, Lookup, Name, Progress},
    until_end::UntilEnd,
};
use futures_core::Stream;
use skybridge_core::{ConnectError, Endpoint, Origin, Resolver};
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

/// When a lookup is made again that failed, at first; and the shortest time from one to the next when a server can't be
/// connected to.
const AGAIN: Duration = Duration::from_secs(1);

/// A server, or what stands for it where none is known.
pub(crate) type Server<S> = PendingRequests<BalancedEndpoint<S>, UntilEnd>;

/// The servers as they come and go. Names are looked up when there is a request and what is known has got old, or a
/// server can't be connected to; a request that knows a server does not wait for that.
pub(crate) struct Discovery<R, S> {
    name: Name<R>,
    origin: Arc<Origin>,
    inner: S,
    health: Arc<Health>,
    known: Vec<Endpoint>,
    /// What is known is what has been found so far by the lookup under way.
    begun: bool,
    /// It stands in the balancer in place of servers.
    failing: bool,
    looking: Option<Lookup>,
    /// When the latest lookup began.
    looked: Option<Instant>,
    /// When to look up again.
    next: Instant,
    failures: u32,
    changes: VecDeque<Change<Option<Endpoint>, Server<S>>>,
}

impl<R: Resolver, S: Clone> Discovery<R, S> {
    pub(crate) fn new(name: Name<R>, origin: Arc<Origin>, inner: S, health: Arc<Health>) -> Self {
        let next = health.runtime().now();
        Self {
            name,
            origin,
            inner,
            health,
            known: Vec::new(),
            begun: false,
            failing: false,
            looking: None,
            looked: None,
            next,
            failures: 0,
            changes: VecDeque::new(),
        }
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
            let server = PendingRequests::new(server, UntilEnd::of(endpoint.clone(), Arc::clone(&self.health)));
            self.changes.push_back(Change::Insert(Some(endpoint.clone()), server));
        }
        for endpoint in self.known.iter().filter(|endpoint| !found.contains(endpoint)) {
            self.health.remove(endpoint);
            self.changes.push_back(Change::Remove(Some(endpoint.clone())));
        }
        self.known = found;
    }

    fn found(&mut self, at: Instant, found: Found) {
        self.failures = 0;
        let said = found.ttl.map(|ttl| ttl.clamp(SHORTEST_TTL, LONGEST_TTL));
        self.next = later(at, said.unwrap_or(self.name.refresh.max(SHORTEST_TTL)));
        self.change_to(found.endpoints);
    }

    /// What is known stays, but for the families of which there is something new. Where nothing is, requests fail with
    /// this error until the next lookup.
    fn failed(&mut self, at: Instant, found: Found, error: ConnectError) {
        let again = AGAIN.saturating_mul(1 << self.failures.min(16)).min(self.name.refresh.max(AGAIN));
        self.failures = self.failures.saturating_add(1);
        self.next = later(at, again);
        // Some of them are not to be taken for all.
        let too_many = error.source_as::<TooManyEndpoints>().is_some();
        if too_many && self.begun {
            self.change_to(Vec::new());
        } else if !too_many && !found.endpoints.is_empty() {
            let mut endpoints = found.endpoints;
            let is_new = |known: &Endpoint| endpoints.iter().any(|found| is_v6(found) == is_v6(known));
            let others: Vec<_> = self.known.iter().filter(|known| !is_new(known)).cloned().collect();
            endpoints.extend(others);
            self.change_to(endpoints);
        }
        if self.known.is_empty() {
            // One that is there already is replaced.
            self.failing = true;
            let (inner, origin) = (self.inner.clone(), Arc::clone(&self.origin));
            let server = BalancedEndpoint::failing(inner, origin, error, Arc::clone(&self.health));
            self.changes.push_back(Change::Insert(None, PendingRequests::new(server, UntilEnd::default())));
        }
    }

    fn look_again(&mut self, cx: &mut Context<'_>) {
        self.take_in(cx);
        if self.looking.is_some() || !self.changes.is_empty() {
            return;
        }
        let now = self.health.runtime().now();
        if now < self.next && !self.is_wanted(now) {
            return;
        }
        if self.failing {
            // Requests wait for what it finds: that the last one failed is old.
            self.failing = false;
            self.changes.push_back(Change::Remove(None));
        }
        self.health.looks_up();
        self.looked = Some(now);
        self.looking = Some(self.name.look_up(self.health.runtime()));
        self.take_in(cx);
    }

    /// Whether a server can't be connected to, so that the name may have others by now. Lookups that fail keep their
    /// pauses.
    fn is_wanted(&self, now: Instant) -> bool {
        let lately = || self.looked.is_some_and(|looked| now < later(looked, AGAIN));
        self.failures == 0 && self.health.wants_lookup() && !lately()
    }

    /// Takes what a lookup has found. The first addresses of all are used before the others are there.
    fn take_in(&mut self, cx: &mut Context<'_>) {
        while let Some(looking) = &self.looking {
            match looking.poll(cx) {
                Poll::Ready(Progress::Some(found)) if self.begun || self.known.is_empty() => {
                    self.begun = true;
                    self.change_to(found);
                }
                Poll::Ready(Progress::Some(_)) => {}
                Poll::Ready(Progress::Over(at, found, looked_up)) => {
                    self.looking = None;
                    match looked_up {
                        Ok(()) => self.found(at, found),
                        Err(error) => self.failed(at, found, error),
                    }
                    self.begun = false;
                }
                Poll::Pending => return,
            }
        }
    }
}

/// Or as late as the clock can tell.
fn later(from: Instant, by: Duration) -> Instant {
    /// Longer than anybody waits.
    const LONG: Duration = Duration::from_secs(365 * 24 * 3_600);
    from.checked_add(by).or_else(|| from.checked_add(LONG)).unwrap_or(from)
}

fn is_v6(endpoint: &Endpoint) -> bool {
    endpoint.inet().is_some_and(|addr| addr.is_ipv6())
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
