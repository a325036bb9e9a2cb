//! How connects end.

use crate::{
    connection::PooledConnection,
    machine::{action::Actions, queue::WaiterKey},
    origin::{Entry, OriginPool, pending_connect::PendingConnect},
    shared::time::Timestamp,
};
use skybridge_core::{Advice, AttemptReport, ConnectError, Ctx, Error, Phase};
use std::{cell::Cell, sync::Arc, time::Instant};

impl<C: Send + 'static> OriginPool<C> {
    /// A connect ended with a new connection; `handle` is the connection itself unless it is shared. False when that
    /// has ended before it came here, or the origin is closed; then the handle is left where it is.
    pub(crate) fn connected(
        self: &Arc<Self>,
        connect: &PendingConnect,
        connection: &Arc<PooledConnection<C>>,
        handle: &mut Option<C>,
    ) -> bool {
        let Some(host) = self.host.upgrade() else { return false };
        let until = connection.idle_until_from(self.shared.clock.get());
        let published = self.step(|machine, tables| {
            // Whoever ends it later comes here for it; whoever ended it before has found nothing here to remove.
            if !connection.is_open() {
                return (false, Actions::none());
            }
            let (facts, protocol) = (self.facts(connection), connection.info.protocol);
            // Not this one, which is new.
            let slept = self.slept(machine).unwrap_or_default();
            let Some((key, left)) = machine.connected(connect.key, facts, protocol, until) else {
                return (false, Actions::none());
            };
            tables.connects.take(connect.key);
            tables.connections.set(key, Entry { connection: Arc::clone(connection), handle: handle.take() });
            connection.set_key(key);
            // Before anybody is served: whoever has had an answer on it must find it for another origin.
            host.add_address(connection);
            (true, slept.and(left).and(self.serve_with(machine, tables)))
        });
        if published {
            self.keep_limits(connection.exclusive && connection.info.forwarded);
            self.look_by_expiry(connection);
            self.shared.reaper.look_by(self.next_look());
        }
        published
    }

    /// A connect found a connection that is there: of another name, or one of its own that has streams by now.
    pub(crate) fn found(self: &Arc<Self>, connect: &PendingConnect, connection: &Arc<PooledConnection<C>>) {
        let own = self.is_home_of(connection);
        let permit = self.step(|machine, tables| {
            let permit = machine.holds_permit(connect.key);
            // Since it was found it may have ended, or have said that it is the wrong one.
            let usable = connection.is_open() && (own || !connection.is_misdirected(&self.key.origin));
            let left = match self.key_of(connection, machine, tables) {
                None if usable && !own => {
                    let (key, left) = machine.coalesced(connect.key, self.facts(connection));
                    tables.connections.set(key, Entry { connection: Arc::clone(connection), handle: None });
                    left
                }
                key => machine.found(connect.key, key),
            };
            tables.connects.take(connect.key);
            if !own && !usable {
                connection.remove_name(&self.as_user());
            }
            (permit, left)
        });
        self.connect_over(permit);
        if !own && let Some(until) = self.facts(connection).valid_until {
            self.shared.reaper.look_by(until);
        }
    }

    /// A connect ended without a connection. `counts`: for a reason that would end the next one, too. False when it is
    /// to begin again, where it was tried by settings that are replaced by now: whoever has asked since is not failed
    /// by those.
    pub(crate) fn failed(
        self: &Arc<Self>,
        connect: &PendingConnect,
        error: &ConnectError,
        counts: bool,
        is_superseded: impl FnOnce() -> bool,
    ) -> bool {
        if is_at_limit(error) && self.shared.permits.out_of_descriptors(self.shared.now()) {
            self.out_of_descriptors(connect);
            return true;
        }
        let permit = self.step(|machine, tables| {
            // Under the lock: nobody joins it between this and its end.
            if machine.is_awaited(connect.key) && is_superseded() {
                return (None, Actions::none());
            }
            let (known, permit) = (machine.is_under_way(connect.key), machine.holds_permit(connect.key));
            // While it waited for the end of the backoff it has learned nothing.
            if counts && permit {
                machine.count_failure(connect.key, &self.shared.config, &self.environment(tables));
            }
            let actions = machine.failed(connect.key, error);
            // Its place may be another's, if its end was cut short by a panic.
            known.then(|| tables.connects.take(connect.key));
            (Some(permit), actions)
        });
        let Some(permit) = permit else { return false };
        self.connect_over(permit);
        self.remove_if_vacant();
        if counts {
            self.start_reaper();
        }
        true
    }

    /// A connect ended for want of a descriptor: its requests wait for one that another socket of the pool's has.
    fn out_of_descriptors(self: &Arc<Self>, connect: &PendingConnect) {
        let host = self.host.upgrade();
        if self.shared.must_make_room()
            && let Some(host) = &host
        {
            host.reclaim();
        }
        self.step(|machine, tables| {
            tables.connects.take(connect.key);
            let (config, env) = (&self.shared.config, self.environment(tables));
            ((), machine.out_of_descriptors(connect.key, config, &env))
        });
        // It raises the limit as time passes.
        if let Some(host) = host {
            host.start_reaper();
        }
        if let Some(time) = self.shared.permits.raise_at() {
            self.shared.reaper.look_by(time);
        }
        self.remove_if_vacant();
    }

    /// A connect takes long: those who wait for it may have another one beside it.
    pub(crate) fn takes_long(self: &Arc<Self>, connect: &PendingConnect) {
        self.step(|machine, tables| {
            ((), machine.takes_long(connect.key, &self.shared.config, &self.environment(tables)))
        });
    }

    /// Fails the requests whose own limits are over, for both of two connects, while the connect goes on for others.
    /// Returns when the next one's are. Each of the two looks after what changes of its own steps. Where nobody is
    /// left, both are told by which limit.
    pub(crate) fn time_out(self: &Arc<Self>, connect: &PendingConnect, ctx: &Ctx) -> Option<Instant> {
        let steps = connect.timeouts.steps()?;
        let over = Cell::new(None);
        let error = |timed_out| {
            over.set(Some(timed_out));
            let attempts = ctx.attempt_log().reports();
            let error = ConnectError::from(timed_out).with_attempts(attempts);
            Error::from(if connect.looks_up() { error.advise(Advice::NoAnswer) } else { error })
        };
        let now = self.shared.runtime.now();
        self.step(|machine, tables| {
            let other = machine.beside(connect.key).and_then(|other| tables.connects.get(other));
            let beside = other.and_then(|other| other.timeouts.steps());
            let deadline = |waiter: WaiterKey, joined: Timestamp| {
                let waiter = tables.waiters.get(waiter)?;
                steps.deadline(beside.as_ref(), &waiter.context.timeouts, self.shared.clock.instant(joined))
            };
            let timed_out = machine.time_out(connect.key, now, deadline, error);
            if let Some(over) = over.get().filter(|_| !machine.is_awaited(connect.key)) {
                connect.set_left_by(over);
                other.into_iter().for_each(|other| other.set_left_by(over));
            }
            timed_out
        })
    }

    /// What its connects are doing, and what they have tried, for a request that is ended while it waits for them.
    #[cold]
    pub(crate) fn connects_progress(&self) -> Vec<(Option<Phase>, Vec<AttemptReport>)> {
        let connects: Vec<_> = self.ask(|_, tables| tables.connects.values().map(Arc::clone).collect());
        connects.iter().map(|connect| connect.progress()).collect()
    }

    /// Whether a connect is given up though it has a socket: nothing is wanted of it, and its place may be.
    pub(crate) fn gives_up(&self, connect: &PendingConnect) -> bool {
        let config = &self.shared.config;
        let limited = config.max_per_origin != usize::MAX || config.max_total != usize::MAX;
        (limited || self.shared.permits.is_wanted()) && self.ask(|machine, _| machine.is_left_over(connect.key))
    }

    /// A connect has no socket. True when it is over, as nobody waits for it or the pool is closed.
    pub(crate) fn abandon(self: &Arc<Self>, connect: &PendingConnect) -> bool {
        let (over, permit) = self.step(|machine, tables| {
            let (known, permit) = (machine.is_under_way(connect.key), machine.holds_permit(connect.key));
            let over = machine.abandon(connect.key);
            if over && known {
                tables.connects.take(connect.key);
            }
            ((over, permit), Actions::none())
        });
        if over {
            self.connect_over(permit);
            self.remove_if_vacant();
        }
        over
    }

    /// A connect has ended without a socket of its own: there is room for another one, if it had a permit for one.
    fn connect_over(self: &Arc<Self>, permit: bool) {
        if permit {
            self.shared.permits.release();
        }
        // What is remembered of failures is forgotten in time.
        self.shared.reaper.look_by(self.next_look());
        self.serve();
        if !permit
            && self.shared.permits.is_wanted()
            && let Some(host) = self.host.upgrade()
        {
            // It may have looked for an idle connection, which has been kept for it.
            host.lend_or_reclaim();
        }
    }

    /// A connection was lent for this connect, and the permit of its socket is this origin's now.
    pub(crate) fn take_permit(self: &Arc<Self>, connect: &PendingConnect) {
        if !self.step(|machine, _| (machine.take_permit(connect.key), Actions::none())) {
            self.shared.permits.release();
        }
    }

    /// A connection of its own whose peer has never allowed a stream.
    pub(crate) fn without_streams(self: &Arc<Self>) -> Option<Arc<PooledConnection<C>>> {
        self.ask(|machine, tables| {
            machine.without_streams(&self.environment(tables)).and_then(|key| tables.connection(key))
        })
    }

    /// Whether it uses a connection of another name.
    pub(crate) fn uses(&self, connection: &PooledConnection<C>) -> bool {
        self.ask(|machine, tables| {
            self.key_of(connection, machine, tables).is_some_and(|key| machine.shared().contains(&key))
        })
    }
}

/// Whether a connect may succeed when a socket of the pool's own is closed. Where no other way would help, or its time
/// is over, it is told why.
fn is_at_limit(error: &ConnectError) -> bool {
    let is_over = error.timed_out().is_some_and(|timed_out| timed_out.phase == Phase::Acquire);
    error.is_out_of_descriptors() && !error.is_fatal() && !is_over
}
