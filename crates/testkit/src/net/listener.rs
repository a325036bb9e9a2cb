use super::{Conn, addr_behavior::Spot};
use crate::tasks::Owner;
use std::{fmt, future::Future, net::SocketAddr, sync::Arc};

/// Accepts the connections to one address. Dropping it resets those in its backlog, and the address refuses from then
/// on.
pub struct Listener {
    spot: Arc<Spot>,
}

/// A listener that is served by tasks. Dropping it stops listening, aborts the tasks, and raises the first of their
/// panics.
#[derive(Debug)]
pub struct Serving {
    addr: SocketAddr,
    tasks: Owner,
}

// === impl Listener ===

impl Listener {
    pub(super) fn new(spot: Arc<Spot>) -> Self {
        let was_listening = std::mem::replace(&mut spot.state().listening, true);
        assert!(!was_listening, "{} is already listened to", spot.addr);
        Self { spot }
    }

    /// The next connection and its client's address.
    pub async fn accept(&self) -> (Conn, SocketAddr) {
        loop {
            let next = self.spot.state().queue.pop_front();
            if let Some(conn) = next {
                self.spot.room.notify_one();
                let peer = conn.peer_addr();
                return (conn, peer);
            }
            self.spot.arrived.notified().await;
        }
    }

    /// The address listened to.
    pub fn local_addr(&self) -> SocketAddr {
        self.spot.addr
    }

    /// Accepts every connection, and gives each, with its index, to `serve` on a task of its own.
    pub fn serve<F, Fut>(self, serve: F) -> Serving
    where
        F: Fn(usize, Conn) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let owner = Owner::default();
        let (addr, tasks) = (self.local_addr(), owner.0.clone());
        owner.0.spawn(async move {
            for index in 0.. {
                let (conn, _) = self.accept().await;
                tasks.spawn(serve(index, conn));
            }
        });
        Serving { addr, tasks: owner }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let unaccepted = {
            let mut state = self.spot.state();
            state.listening = false;
            std::mem::take(&mut state.queue)
        };
        self.spot.room.notify_waiters();
        unaccepted.iter().for_each(Conn::reset);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("addr", &self.spot.addr).finish_non_exhaustive()
    }
}

// === impl Serving ===

impl Serving {
    /// The address served.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections whose task has not ended.
    pub fn active(&self) -> usize {
        self.tasks.0.live().saturating_sub(1)
    }
}
