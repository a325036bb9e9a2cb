//! The connects of one origin: which are missing, who has joined them, and what comes of them.

use crate::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    machine::{
        Machine,
        action::{Action, Actions},
        backup::leave,
        connections::{ConnectionKey, Facts},
        connects::{ConnectKey, Permit},
        environment::Environment,
        queue::WaiterKey,
    },
    shared::time::Timestamp,
};
use skybridge_core::{Cause, ConnectError, Delivery, Error, Overloaded, Phase, Protocol, TimedOut};
use std::time::Instant;

/// What becomes of a connect that is wanted.
pub(super) enum Begun {
    Yes(ConnectKey),
    /// A limit is reached: a connect or a connection that ends begins the next.
    AtLimit,
    /// A limit of the whole pool is reached.
    PermitRefused,
}

impl Machine {
    /// The SETTINGS of a shared connection will say whether it carries those who wait.
    pub(super) fn awaits_settings(&self, env: &impl Environment) -> bool {
        let mut loads = self.connections.shared().iter().map(|connection| env.load(*connection));
        loads.any(|load| load.known_capacity.is_none() && !load.draining && !load.suspect)
    }

    /// Begins the connects that those who wait need. True when a permit for one was refused.
    pub(super) fn begin_missing(
        &mut self,
        awaits_settings: bool,
        config: &PoolConfig,
        env: &impl Environment,
        actions: &mut Actions,
    ) -> bool {
        let shared = self.connections.shared();
        let known = shared.iter().filter_map(|connection| env.load(*connection).known_capacity).max();
        self.stream_capacity = known.unwrap_or(self.stream_capacity);
        // A connection whose exchanges are all taken won't serve those who wait. One whose peer allows no streams is
        // waited for by a connect, which has a time limit. A suspect one may never serve anybody.
        let waits = config.at_stream_limit != AtStreamLimit::Refuse;
        let loads =
            || self.connections.shared().iter().map(|connection| env.load(*connection)).filter(|load| !load.suspect);
        if loads().any(|load| !(load.used_up || waits && load.allows_none)) {
            match config.at_stream_limit {
                _ if awaits_settings => return false,
                AtStreamLimit::Open => {}
                AtStreamLimit::Wait => return false,
                AtStreamLimit::Refuse => {
                    let limit = loads().map(|load| load.capacity as usize).sum();
                    self.refuse(Overloaded { what: "every connection's stream limit", limit }, actions);
                    return false;
                }
            }
        }
        if self.is_failing(env, actions) {
            self.one_at_a_time(config, env, actions)
        } else if self.protocol == Some(Protocol::Http1) {
            self.adopt(env, actions);
            self.one_for_each(config, env, actions)
        } else {
            self.one_for_all(config, env, actions)
        }
    }

    /// Connects whose requests were served by something else go on for those who have none.
    fn adopt(&mut self, env: &impl Environment, actions: &mut Actions) {
        let free: Vec<_> = self.connects.to_join().filter(|connect| !self.connects.is_awaited(*connect)).collect();
        let mut free = free.into_iter().peekable();
        for place in 0..self.queue.places() {
            if free.peek().is_none() {
                return;
            }
            if let Some(waiter) = self.unjoined(place)
                && let Some(connect) = free.next()
            {
                self.join(waiter, connect, env, actions);
            }
        }
    }

    /// HTTP/1.1: a connect for each.
    fn one_for_each(&mut self, config: &PoolConfig, env: &impl Environment, actions: &mut Actions) -> bool {
        for place in 0..self.queue.places() {
            let Some(waiter) = self.unjoined(place) else { continue };
            match self.begin(waiter, config, env, actions) {
                Begun::Yes(connect) => self.join(waiter, connect, env, actions),
                Begun::AtLimit => return false,
                Begun::PermitRefused => return true,
            }
        }
        false
    }

    /// HTTP/2, or not known yet: all join one connect, or as many as will carry them.
    fn one_for_all(&mut self, config: &PoolConfig, env: &impl Environment, actions: &mut Actions) -> bool {
        let mut permit_refused = false;
        while self.wants_another() {
            let Some((first, _)) = self.queue.iter().find(|(_, waiting)| waiting.connect.is_none()) else { break };
            match self.begin(first, config, env, actions) {
                Begun::Yes(_) => {}
                Begun::AtLimit => break,
                Begun::PermitRefused => {
                    permit_refused = true;
                    break;
                }
            }
        }
        let connects: Vec<_> = self.connects.to_join().collect();
        if connects.is_empty() {
            return permit_refused;
        }
        // Those who came last are at the end; others are without a connect only after one of several has ended.
        let unjoined_in_middle = std::mem::take(&mut self.unjoined_in_middle);
        for place in (0..self.queue.places()).rev() {
            match self.queue.at(place) {
                Some((waiter, waiting)) if waiting.connect.is_none() => {
                    self.join(waiter, connects[place % connects.len()], env, actions);
                }
                Some(_) if !unjoined_in_middle => break,
                _ => {}
            }
        }
        permit_refused
    }

