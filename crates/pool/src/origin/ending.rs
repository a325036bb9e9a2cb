//! What is taken out of an origin: what is too old, what is one too many, and in the end everything.

use crate::{
    connection::PooledConnection,
    machine::{action::Actions, connections::ConnectionKey, ending::Oldest},
    origin::OriginPool,
    shared::time::{Timestamp, nanos},
    stats::PoolStats,
};
use skybridge_core::{CloseReason, ConnInfo, Endpoint, Error, Route};
use std::sync::Arc;

impl<C: Send + 'static> OriginPool<C> {
    /// Ends what has been idle or alive for too long, or since before the machine last slept; when the next will have
    /// been, or its use is to be looked at again.
    pub(crate) fn expire(self: &Arc<Self>, now: Timestamp, sleeps: u16) -> Option<Timestamp> {
        let idle_timeout = nanos(self.shared.config.idle_timeout);
        let used = self.step(|machine, tables| {
            let may_use =
                |key: ConnectionKey| tables.connections.get(key).is_some_and(|entry| self.may_use(&entry.connection));
            let used = !machine.may_have_slept();
            let slept = machine.slept(sleeps).unwrap_or_default();
            (used, slept.and(machine.expire(now, idle_timeout, &self.environment(tables), may_use)))
        });
        self.ask(|machine, tables| {
            let again = (used && !machine.is_vacant()).then(|| self.next_look());
            again.into_iter().chain(machine.next_expiry(&self.environment(tables))).min()
        })
    }

    /// Since when the one of its own has been idle that has been so longest.
    pub(crate) fn oldest_idle(self: &Arc<Self>) -> Option<Timestamp> {
        self.ask(|machine, tables| machine.oldest_idle(&self.environment(tables)))
    }

    /// How many of its own connections nobody uses.
    pub(super) fn idle_count(self: &Arc<Self>) -> usize {
        self.ask(|machine, tables| machine.idle_count(&self.environment(tables)))
    }

    /// Closes the one of its own that has been idle longest. False when there is none.
    pub(crate) fn evict_oldest(self: &Arc<Self>, reason: CloseReason) -> bool {
        let oldest = self.step(|machine, tables| {
            let (oldest, actions) = machine.evict_oldest(&self.environment(tables), reason);
            let shared = match oldest {
                Some(Oldest::Shared(key)) => tables.connection(key),
                _ => None,
            };
            (oldest.map(|_| shared), actions)
        });
        match oldest {
            Some(Some(shared)) => shared.drain_unused(reason),
            Some(None) => true,
            None => false,
        }
    }

    /// Closes the idle connections to the same endpoint that have been idle since before this one was.
    #[cold]
    pub(crate) fn close_older_siblings(self: &Arc<Self>, dead: &PooledConnection<C>) {
        if dead.info.forwarded
            && let Some(host) = self.host.upgrade()
        {
            host.lend_no_more(&dead.info.remote);
        }
        self.step(|machine, tables| {
            let is_older = |key: ConnectionKey| {
                let other = tables.connections.get(key).map(|entry| &entry.connection);
                other.is_some_and(|other| other.info.remote == dead.info.remote && other.idled_before(dead))
            };
            ((), machine.close_older(is_older, CloseReason::Stale))
        });
    }

    /// A plan says where the origin is now: if it says all of it, the connections to where it isn't any more take no
    /// more requests. An answer without any address of a family may lack them for another reason.
    pub(crate) fn drain_moved(self: &Arc<Self>, route: &Route) {
        if !self.shared.config.drain_moved || !route.endpoints.is_whole() {
            return;
        }
        let now = route.endpoints.snapshot();
        let has_moved = |info: &ConnInfo| {
            info.route.proxies == route.proxies
                && !now.contains(&info.remote)
                && now.iter().any(|endpoint| is_of_one_family(endpoint, &info.remote))
        };
        self.step(|machine, tables| {
            let has_moved =
                |key: ConnectionKey| tables.connections.get(key).is_some_and(|entry| has_moved(&entry.connection.info));
            ((), machine.drain_moved(has_moved))
        });
    }

    /// Closes what is idle; what is in use goes on, and is not kept.
    pub(crate) fn evict_all(self: &Arc<Self>, reason: CloseReason) {
        self.step(|machine, _| ((), machine.evict_all(reason)));
    }

    /// Out of the pool for good: connects end, whoever waits gets an error.
    pub(crate) fn close(self: &Arc<Self>, error: impl Fn() -> Error) {
        self.step(|machine, _| ((), machine.close(error)));
    }

    /// Out of the pool, if it holds nothing. True when it is out.
    pub(crate) fn retire(self: &Arc<Self>) -> bool {
        self.step(|machine, _| (machine.retire(), Actions::none()))
    }

    /// Out of the pool.
    pub(crate) fn is_closed(&self) -> bool {
        self.ask(|machine, _| machine.is_closed())
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.ask(|machine, _| machine.is_vacant())
    }

    pub(crate) fn stats(self: &Arc<Self>) -> PoolStats {
        self.ask(|machine, tables| machine.stats(&self.environment(tables)))
    }
}

fn is_of_one_family(one: &Endpoint, other: &Endpoint) -> bool {
    one.inet().map(|addr| addr.is_ipv6()) == other.inet().map(|addr| addr.is_ipv6())
}
