//! What an observed request is told of the connections of its key, and why it has none of them.

use crate::{
    connection::PooledConnection,
    machine::{Machine, action::Grant, queue::WaiterKey},
    origin::{Entry, OriginPool, Tables, pending_connect::PendingConnect},
};
use skybridge_core::{ConnInfo, Found, Overloaded, Search};
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

    /// What has come of one that may not wait.
    pub(super) fn refused(mut search: Box<Search>, full: Overloaded) -> Box<Search> {
        search.found = Found::Refused(full);
        search
    }

    /// What a connect does that has found no connection.
    pub(crate) fn goes_on(self: &Arc<Self>, connect: &PendingConnect) -> Found {
        self.ask(|machine, tables| machine.goes_on(connect.key, &self.shared.config, &self.environment(tables)))
    }

    /// What would become of a request that comes now, and by which connection. Those that would not carry it are listed
    /// in the search.
    pub(crate) fn forecast(self: &Arc<Self>, search: &mut Search) -> Option<Arc<ConnInfo>> {
        self.ask(|machine, tables| {
            let env = self.environment(tables);
            let Some(grant) = machine.would_take(&env) else {
                Self::pass_over(machine, tables, search);
                let makes_room = self.shared.idle.get() > 0;
                search.found = machine.would_wait(makes_room, &self.shared.config, &env);
                return None;
            };
            let taken = tables.connection(grant.connection())?;
            let slots = taken.slots();
            search.found = match grant {
                Grant::Exclusive(_) => Found::Idle,
                Grant::Stream(_) => Found::Stream { in_use: slots.in_use + 1, limit: slots.capacity },
            };
            Self::pass_over(machine, tables, search);
            Some(Arc::clone(&taken.info))
        })
    }

    /// Each of its own connections, and whether it is an exclusive one that is idle.
    pub(crate) fn own(&self) -> Vec<(Arc<PooledConnection<C>>, bool)> {
        self.ask(|machine, tables| {
            let entries = machine.members().filter_map(|key| tables.connections.get(key));
            let own = entries.filter(|entry| self.is_home_of(&entry.connection));
            own.map(|entry| (Arc::clone(&entry.connection), entry.handle.is_some())).collect()
        })
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