    /// More wait than the connects under way will carry, as far as that is known.
    fn wants_another(&self) -> bool {
        let connects = self.connects.to_join().count();
        if connects == 0 || self.protocol.is_none() || self.stream_capacity == 0 {
            return connects == 0;
        }
        self.queue.len() > connects.saturating_mul(self.stream_capacity as usize)
    }

    pub(super) fn unjoined(&mut self, place: usize) -> Option<WaiterKey> {
        self.queue.at(place).filter(|(_, waiting)| waiting.connect.is_none()).map(|(waiter, _)| waiter)
    }

    pub(super) fn begin(
        &mut self,
        waiter: WaiterKey,
        config: &PoolConfig,
        env: &impl Environment,
        actions: &mut Actions,
    ) -> Begun {
        let is_paused = self.backoff.is_on() && self.backoff.pause_until(env.now()).is_some();
        let permit = || if is_paused { Ok(()) } else { env.acquire_permit() };
        let limit = config.max_per_origin;
        let (begun, full) = if self.connections.open() + self.connects.len() >= limit {
            (Begun::AtLimit, Overloaded { what: "the origin's connection limit", limit })
        } else if self.connects.wanted() >= config.max_connecting_per_origin {
            return Begun::AtLimit;
        } else if let Err(full) = permit() {
            if self.connects.any_looks() {
                // What that finds is for whoever is first.
                return Begun::AtLimit;
            }
            if self.may_look(env) {
                return self.begin_look(waiter, actions);
            }
            (Begun::PermitRefused, full)
        } else {
            if let Some(waiting) = self.queue.get_mut(waiter) {
                waiting.initiator = true;
            }
            let failures = self.backoff.failures();
            let permit = if is_paused { Permit::AfterPause } else { Permit::Held };
            let connect = self.connects.begin(failures, permit);
            if !is_paused && failures > 0 {
                self.backoff.begin(config, env);
            }
            actions.push(Action::Connect(connect, waiter, failures));
            return Begun::Yes(connect);
        };
        // A connection that is suspect may carry them in a moment.
        let is_suspect = || self.connections.shared().iter().any(|connection| env.load(*connection).suspect);
        if config.at_connection_limit == AtConnectionLimit::Refuse && !is_suspect() {
            self.refuse(full, actions);
            return Begun::AtLimit;
        }
        begun
    }

    /// Fails those for whom nothing is under way.
    fn refuse(&mut self, full: Overloaded, actions: &mut Actions) {
        self.queue.retain(|waiter, waiting| {
            let refused = waiting.connect.is_none();
            if refused {
                let error = Error::of(Delivery::Unsent, Phase::Acquire, Cause::Overloaded(full));
                actions.push(Action::Fail(waiter, error));
            }
            !refused
        });
    }

    pub(super) fn join(
        &mut self,
        waiter: WaiterKey,
        connect: ConnectKey,
        env: &impl Environment,
        actions: &mut Actions,
    ) {
        let Some(waiting) = self.queue.get_mut(waiter) else { return };
        waiting.connect = Some((connect, env.now()));
        self.connects.join(connect);
        actions.push(Action::Join(waiter, connect));
        actions.extend(self.connects.other(connect).map(|other| Action::Join(waiter, other)));
    }

    pub(super) fn leave_connect(&mut self, waiter: WaiterKey, actions: &mut Actions) {
        let Some((connect, _)) = self.queue.get_mut(waiter).and_then(|waiting| waiting.connect.take()) else { return };
        leave(&mut self.connects, connect, waiter, actions);
    }

    /// A connect has ended with a new connection; an exclusive one will have been idle for too long at `idle_until`.
    /// [`serve`](Self::serve) follows what is to be done. `None` when the origin is closed.
    pub(crate) fn connected(
        &mut self,
        connect: ConnectKey,
        facts: Facts,
        protocol: Option<Protocol>,
        idle_until: Timestamp,
    ) -> Option<(ConnectionKey, Actions)> {
        if self.closed {
            return None;
        }
        let connection = self.connections.add(facts);
        if facts.exclusive {
            self.connections.push_idle(connection, idle_until);
        }
        let actions = self.end_both(connect, Some(connection));
        self.protocol = protocol;
        Some((connection, actions))
    }

    /// A connect has found a shared connection of another name.
    pub(crate) fn coalesced(&mut self, connect: ConnectKey, facts: Facts) -> (ConnectionKey, Actions) {
        let connection = self.connections.add(facts);
        (connection, self.found(connect, Some(connection)))
    }

