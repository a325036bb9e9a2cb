use crate::{
    getaddrinfo::getaddrinfo,
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

/// Longer than most names take, and much shorter than the 5 s after which a lost packet is sent again.
const SPLIT_AFTER: Duration = Duration::from_millis(250);

/// The system's resolver, `getaddrinfo`: hosts file, search domains and VPNs, as for any other program on the machine.
///
/// IPv6 and IPv4 addresses are asked for together, in the system's order (RFC 6724). Where that takes
/// [long](Self::split_after), each family is asked for apart as well, so that a lost packet of one doesn't hold up the
/// other. What comes first is returned at once: all addresses, or those of a family. That IPv4 ones wait a little for
/// IPv6 ones (RFC 8305, section 3) is for who connects to decide, as `skybridge-tcp` does. Not all are asked for at the
/// same time, because a hosts file would be bypassed by that: for a name to which it gives an IPv4 address alone, a
/// lookup of IPv6 goes on to DNS. When both are asked for, the hosts file answers, and it does so at once.
///
/// `localhost` and names below it are this machine's loopback addresses, and the system is not asked for them (RFC
/// 6761, section 6.3); an [override](crate::OverridesLayer) above goes before that.
///
/// There is no time to live, and nothing is cached. When one family has addresses and the other fails, the error ends
/// the stream after the addresses; that it has none is no error.
///
/// `getaddrinfo` blocks, so it runs on the runtime's threads for blocking work. A lookup that runs can't be stopped:
/// when a query is dropped, its result is discarded. A lookup that hasn't started, and that nobody waits for, never
/// starts. Queries for the same name that overlap share its lookups. At most 128 run at once, so that names whose
/// servers don't answer can't use up the runtime's threads; single families are asked for while it is less than 64. At
/// most 1,024 wait; a query beyond that fails with [`ResolveError::Overloaded`](crate::ResolveError::Overloaded). One
/// that waits says so by [`Answer::queued`](skybridge_core::Answer::queued), and the time isn't counted as resolving.
/// Clones share the queue.
#[derive(Clone)]
pub struct System {
    queue: Arc<LookupQueue>,
    split_after: Duration,
}

// === impl System ===

impl System {
    /// A resolver with a queue of its own.
    pub fn new() -> Self {
        Self::blocking(getaddrinfo)
    }

    /// Asks this function in place of `getaddrinfo`. It is called on a thread for blocking work, for both families or
    /// for one, and returns the addresses of these; port 0 stands for that of the query. An error of the kind
    /// `NotFound` says that the name doesn't exist, and any other that the lookup failed.
    pub fn blocking(lookup: impl Fn(&str, Families) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Self {
        let lookup: Arc<BlockingLookup> = Arc::new(lookup);
        Self { queue: Arc::new(LookupQueue::new(lookup)), split_after: SPLIT_AFTER }
    }

    /// How long IPv6 and IPv4 addresses are waited for together, before each are asked for apart (default: 250 ms;
    /// `Duration::MAX`: never).
    pub fn split_after(mut self, delay: Duration) -> Self {
        self.split_after = delay;
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
        ready(Ok(Lookup::new(query, Arc::clone(&self.queue), self.split_after)))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
