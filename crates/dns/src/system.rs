use crate::{
    getaddrinfo::getaddrinfo,
    half::Half,
    job::LookupKey,
    lookup::Lookup,
    lookup_queue::{BlockingLookup, LookupQueue},
};
use skybridge_core::{Families, Query};
use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// The "Resolution Delay" of RFC 8305, section 8.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// The system's resolver, `getaddrinfo`: hosts file, search domains and VPNs, as for any other program on the machine.
///
/// IPv6 and IPv4 addresses are looked up side by side, each by a `getaddrinfo` of its own, so that a lost packet of one
/// doesn't hold up the other. The answers come as they are found (RFC 8305, section 3): IPv6 addresses at once, IPv4
/// addresses after a [delay](Self::resolution_delay) in which IPv6 ones may still come first. Within a family they are
/// in the system's order (RFC 6724). There is no time to live, and nothing is cached. When one family has addresses and
/// the other fails, the error ends the stream after the addresses; that it has none is no error.
///
/// `getaddrinfo` blocks, so it runs on the runtime's threads for blocking work. A lookup that runs can't be stopped:
/// when a query is dropped, its result is discarded. A lookup that hasn't started, and that nobody waits for, never
/// starts. Queries for the same name that overlap share its lookups. At most 128 run at once, those of 64 names with
/// both families, so that names whose servers don't answer can't use up the runtime's threads. At most 2,048 wait; a
/// query beyond that fails with [`ResolveError::Overloaded`](crate::ResolveError::Overloaded). One that waits says so
/// by [`Answer::queued`](skybridge_core::Answer::queued), and the time isn't counted as resolving. Clones share the
/// queue.
#[derive(Clone)]
pub struct System {
    queue: Arc<LookupQueue>,
    resolution_delay: Duration,
}

// === impl System ===

impl System {
    /// A resolver with a queue of its own.
    pub fn new() -> Self {
        Self::blocking(getaddrinfo)
    }

    /// Asks this function in place of `getaddrinfo`. It is called with [`Families::V4`] or [`Families::V6`], on a
    /// thread for blocking work, and returns the addresses of that family; port 0 stands for that of the query. An error
    /// of the kind `NotFound` says that the name doesn't exist, and any other that the lookup failed.
    pub fn blocking(lookup: impl Fn(&str, Families) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        let lookup: Arc<BlockingLookup> = Arc::new(lookup);
        Self { queue: Arc::new(LookupQueue::new(lookup)), resolution_delay: RESOLUTION_DELAY }
    }

    /// How long IPv4 addresses wait for IPv6 ones that aren't there yet (default: 50 ms; RFC 8305, section 3).
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.resolution_delay = delay;
        self
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Query> for System {
    type Response = Lookup;
    type Error = Infallible;
    type Future = Ready<Result<Lookup, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let half = |family, other| {
            let key = LookupKey { host: Arc::clone(&query.host), family };
            let wanted = query.families != other;
            Half::new(wanted.then(|| self.queue.join_or_start(key, query.ctx.runtime())))
        };
        let (v6, v4) = (half(Families::V6, Families::V4), half(Families::V4, Families::V6));
        ready(Ok(Lookup::new(query, v6, v4, self.resolution_delay)))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
