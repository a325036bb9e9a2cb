//! What an origin's machine asks: of its connections, and of its pool.

use super::tables::{Entry, Tables};
use crate::{
    machine::{
        action::Actions,
        connections::ConnectionKey,
        environment::{Environment, Load},
    },
    origin::OriginPool,
    shared::{permits::PermitWaiter, time::Timestamp},
};
use skybridge_core::{HttpVersions, Key, Overloaded, Scheme};
use std::sync::Arc;

pub(super) struct Surroundings<'a, C: Send + 'static> {
    origin: &'a Arc<OriginPool<C>>,
    tables: &'a Tables<C>,
}

impl<C: Send + 'static> Environment for Surroundings<'_, C> {
    fn load(&self, connection: ConnectionKey) -> Load {
        let Some(Entry { connection, .. }) = self.tables.connections.get(connection) else { return Load::default() };
        let slots = connection.slots();
        Load {
            in_use: slots.in_use,
            capacity: slots.capacity,
            known_capacity: connection.known_capacity(),
            has_capacity: connection.has_capacity(),
            draining: slots.draining,
            used_up: connection.is_used_up(),
            allows_none: connection.allows_no_streams(),
            suspect: slots.suspect,
            idle_until: connection.idle_until(),
        }
    }

    #[inline]
    fn reserve(&self, connection: ConnectionKey) -> bool {
        self.tables.connections.get(connection).is_some_and(|entry| entry.connection.reserve())
    }

    fn line_up(&self, connection: ConnectionKey) -> bool {
        let Some(Entry { connection, .. }) = self.tables.connections.get(connection) else { return false };
        connection.is_coalesced() && connection.line_up(&self.origin.as_user())
    }

    fn acquire_permit(&self) -> Result<(), Overloaded> {
        self.origin.shared.permits.acquire()
    }

    fn permit_refused(&self) -> Option<Overloaded> {
        self.origin.shared.permits.refused()
    }

    fn may_be_lent(&self) -> bool {
        let Key { origin, connect_options, .. } = &*self.origin.key;
        let is_forwarded = origin.scheme() == Scheme::Http && connect_options.http_versions != HttpVersions::Http2;
        is_forwarded && self.origin.shared.may_lend()
    }

    fn queue_for_permit(&self, starves: bool, returns: bool) {
        self.origin.shared.permits.enqueue(self.origin.as_permit_waiter(), starves, returns);
    }

    fn leave_permit_queue(&self) {
        self.origin.shared.permits.dequeue(&self.origin.as_permit_waiter());
    }

    fn now(&self) -> Timestamp {
        self.origin.shared.now()
    }

    fn jittered(&self, nanos: u64) -> u64 {
        nanos / 1024 * u64::from(fastrand::u32(512..=1024))
    }
}

impl<C: Send + 'static> OriginPool<C> {
    pub(super) fn environment<'a>(self: &'a Arc<Self>, tables: &'a Tables<C>) -> Surroundings<'a, C> {
        Surroundings { origin: self, tables }
    }

    fn as_permit_waiter(self: &Arc<Self>) -> Arc<dyn PermitWaiter> {
        Arc::clone(self) as _
    }
}

impl<C: Send + 'static> PermitWaiter for OriginPool<C> {
    fn permit_freed(self: Arc<Self>) {
        self.step(|machine, tables| {
            machine.permit_freed();
            ((), self.serve_with(machine, tables))
        });
    }

    fn look(self: Arc<Self>) -> Option<bool> {
        self.step(|machine, tables| machine.look(&self.shared.config, &self.environment(tables)))
    }

    fn still_starves(self: Arc<Self>) -> bool {
        self.step(|machine, tables| (machine.still_starves(&self.environment(tables)), Actions::none()))
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Send + 'static> OriginPool<C> {
    /// Looks into the machine.
    pub(crate) fn inspect<R>(
        self: &Arc<Self>,
        look: impl FnOnce(&crate::machine::Machine, &dyn Fn(ConnectionKey) -> Load) -> R,
    ) -> R {
        self.ask(|machine, tables| look(machine, &|key| self.environment(tables).load(key)))
    }
}
