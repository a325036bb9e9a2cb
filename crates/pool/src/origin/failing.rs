//! What an origin does while its connections fail.

use crate::{
    connection::PooledConnection,
    machine::action::Actions,
    origin::{OriginPool, pending_connect::PendingConnect},
};
use skybridge_core::{CloseReason, ConnectError, Phase};
use std::{error::Error as StdError, fmt, sync::Arc, time::Instant};

impl<C: Send + 'static> OriginPool<C> {
    /// When a connect may begin that waits for the end of the backoff; `None` when it may by now.
    pub(crate) fn pause_until(&self, connect: &PendingConnect) -> Option<Instant> {
        let now = self.shared.now();
        let until = self.ask(|machine, _| machine.pause_until(now).filter(|_| machine.is_paused(connect.key)));
        until.map(|until| self.shared.clock.instant(until))
    }

    /// The backoff is over, or no other origin has lent a connection. False when the connect is, too, as there is no
    /// permit for its socket.
    pub(crate) fn resume(self: &Arc<Self>, connect: &PendingConnect) -> bool {
        let config = &self.shared.config;
        if self.shared.must_make_room()
            && self.ask(|machine, _| machine.is_paused(connect.key))
            && let Some(host) = self.host.upgrade()
        {
            host.reclaim();
        }
        let (resumed, paused) = self.step(|machine, tables| {
            let paused = machine.is_paused(connect.key);
            let resumed = machine.resume(connect.key, config, &self.environment(tables));
            if !resumed {
                tables.connects.take(connect.key);
            }
            ((resumed, paused), Actions::none())
        });
        if paused {
            // Whoever has waited for its end may begin now, or wait elsewhere.
            self.serve();
        }
        resumed
    }

    /// A connection of its own ended before it carried anything. True when that happens again and again, so that the
    /// next connect waits for a while.
    #[cold]
    pub(crate) fn never_carried(self: &Arc<Self>, connection: &PooledConnection<C>, reason: CloseReason) -> bool {
        let config = &self.shared.config;
        let failed = || {
            let error = ConnectError::new(Phase::Handshake, NeverCarried(reason));
            error.on_route(&connection.info.route).at(connection.info.remote.clone())
        };
        let failures = connection.failures_before;
        let mut home = Arc::clone(self);
        loop {
            let key = connection.key().filter(|_| Arc::ptr_eq(self, &home));
            let is_long = home.step(|machine, tables| {
                if machine.is_closed() {
                    return (None, Actions::none());
                }
                let (is_long, actions) =
                    machine.never_carried(key, failures, config, &home.environment(tables), failed);
                (Some(is_long), actions)
            });
            if let Some(is_long) = is_long {
                home.start_reaper();
                self.shared.reaper.look_by(self.next_look());
                return is_long;
            }
            // With the connection went the last that the origin held, and so the origin.
            match self.host.upgrade().and_then(|host| host.successor(&self.key)) {
                Some(successor) => home = successor,
                None => return false,
            }
        }
    }

    /// What is remembered of failures is forgotten in time.
    pub(super) fn start_reaper(self: &Arc<Self>) {
        if !self.shared.reaper.is_running()
            && let Some(host) = self.host.upgrade()
        {
            host.start_reaper();
        }
    }
}

/// A peer takes connections, and ends each before it has carried anything.
#[derive(Debug)]
struct NeverCarried(CloseReason);

impl fmt::Display for NeverCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer takes connections and ends each before it has carried anything ({})", self.0)
    }
}

impl StdError for NeverCarried {}
