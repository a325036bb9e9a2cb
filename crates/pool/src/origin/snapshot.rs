//! What is shown of one origin.

use super::OriginPool;
use crate::{
    connection::PooledConnection,
    shared::time::Timestamp,
    snapshot::{ConnectSnapshot, ConnectionSnapshot, ConnectionState, OriginSnapshot, WaitingSnapshot, opened},
};
use std::sync::Arc;

impl<C: Send + 'static> OriginPool<C> {
    pub(crate) fn snapshot(&self) -> OriginSnapshot {
        let now = self.shared.now();
        let instant = |at: Timestamp| self.shared.clock.instant(at);
        let mut snapshot = self.ask(|machine, tables| {
            let own = machine.own_sockets().filter_map(|(key, idle)| {
                let connection = &tables.connections.get(key)?.connection;
                (!connection.slots().closed).then(|| connection.snapshot(idle))
            });
            let coalesced = machine.coalesced_keys().filter_map(|key| tables.connection(key)?.info.id);
            let connects = machine.connects_under_way().filter_map(|(key, joined, paused)| {
                let began = tables.connects.get(key)?.began;
                Some(ConnectSnapshot { began, joined, paused })
            });
            let waiting = machine.waiters().filter_map(|(key, joined)| {
                let waiter = tables.waiters.get(key)?;
                Some(WaitingSnapshot { since: instant(waiter.since), call: waiter.context.call, joined })
            });
            OriginSnapshot {
                key: Arc::clone(&self.key),
                connections: own.collect(),
                coalesced: coalesced.collect(),
                connects: connects.collect(),
                waiting: waiting.take(OriginSnapshot::MOST_WAITING).collect(),
                waiting_total: machine.waiting(),
                wants_permit: machine.wants_permit(),
                failures: machine.failures(),
                paused_until: machine.pause_until(now).map(instant),
            }
        });
        snapshot.connections.sort_by_key(|connection| connection.info.id);
        snapshot.coalesced.sort_unstable();
        snapshot
    }
}

impl<C: Send + 'static> PooledConnection<C> {
    /// `idle`: since when, if it is an exclusive one that nobody uses.
    fn snapshot(&self, idle: Option<Timestamp>) -> ConnectionSnapshot {
        let slots = self.slots();
        let idle = match self.exclusive {
            true => idle,
            false => self.idle_until().map(|until| until.minus(self.idle_timeout)),
        };
        let instant = |at: Timestamp| self.shared.clock.instant(at);
        let state = match idle {
            _ if slots.draining => ConnectionState::Draining(self.close_reason()),
            Some(since) => ConnectionState::Idle(instant(since.min(self.shared.clock.get()))),
            None => ConnectionState::InUse,
        };
        let is_used = u32::from(!matches!(state, ConnectionState::Idle(_)));
        ConnectionSnapshot {
            info: Arc::clone(&self.info),
            state,
            suspect: slots.suspect,
            streams: if self.exclusive { is_used } else { slots.in_use },
            max_streams: if self.exclusive { Some(1) } else { self.known_capacity() },
            carried: self.exchanges(),
            opened: opened(&self.info),
            expires: self.expires_at.map(instant),
        }
    }
}