    /// A connect has ended with a shared connection that is there already, or was there a moment ago: those who had
    /// joined it look again.
    pub(crate) fn found(&mut self, connect: ConnectKey, connection: Option<ConnectionKey>) -> Actions {
        self.protocol = Some(Protocol::Http2);
        self.end_both(connect, connection)
    }

    /// A connect failed: so do those who had joined it, with one shared error. If it was the first after another that
    /// failed, only the request that it began for does: the others wait for one more. If there is another beside it,
    /// all wait for that, and what comes first is the error if both fail; unless no other way would help.
    pub(crate) fn failed(&mut self, connect: ConnectKey, error: &ConnectError) -> Actions {
        if error.is_fatal()
            && let Some(actions) = self.failed_for_both(connect, error)
        {
            return actions;
        }
        let mut actions = Actions::none();
        if self.failed_beside(connect, error, &mut actions) {
            return actions;
        }
        let error = self.connects.other_failed(connect).filter(|_| !error.is_fatal()).unwrap_or(error);
        // What has taken all its time is not tried once more by those who have waited as long.
        let for_one = self.connects.failures(connect) == Some(1) && error.timed_out().is_none();
        self.queue.retain(|waiter, waiting| {
            let fails = waiting.has_joined(connect) && (!for_one || waiting.initiator);
            if fails {
                actions.push(Action::Fail(waiter, error.clone().into()));
            }
            !fails
        });
        self.end(connect, None);
        actions
    }

    /// A connect found no descriptor for its socket, and others of the pool's have one: those who had joined it are
    /// back in their places in the queue, and wait as at a limit.
    pub(crate) fn out_of_descriptors(
        &mut self,
        connect: ConnectKey,
        config: &PoolConfig,
        env: &impl Environment,
    ) -> Actions {
        let actions = self.notify_other(connect);
        self.end(connect, None);
        if self.queue.is_empty() { actions } else { actions.and(self.serve_or_queue(true, config, env)) }
    }

    /// Fails the requests whose own limits end their wait for a connect that goes on, or for the other of two.
    /// `deadline` says when that is, of a request that joined at some time, and `error` makes the error of it. Returns
    /// the next deadline too.
    pub(crate) fn time_out(
        &mut self,
        connect: ConnectKey,
        now: Instant,
        deadline: impl Fn(WaiterKey, Timestamp) -> Option<(Instant, TimedOut)>,
        error: impl Fn(TimedOut) -> Error,
    ) -> (Option<Instant>, Actions) {
        let mut actions = Actions::none();
        let mut next: Option<Instant> = None;
        let Self { queue, connects, .. } = self;
        let other = connects.other(connect);
        queue.retain(|waiter, waiting| {
            let joined = waiting.connect.filter(|(joined, _)| *joined == connect || Some(*joined) == other);
            let ends = joined.and_then(|(joined, since)| Some((joined, deadline(waiter, since)?)));
            let Some((joined, (at, timed_out))) = ends else { return true };
            if at <= now {
                leave(connects, joined, waiter, &mut actions);
                actions.push(Action::Fail(waiter, error(timed_out)));
                return false;
            }
            next = Some(next.map_or(at, |next| next.min(at)));
            true
        });
        (next, actions)
    }

    /// Whether requests wait for a connect, or for the other of two.
    pub(crate) fn is_awaited(&self, connect: ConnectKey) -> bool {
        self.connects.is_awaited(connect)
    }

    /// A connect has no socket yet. True when nobody waits for it or for the other of two, or the origin is closed:
    /// then it is over.
    pub(crate) fn abandon(&mut self, connect: ConnectKey) -> bool {
        let over = !self.connects.is_awaited(connect) || self.closed;
        if over {
            if let Some(other) = self.connects.other(connect) {
                self.connects.want_backup_again(other);
            }
            self.end(connect, None);
        }
        over
    }

    /// A connect is over: those who had joined it are without one, or wait for the other of two, which goes on by
    /// itself.
    pub(super) fn end(&mut self, connect: ConnectKey, connection: Option<ConnectionKey>) {
        self.unjoined_in_middle = true;
        let other = self.connects.end(connect);
        for place in 0..self.queue.places() {
            let Some((_, waiting)) = self.queue.at(place) else { continue };
            let Some((joined, since)) = waiting.connect else { continue };
            if joined == connect {
                waiting.connected = connection;
                waiting.connect = other.map(|other| (other, since));
                other.into_iter().for_each(|other| self.connects.join(other));
            }
        }
    }

    /// A shared connection of its own whose peer has never allowed a stream.
    pub(crate) fn without_streams(&self, env: &impl Environment) -> Option<ConnectionKey> {
        self.connections.own_shared().map(|(key, _)| key).find(|connection| env.load(*connection).allows_none)
    }
}
