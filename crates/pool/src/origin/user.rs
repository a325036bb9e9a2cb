//! What a connection tells the origins that use it.

use crate::{
    connection::{ConnectionUser, PooledConnection},
    origin::OriginPool,
};
use std::sync::Arc;

impl<C: Send + 'static> ConnectionUser<C> for OriginPool<C> {
    fn remove(self: Arc<Self>, connection: &PooledConnection<C>) -> bool {
        // Dropped once the lock is free, as the handle is of an exclusive connection that was idle.
        let (was_idle, _handle, _entry) = self.step(|machine, tables| {
            let Some(key) = self.key_of(connection, machine, tables) else {
                return ((false, None, None), self.serve_with(machine, tables));
            };
            let known = machine.contains(key);
            let was_idle = machine.remove(key);
            let entry = tables.connections.get_mut(key).filter(|_| was_idle);
            let handle = entry.and_then(|entry| entry.handle.take());
            let gone = known && !machine.contains(key);
            let entry = if gone { tables.connections.take(key) } else { None };
            ((was_idle, handle, entry), self.serve_with(machine, tables))
        });
        self.remove_if_vacant();
        was_idle
    }

    fn socket_closed(self: Arc<Self>, connection: &PooledConnection<C>) {
        if self.forget_socket(connection) {
            self.shared.permits.release();
        }
    }

    fn lent(self: Arc<Self>, connection: &PooledConnection<C>) -> bool {
        self.forget_socket(connection)
    }

    fn lend(self: Arc<Self>, connection: &PooledConnection<C>) -> Option<C> {
        self.step(|machine, tables| {
            // What was idle before the machine slept is nobody's.
            let slept = self.slept(machine).unwrap_or_default();
            let key = connection.key().filter(|key| machine.lend(*key));
            let entry = key.and_then(|key| tables.connections.get_mut(key));
            (entry.and_then(|entry| entry.handle.take()), slept)
        })
    }

    fn take_back(self: Arc<Self>, connection: &Arc<PooledConnection<C>>, handle: C) {
        self.put_back(connection, &mut Some(handle));
    }

    fn serve_waiters(self: Arc<Self>) {
        self.serve();
    }

    fn became_idle(self: Arc<Self>) {
        self.keep_limits(false);
    }

    fn answered(self: Arc<Self>) {
        self.step(|machine, tables| {
            let notify = machine.answered();
            ((), notify.and(self.serve_with(machine, tables)))
        });
    }
}
