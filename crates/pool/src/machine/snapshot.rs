//! What there is to show of one origin.

use super::{
    Machine, PermitQueue,
    connections::{ConnectionKey, Facts},
    connects::ConnectKey,
    queue::WaiterKey,
};
use crate::shared::time::Timestamp;
use std::collections::HashMap;

impl Machine {
    /// The connections that were opened for it, draining ones too; and since when an exclusive one is idle.
    pub(crate) fn own_sockets(&self) -> impl Iterator<Item = (ConnectionKey, Option<Timestamp>)> {
        let idle: HashMap<_, _> = self.connections.idle().iter().map(|idle| (idle.connection.index(), *idle)).collect();
        self.connections.own_sockets().map(move |(key, facts)| {
            let found = idle.get(&key.index()).filter(|idle| idle.connection == key);
            (key, found.map(|idle| idle.until.minus(facts.idle_timeout)))
        })
    }

    /// Those of other names.
    pub(crate) fn coalesced_keys(&self) -> impl Iterator<Item = ConnectionKey> {
        self.connections.coalesced().map(|(key, _): (_, Facts)| key)
    }

    /// The connects under way: how many requests wait for each, and whether it has no permit yet.
    pub(crate) fn connects_under_way(&self) -> impl Iterator<Item = (ConnectKey, usize, bool)> {
        let connects = &self.connects;
        connects.keys().map(|key| (key, connects.joined(key), connects.is_paused(key)))
    }

    /// The requests that wait, in order, and whether each waits for a connect.
    pub(crate) fn waiters(&self) -> impl Iterator<Item = (WaiterKey, bool)> {
        self.queue.iter().map(|(key, waiting)| (key, waiting.connect.is_some()))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn wants_permit(&self) -> bool {
        self.permit_queue != PermitQueue::Out
    }

    /// How many connects failed in a row.
    pub(crate) fn failures(&self) -> u8 {
        self.backoff.failures()
    }
}
