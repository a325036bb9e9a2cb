use crate::{
    lookup::Lookup,
    lookup_queue::{BlockingLookup, LookupQueue},
};
use skybridge_core::Query;
use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The system's resolver, `getaddrinfo`: hosts file, search domains and VPNs, as for any other program on the machine.
///
/// `getaddrinfo` blocks, so it runs on the runtime's threads for blocking work. A lookup that runs can't be stopped:
/// when a query is dropped, its result is discarded. A lookup that hasn't started, and that nobody waits for, never
/// starts. Queries for the same name that overlap share one lookup. At most 64 lookups run at once, so that names whose
/// servers don't answer can't use up the runtime's threads, and at most 1,024 wait; a query beyond that fails with
/// [`ResolveError::Overloaded`](crate::ResolveError::Overloaded). Clones share the queue. Nothing is cached.
///
/// The one answer has every address, in the system's order (RFC 6724), and no time to live.
#[derive(Clone)]
pub struct System {
    queue: Arc<LookupQueue>,
}

// === impl System ===

impl System {
    /// A resolver with a queue of its own.
    pub fn new() -> Self {
        Self::with_lookup(Arc::new(getaddrinfo))
    }

    pub(crate) fn with_lookup(lookup: Arc<BlockingLookup>) -> Self {
        Self { queue: Arc::new(LookupQueue::new(lookup)) }
    }
}

fn getaddrinfo(host: &str) -> std::io::Result<Vec<SocketAddr>> {
    Ok((host, 0).to_socket_addrs()?.collect())
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
        ready(Ok(Lookup::new(self.queue.join_or_start(&query), query)))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
