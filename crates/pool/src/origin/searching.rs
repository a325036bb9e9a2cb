//! What an observed request is told of the connections of its key, and why it has none of them.

use crate::{
    connection::PooledConnection,
    machine::{Machine, queue::WaiterKey},
    origin::{Entry, OriginPool, Tables, pending_connect::PendingConnect},
};
use skybridge_core::{ConnInfo, Found, Search};
use std::sync::Arc;

impl<C: Send + 'static> OriginPool<C> {
    /// None of its connections carries a request that comes now, but for those that are idle and others' turn.
    pub(super) fn pass_over(machine: &Machine, tables: &Tables<C>, search: &mut Search) {
        for Entry { connection, handle } in machine.members().filter_map(|key| tables.connections.get(key)) {
            if handle.is_none()
                && let Some(why) = connection.not_used()
            {
                search.pass_over(&connection.info, why);
            }
        }
    }

    /// Why those beside one that was taken were not.
    #[cold]
    pub(crate) fn pass_over_beside(&self, taken: &PooledConnection<C>, search: &mut Search) {
        self.ask(|machine, tables| {
            let others = machine.shared().iter().filter_map(|key| tables.connections.get(*key));
            for Entry { connection, .. } in others.filter(|entry| !std::ptr::eq(&*entry.connection, taken)) {
                if let Some(why) = connection.not_used() {
                    search.pass_over(&connection.info, why);
                }
            }
        });
    }

    /// What came of a request that was put in the queue.
    pub(super) fn came_of(
        self: &Arc<Self>,
        mut search: Box<Search>,
        machine: &Machine,
        tables: &Tables<C>,
        key: WaiterKey,
    ) -> Option<Box<Search>> {
        search.found = machine.came_of(key, &self.shared.config, &self.environment(tables))?;
        Some(search)
    }

    /// What a connect does that has found no connection.
    pub(crate) fn goes_on(self: &Arc<Self>, connect: &PendingConnect) -> Found {
        self.ask(|machine, tables| machine.goes_on(connect.key, &self.shared.config, &self.environment(tables)))
    }

    /// What is known of each of its connections that takes requests, or will again.
    pub(crate) fn infos(&self) -> Vec<Arc<ConnInfo>> {
        self.ask(|machine, tables| {
            let entries = machine.members().filter_map(|key| tables.connections.get(key));
            let own = entries.filter(|entry| self.is_home_of(&entry.connection) && entry.connection.is_open());
            own.map(|entry| Arc::clone(&entry.connection.info)).collect()
        })
    }
}
