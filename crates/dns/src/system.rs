use crate::{
    desk::{Desk, Search},
    lookup::Lookup,
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

/// The system's resolver, `getaddrinfo`: hosts file, search domains, VPNs, as any other program on the machine resolves.
///
/// It blocks, so it runs on the runtime's threads for that. A look-up under way can't be stopped: a query that is dropped is just no longer
/// listened to, and one that hasn't begun never begins. Queries for the same name that overlap share one look-up. At most 64 run at once
/// (so that names nobody answers for don't use up the runtime's threads), and 1,024 wait in line; what is beyond that fails with
/// [`ResolveError::Overloaded`](crate::ResolveError::Overloaded). Clones share all of it. It remembers nothing.
///
/// The one answer has every address, in the system's order (RFC 6724), and no time to live.
#[derive(Clone)]
pub struct System {
    desk: Arc<Desk>,
}

// === impl System ===

impl System {
    /// At most 64 look-ups at once.
    pub fn new() -> Self {
        Self::with_search(Arc::new(getaddrinfo))
    }

    pub(crate) fn with_search(search: Arc<Search>) -> Self {
        Self { desk: Arc::new(Desk::new(search)) }
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
        ready(Ok(Lookup::new(self.desk.ask(&query), query)))
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
