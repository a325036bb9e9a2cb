//! What comes back: a connection whose exchange is over, a stream, a socket.

use crate::{
    connection::{PooledConnection, Released},
    machine::action::Actions,
    origin::{OriginPool, waiter::Granted},
    shared::Shared,
};
use skybridge_core::CloseReason;
use std::sync::Arc;

impl<C: Send + 'static> OriginPool<C> {
    /// A connection that carried nothing.
    pub(crate) fn give_back(self: &Arc<Self>, granted: Granted<C>) {
        match granted {
            Granted::Exclusive(handle, connection) => self.put_back(&connection, &mut Some(handle)),
            Granted::Stream(connection) => {
                connection.not_begun();
                self.release(&connection);
            }
        }
    }

    /// An exclusive connection whose exchange is complete, or never began: it goes to whoever waits, or is idle, or is
    /// closed when it may not be kept. Takes the handle out of where it is.
    #[inline]
    pub(crate) fn put_back(self: &Arc<Self>, connection: &Arc<PooledConnection<C>>, handle: &mut Option<C>) {
        let shared = &self.shared;
        let until = connection.idle_until_from(shared.clock.get());
        let refuse = match connection.expires_at {
            Some(expires_at) if expires_at <= shared.now() => Some(self.facts(connection).expiry_reason()),
            _ if shared.permits.is_contended() && shared.permits.is_due() => Some(CloseReason::LimitReclaimed),
            _ => None,
        };
        let kept = self.step(|machine, tables| {
            let Some(key) = connection.key().filter(|_| connection.is_open()) else {
                return (Err(connection.close_reason()), Actions::none());
            };
            match machine.put_back(key, until, refuse) {
                Ok(order) => connection.set_idle_order(order),
                Err(reason) => return (Err(reason), Actions::none()),
            }
            if let Some(entry) = tables.connections.get_mut(key) {
                entry.handle = handle.take();
            }
            (Ok(()), self.serve_with(machine, tables))
        });
        match kept {
            Ok(()) => {
                self.keep_limits(connection.exclusive && connection.info.forwarded);
                self.look_by_expiry(connection);
            }
            // Here, without the lock.
            Err(reason) => {
                if let Some(handle) = handle.take() {
                    connection.close_with(handle, reason);
                }
            }
        }
    }

    /// The reaper ends it in time, if it has an end, which may come before the next look.
    #[inline]
    pub(super) fn look_by_expiry(&self, connection: &PooledConnection<C>) {
        if let Some(until) = connection.expires_at {
            self.shared.reaper.look_by(until);
        }
    }

    /// A stream of a shared connection is free.
    #[inline]
    pub(crate) fn release(self: &Arc<Self>, connection: &Arc<PooledConnection<C>>) {
        let released = connection.release();
        if released == Released::Drained {
            return connection.close(connection.close_reason());
        }
        if connection.is_coalesced() {
            connection.serve_line()
        } else {
            self.serve_if_waiting()
        }
        if released == Released::Idle {
            // It counts for the origin that it was opened for.
            let home = if self.is_home_of(connection) { None } else { connection.home() };
            match home {
                Some(home) => home.became_idle(),
                None => self.keep_limits(false),
            }
        }
    }

    /// Something is idle: keeps the numbers within their limits, and sees to it that it ends in time. `lends`: another
    /// origin may have it.
    #[inline]
    pub(super) fn keep_limits(self: &Arc<Self>, lends: bool) {
        let Shared { config, idle, permits, reaper, .. } = &*self.shared;
        let is_limited = config.max_idle_per_origin != usize::MAX || idle.get() > config.max_idle;
        if is_limited || permits.is_wanted() || !reaper.is_running() {
            self.keep_limits_now(lends);
        }
    }

    #[cold]
    fn keep_limits_now(self: &Arc<Self>, lends: bool) {
        let Shared { config, idle, permits, reaper, .. } = &*self.shared;
        if config.max_idle_per_origin != usize::MAX && self.idle_count() > config.max_idle_per_origin {
            self.evict_oldest(CloseReason::Evicted);
        }
        let (too_many, wanted) = (idle.get() > config.max_idle, permits.is_wanted());
        if (too_many || wanted || !reaper.is_running())
            && let Some(host) = self.host.upgrade()
        {
            if too_many {
                host.evict_oldest(self);
            }
            match (wanted, lends) {
                (true, true) => host.lend_or_reclaim(),
                (true, false) => host.reclaim(),
                (false, _) => {}
            }
            host.start_reaper();
        }
    }

    /// The socket of one of its own is gone from here. True when it had a permit.
    pub(super) fn forget_socket(self: &Arc<Self>, connection: &PooledConnection<C>) -> bool {
        let (closed, _entry) = self.step(|machine, tables| {
            let Some(key) = connection.key() else { return ((false, None), Actions::none()) };
            let closed = machine.socket_closed(key);
            let gone = closed && !machine.contains(key);
            ((closed, if gone { tables.connections.take(key) } else { None }), Actions::none())
        });
        if closed {
            self.remove_if_vacant();
        }
        closed
    }
}
