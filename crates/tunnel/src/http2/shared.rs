use super::{Connection, Place};
use skybridge_core::{ConnectOptions, Partition, Proxy, ProxyKind, Route, sync::Mutex};
use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// How many proxies are known at once; beyond that, connections aren't shared.
const MAX_KNOWN: usize = 256;
/// For how long a proxy is known to choose HTTP/1.1. Then somebody asks again, for whom others wait once.
const HTTP1_FOR: Duration = Duration::from_secs(300);

/// The connections of HTTP/2 to proxies, by what makes one of them fit for a route. Its lock is held for no await.
#[derive(Default)]
pub(crate) struct Shared(Mutex<Vec<(SharedBy, State)>>);

/// What those who share a connection have in common.
#[derive(Clone, PartialEq)]
struct SharedBy {
    /// The proxy, behind those on the way to it.
    proxies: Arc<[Proxy]>,
    partition: Option<Partition>,
    egress: skybridge_core::Egress,
}

enum State {
    /// Somebody opens it; these wait.
    Connecting(Vec<Weak<Waiting>>),
    Live(Weak<Connection>),
    /// The proxy has chosen HTTP/1.1, and isn't asked again before.
    Http1(Instant),
}

/// One who waits for a connection that somebody opens. A place is put here before it is woken: however late it comes
/// for that, the connection is there, whatever became of all other tunnels.
#[derive(Default)]
struct Waiting(Mutex<Given>);

#[derive(Default)]
struct Given {
    place: Option<Place>,
    waker: Option<Waker>,
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
    /// The place of the last proxy of a route that gives a tunnel and may choose HTTP/2: who joins its connection saves
    /// all that is before it. One that forwards has no tunnel, so its connection isn't one of these.
    pub(crate) fn place(route: &Route) -> Option<usize> {
        let tunnels = route.proxies.len() - usize::from(route.is_forwarded());
        route.proxies[..tunnels].iter().rposition(|proxy| proxy.kind == ProxyKind::Https)
    }

    /// `proxy` is its place.
    pub(crate) async fn turn(self: &Arc<Self>, route: &Route, proxy: usize) -> Turn {
        let Some(proxies) = route.proxies.get(..=proxy).map(Arc::from) else { return Turn::Alone };
        let ConnectOptions { partition, egress, .. } = route.target.connect_options();
        let by = SharedBy { proxies, partition: partition.clone(), egress: egress.clone() };
        let runtime = route.ctx().runtime();
        let mut waited = None;
        poll_fn(|cx| self.poll_turn(&by, &mut waited, runtime.now(), cx)).await
    }

    fn poll_turn(
        self: &Arc<Self>,
        by: &SharedBy,
        waited: &mut Option<Arc<Waiting>>,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<Turn> {
        if let Some(place) = waited.as_ref().and_then(|waiting| waiting.take())
            && !place.connection().is_gone()
        {
            return Poll::Ready(Turn::Join(place));
        }
        let mut known = self.0.lock();
        let at = known.iter().position(|(other, _)| other == by);
        match at.map(|at| &mut known[at].1) {
            Some(State::Connecting(all)) => {
                let waiting = waited.get_or_insert_default();
                waiting.wake_by(cx.waker());
                if !all.iter().any(|other| other.as_ptr() == Arc::as_ptr(waiting)) {
                    all.retain(|other| other.strong_count() > 0);
                    all.push(Arc::downgrade(waiting));
                }
                return Poll::Pending;
            }
            Some(State::Http1(until)) if now < *until => return Poll::Ready(Turn::Alone),
            Some(State::Live(connection)) => {
                if let Some(place) = connection.upgrade().and_then(|connection| connection.place()) {
                    return Poll::Ready(Turn::Join(place));
                }
            }
            // Whom they have waited for has failed: one after the other would fail as slowly.
            None if waited.is_some() => return Poll::Ready(Turn::Alone),
            Some(State::Http1(_)) | None => {}
        }
        known.retain(|(other, state)| {
            other != by && !matches!(state, State::Live(connection) if connection.strong_count() == 0)
        });
        if known.len() >= MAX_KNOWN {
            known.retain(|(_, state)| !matches!(state, State::Http1(_)));
        }
        if known.len() >= MAX_KNOWN {
            return Poll::Ready(Turn::Alone);
        }
        known.push((by.clone(), State::Connecting(Vec::new())));
        Poll::Ready(Turn::Lead(Lead { shared: Arc::clone(self), by: by.clone(), told: false }))
    }
}

impl Waiting {
    fn wake_by(&self, waker: &Waker) {
        let old = self.0.lock().waker.replace(waker.clone());
        // Not under the lock: whose it is may do anything when it is dropped.
        drop(old);
    }

    fn take(&self) -> Option<Place> {
        self.0.lock().place.take()
    }

    fn give(&self, place: Option<Place>) {
        let waker = {
            let mut given = self.0.lock();
            given.place = place;
            given.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Lead {
    /// It is open, and may be joined: first by those who wait.
    pub(crate) fn live(mut self, connection: &Arc<Connection>) {
        self.tell(Some(State::Live(Arc::downgrade(connection))), || connection.place());
    }

    pub(crate) fn http1(mut self, now: Instant) {
        self.tell(now.checked_add(HTTP1_FOR).map(State::Http1), || None);
    }

    fn tell(&mut self, new: Option<State>, place: impl Fn() -> Option<Place>) {
        self.told = true;
        let mut known = self.shared.0.lock();
        let Some(at) = known.iter().position(|(by, _)| *by == self.by) else { return };
        let old = match new {
            Some(new) => std::mem::replace(&mut known[at].1, new),
            None => known.remove(at).1,
        };
        drop(known);
        if let State::Connecting(all) = old {
            all.iter().filter_map(Weak::upgrade).for_each(|waiting| waiting.give(place()));
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.told {
            self.tell(None, || None);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
