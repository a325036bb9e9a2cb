use super::{Connection, Place};
use skybridge_core::{ConnectOptions, Partition, Proxy, ProxyKind, Route, sync::Mutex};
use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

/// How many proxies are known at once; beyond that, connections aren't shared.
const MAX_KNOWN: usize = 256;

/// The connections of HTTP/2 to first proxies, by what makes one of them fit for a route. Its lock is held for no
/// await.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Vec<(SharedBy, State)>>);

/// What those who share a connection have in common.
#[derive(Clone, PartialEq)]
struct SharedBy {
    proxy: Proxy,
    partition: Option<Partition>,
    egress: skybridge_core::Egress,
}

enum State {
    /// Somebody opens it; these wait.
    Connecting(Vec<Waker>),
    Live(Weak<Connection>),
    /// The proxy has chosen HTTP/1.1.
    Http1,
}

pub(crate) enum Turn {
    /// A tunnel more of this connection.
    Join(Place),
    /// A new connection, for which others wait.
    Lead(Lead),
    /// A new connection that nobody waits for.
    Alone,
}

/// The right to open the connection that others wait for. Dropped without one, they open their own.
pub(crate) struct Lead {
    shared: Arc<Shared>,
    by: SharedBy,
    told: bool,
}

impl Shared {
    /// A request that is forwarded has no tunnel, so its connection isn't one of these.
    pub(crate) fn is_for(route: &Route) -> bool {
        let is_tunnel = route.proxies.len() > 1 || !route.is_forwarded();
        is_tunnel && route.proxies.first().is_some_and(|proxy| proxy.kind == ProxyKind::Https)
    }

    pub(crate) async fn turn(self: &Arc<Self>, route: &Route) -> Turn {
        let Some(proxy) = route.proxies.first().cloned() else { return Turn::Alone };
        let ConnectOptions { partition, egress, .. } = route.target.connect_options();
        let by = SharedBy { proxy, partition: partition.clone(), egress: egress.clone() };
        let mut waited = false;
        poll_fn(|cx| self.poll_turn(&by, &mut waited, cx)).await
    }

    fn poll_turn(self: &Arc<Self>, by: &SharedBy, waited: &mut bool, cx: &mut Context<'_>) -> Poll<Turn> {
        let mut known = self.0.lock();
        let at = known.iter().position(|(other, _)| other == by);
        match at.map(|at| &mut known[at].1) {
            Some(State::Connecting(wakers)) => {
                *waited = true;
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
            Some(State::Http1) => return Poll::Ready(Turn::Alone),
            Some(State::Live(connection)) => {
                if let Some(place) = connection.upgrade().and_then(|connection| connection.place()) {
                    return Poll::Ready(Turn::Join(place));
                }
            }
            // Whom they have waited for has failed: one after the other would fail as slowly.
            None if *waited => return Poll::Ready(Turn::Alone),
            None => {}
        }
        known.retain(|(other, state)| {
            other != by && !matches!(state, State::Live(connection) if connection.strong_count() == 0)
        });
        if known.len() >= MAX_KNOWN {
            known.retain(|(_, state)| !matches!(state, State::Http1));
        }
        if known.len() >= MAX_KNOWN {
            return Poll::Ready(Turn::Alone);
        }
        known.push((by.clone(), State::Connecting(Vec::new())));
        Poll::Ready(Turn::Lead(Lead { shared: Arc::clone(self), by: by.clone(), told: false }))
    }
}

impl Lead {
    /// It is open, and may be joined.
    pub(crate) fn live(mut self, connection: &Arc<Connection>) {
        self.tell(Some(State::Live(Arc::downgrade(connection))));
    }

    pub(crate) fn http1(mut self) {
        self.tell(Some(State::Http1));
    }

    fn tell(&mut self, new: Option<State>) {
        self.told = true;
        let mut known = self.shared.0.lock();
        let Some(at) = known.iter().position(|(by, _)| *by == self.by) else { return };
        let old = match new {
            Some(new) => std::mem::replace(&mut known[at].1, new),
            None => known.remove(at).1,
        };
        drop(known);
        if let State::Connecting(wakers) = old {
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.told {
            self.tell(None);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
