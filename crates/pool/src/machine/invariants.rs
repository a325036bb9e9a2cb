//! What holds of a machine at any time, for the tests.

use crate::{
    config::{AtStreamLimit, PoolConfig},
    machine::{Machine, PermitQueue, connections::ConnectionKey, environment::Load},
};
use skybridge_core::Protocol;

impl Machine {
    /// After every step.
    pub(crate) fn check_safety(&self, config: &PoolConfig) {
        let open = self.connections.open() + self.connects.len();
        assert!(open <= config.max_per_origin, "{open} connections of one origin");
        assert!(self.connects.wanted() <= config.max_connecting_per_origin);
        assert!(self.queue.len() <= config.max_waiting_per_origin);
        self.connections.check();
        for (waiter, waiting) in self.queue.iter() {
            if let Some((connect, _)) = waiting.connect {
                assert!(self.connects.keys().any(|key| key == connect), "{waiter:?} waits for a connect that is over");
            }
        }
        for connect in self.connects.keys() {
            let joined = self.queue.iter().filter(|(_, waiting)| waiting.has_joined(connect)).count();
            assert_eq!(joined, self.connects.joined(connect), "a connect knows how many wait for it");
            if let Some(other) = self.connects.other(connect) {
                assert!(other != connect && self.connects.other(other) == Some(connect), "two know of each other");
                assert!(self.connects.to_join().any(|first| first == connect || first == other), "one is joined");
            }
        }
        for connection in self.connections.shared().iter().chain(self.connections.idle().iter().map(|i| &i.connection))
        {
            assert!(self.contains(*connection), "{connection:?} is listed and forgotten");
        }
    }

    /// When everything that can run has run. True when somebody waits for a permit.
    pub(crate) fn check_liveness(&self, config: &PoolConfig, load: &dyn Fn(ConnectionKey) -> Load) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        assert_eq!(self.idle(), 0, "an idle connection, and somebody waits");
        let shared: Vec<_> = self.connections.shared().iter().map(|connection| load(*connection)).collect();
        assert!(!shared.iter().any(|load| load.has_capacity), "a connection has a free stream, and somebody waits");
        let all_joined = self.queue.iter().all(|(_, waiting)| waiting.connect.is_some());
        let settings = shared.iter().any(|load| load.known_capacity.is_none());
        let waits = !shared.is_empty() && config.at_stream_limit == AtStreamLimit::Wait;
        let full = self.connections.open() + self.connects.len() >= config.max_per_origin
            || self.connects.wanted() >= config.max_connecting_per_origin;
        if all_joined || settings || waits || full || self.connects.any_looks() {
            return false;
        }
        assert!(self.permit_queue != PermitQueue::Out, "somebody waits for a permit, and nobody knows");
        assert!(
            self.connects.to_join().next().is_none() || self.protocol == Some(Protocol::Http1),
            "a connect may be joined"
        );
        true
    }

    /// Each socket has one, and each connect that waits for none.
    pub(crate) fn permits_held(&self) -> usize {
        self.connections.sockets() + self.connects.len() - self.connects.paused().count()
    }

    /// Of its own connections.
    pub(crate) fn idle_connections(&self, load: &dyn Fn(ConnectionKey) -> Load) -> usize {
        self.idle() + self.connections.own_shared().filter(|(connection, _)| load(*connection).in_use == 0).count()
    }

    /// Whether it waits without a connection, in the queue for permits.
    pub(crate) fn is_queued_starving(&self) -> bool {
        self.permit_queue == PermitQueue::Starving && self.starves()
    }
}
