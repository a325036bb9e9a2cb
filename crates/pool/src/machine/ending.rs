//! What is taken out of an origin: what is too old, what is one too many, and in the end everything.

use crate::{
    machine::{
        Machine,
        action::{Action, Actions},
        connections::ConnectionKey,
        environment::Environment,
    },
    shared::time::Timestamp,
    stats::PoolStats,
};
use skybridge_core::{CloseReason, Error};

/// Which connection of an origin has been idle longest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Oldest {
    /// An exclusive one, which is taken out.
    Exclusive,
    /// A shared one, which somebody may use by now.
    Shared(ConnectionKey),
}

impl Machine {
    /// A connection takes no more exchanges. True when it was idle, and exclusive. [`serve`](Self::serve) follows.
    pub(crate) fn remove(&mut self, connection: ConnectionKey) -> bool {
        self.connections.remove(connection)
    }

    /// The socket of one of its own is gone. False when that is known already.
    pub(crate) fn socket_closed(&mut self, connection: ConnectionKey) -> bool {
        self.connections.socket_closed(connection)
    }

    /// Ends what has been idle or alive for too long, and the use of connections of other names that this origin has
    /// not used for `idle_timeout` nanoseconds, or may not use by now.
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        idle_timeout: u64,
        env: &impl Environment,
        may_use: impl Fn(ConnectionKey) -> bool,
    ) -> Actions {
        let mut actions = Actions::none();
        self.forget_failures(now, &mut actions);
        // It may do so right after this.
        self.may_have_slept = true;
        let idle = self.connections.expire(now).into_iter();
        actions.extend(idle.map(|(idle, reason)| Action::Close(idle.connection, reason)));
        let unused = self.is_unused(now, idle_timeout);
        let left = self.connections.coalesced().map(|(connection, _)| connection);
        actions.extend(left.filter(|key| unused || !may_use(*key)).map(Action::LeaveCoalesced));
        for (connection, facts) in self.connections.own_shared() {
            if facts.expires_at.is_some_and(|until| until <= now) {
                actions.push(Action::Drain(connection, facts.expiry_reason()));
            } else if env.load(connection).idle_until.is_some_and(|until| until <= now) {
                actions.push(Action::DrainUnused(connection, CloseReason::Idle));
            }
        }
        actions
    }

    /// The machine that this runs on has slept so many times. If there is one more, nobody knows which peers are still
    /// there: the shared connections ask theirs, and the exclusive ones that are idle, which can't, are closed. What is
    /// in use goes on. [`serve`](Self::serve) follows. `None` when there is none.
    pub(crate) fn slept(&mut self, sleeps: u16) -> Option<Actions> {
        self.may_have_slept = false;
        // Whoever has counted earlier may come later.
        if !(1..=u16::MAX / 2).contains(&sleeps.wrapping_sub(self.sleeps)) {
            return None;
        }
        self.sleeps = sleeps;
        let mut actions = Actions::none();
        // Others' too: their own origins may not have been told yet.
        actions.extend(self.connections.shared().iter().map(|connection| Action::Suspect(*connection)));
        Some(actions.and(self.close_older(|_| true, CloseReason::Stale)))
    }

    /// Whether no shared connection was used for this long, in nanoseconds, and none is wanted.
    fn is_unused(&mut self, now: Timestamp, long: u64) -> bool {
        if std::mem::take(&mut self.used) || !self.queue.is_empty() || !self.connects.is_empty() {
            self.unused_since = None;
        }
        self.unused_since.get_or_insert(now).plus(long) <= now
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub(crate) fn next_expiry(&self, env: &impl Environment) -> Option<Timestamp> {
        let own = self.connections.own_shared();
        let own = own.flat_map(|(key, facts)| [env.load(key).idle_until, facts.expires_at]);
        let coalesced = self.connections.coalesced();
        let coalesced =
            coalesced.flat_map(|(key, facts)| [env.load(key).idle_until, facts.expires_at, facts.valid_until]);
        let backoff = self.forget_failures_at();
        self.connections.next_expiry().into_iter().chain(backoff).chain(own.chain(coalesced).flatten()).min()
    }

    fn own_idle(&self, env: &impl Environment) -> impl Iterator<Item = (Timestamp, ConnectionKey)> {
        self.connections.own_shared().filter_map(|(connection, facts)| {
            env.load(connection).idle_until.map(|until| (until.minus(facts.idle_timeout), connection))
        })
    }

    /// Since when the one of its own has been idle that has been so longest.
    pub(crate) fn oldest_idle(&self, env: &impl Environment) -> Option<Timestamp> {
        let shared = self.own_idle(env).map(|(since, _)| since).min();
        self.connections.oldest_idle().into_iter().chain(shared).min()
    }

    /// How many of its own nobody uses.
    pub(crate) fn idle_count(&self, env: &impl Environment) -> usize {
        self.connections.idle().len() + self.own_idle(env).count()
    }

    /// Takes out the one of its own that has been idle longest, or says which one that is.
    pub(crate) fn evict_oldest(&mut self, env: &impl Environment, reason: CloseReason) -> (Option<Oldest>, Actions) {
        let mut actions = Actions::none();
        let shared = self.own_idle(env).min_by_key(|(since, _)| *since);
        let exclusive_first = match (self.connections.oldest_idle(), shared) {
            (Some(exclusive), Some((shared, _))) => exclusive <= shared,
            (exclusive, _) => exclusive.is_some(),
        };
        if !exclusive_first {
            return (shared.map(|(_, connection)| Oldest::Shared(connection)), actions);
        }
        actions.extend(self.connections.remove_oldest_idle().map(|connection| Action::Close(connection, reason)));
        (Some(Oldest::Exclusive), actions)
    }

    /// Closes the idle exclusive ones that are `older` than one that was found dead.
    pub(crate) fn close_older(&mut self, older: impl Fn(ConnectionKey) -> bool, reason: CloseReason) -> Actions {
        let mut actions = Actions::none();
        let older = self.connections.remove_older(older).into_iter();
        actions.extend(older.map(|connection| Action::Close(connection, reason)));
        actions
    }

    /// Takes out the connections whose addresses are no longer the origin's, and uses those of other names no longer.
    /// What is in use goes on. [`serve`](Self::serve) follows.
    pub(crate) fn drain_moved(&self, has_moved: impl Fn(ConnectionKey) -> bool) -> Actions {
        let mut actions = Actions::none();
        let own = self.connections.own().filter(|connection| has_moved(*connection));
        actions.extend(own.map(|connection| Action::Drain(connection, CloseReason::Moved)));
        let coalesced = self.connections.coalesced().map(|(connection, _)| connection);
        actions.extend(coalesced.filter(|connection| has_moved(*connection)).map(Action::LeaveCoalesced));
        actions
    }

    /// Closes what is idle; what is in use goes on, and is not kept. What was learned of failures is forgotten, too.
    pub(crate) fn evict_all(&mut self, reason: CloseReason) -> Actions {
        let mut actions = self.answered();
        actions.extend(self.connections.evict().into_iter().map(|idle| Action::Close(idle.connection, reason)));
        actions.extend(self.connections.own_shared().map(|(connection, _)| Action::Drain(connection, reason)));
        actions
    }

    /// Out of the pool for good: connects end, whoever waits gets an error.
    pub(crate) fn close(&mut self, error: impl Fn() -> Error) -> Actions {
        self.closed = true;
        let mut actions = Actions::none();
        self.queue.retain(|waiter, _| {
            actions.push(Action::Fail(waiter, error()));
            false
        });
        actions.extend(self.connects.keys().map(Action::Notify));
        let idle = self.connections.evict().into_iter();
        actions.extend(idle.map(|idle| Action::Close(idle.connection, CloseReason::Shutdown)));
        let shared = self.connections.shared().iter();
        actions.extend(shared.map(|connection| Action::Drain(*connection, CloseReason::Shutdown)));
        actions
    }

    /// Out of the pool, if it holds nothing. True when it is out.
    pub(crate) fn retire(&mut self) -> bool {
        self.closed |= self.is_vacant();
        self.closed
    }

    /// Nothing is here, nothing is under way, nobody waits, and nothing is remembered.
    pub(crate) fn is_vacant(&self) -> bool {
        self.holds_nothing() && !self.backoff.is_on()
    }

    fn holds_nothing(&self) -> bool {
        let connections = self.connections.sockets() > 0 || !self.connections.shared().is_empty();
        !connections && self.connects.is_empty() && self.queue.is_empty()
    }

    pub(crate) fn stats(&self, env: &impl Environment) -> PoolStats {
        // One of which only failures are remembered is no more than a note.
        let origins = usize::from(!self.holds_nothing());
        let mut stats = PoolStats { origins, connecting: self.connects.len(), ..PoolStats::default() };
        stats.waiting = self.queue.len();
        let (open, sockets) = (self.connections.open(), self.connections.sockets());
        stats.draining = sockets - open;
        let loads: Vec<_> = self.connections.own_shared().map(|(connection, _)| env.load(connection)).collect();
        stats.idle = self.connections.idle().len() + loads.iter().filter(|load| load.in_use == 0).count();
        stats.active = open.saturating_sub(stats.idle);
        stats.streams = loads.iter().map(|load| load.in_use as usize).sum();
        stats
    }
}
