//! Decides, for one origin: who is served next and by which connection, which connects are missing, what ends.
//!
//! A machine without I/O: no future, lock, waker or clock is in here, and nothing of what it decides about, only keys.
//! Its methods say what happened and answer with [`Actions`](action::Actions), which the
//! [`OriginPool`](crate::origin::OriginPool) that owns it does once its lock is free. What others change without asking
//! it - streams in use, permits for sockets - it asks of an [`Environment`]. So it is tested as a table, and by random
//! histories, without a runtime.

pub(crate) mod action;
mod backoff;
mod backup;
mod connecting;
pub(crate) mod connections;
pub(crate) mod connects;
pub(crate) mod ending;
pub(crate) mod environment;
mod failing;
mod forecast;
#[cfg(all(test, not(loom)))]
#[allow(clippy::panic, reason = "tests")]
mod invariants;
mod looking;
pub(crate) mod queue;
pub(crate) mod slab;
mod snapshot;
mod waits;

use self::{
    action::{Action, Actions, Grant},
    backoff::Backoff,
    connections::{ConnectionKey, Connections},
    connects::Connects,
    environment::Environment,
    queue::{Queue, WaiterKey},
};
use crate::{config::PoolConfig, shared::time::Timestamp};
use skybridge_core::{CloseReason, Overloaded, Protocol};

/// The decisions about one origin.
///
/// A request is in one place at any time, and so is an exclusive connection:
///
/// ```text
///  request:     enqueue -> waiting -> joined a connect -> granted | failed      (or cancelled, at any time)
///  connect:     begun -> ended by: a new connection | one that was there | an error | nobody waits
///  connection:  connected -> idle <-> granted -> removed -> socket closed
/// ```
#[derive(Debug)]
pub(crate) struct Machine {
    queue: Queue,
    connects: Connects,
    connections: Connections,
    /// What the origin spoke last time, or must speak.
    protocol: Option<Protocol>,
    /// How many streams its connections took last time; 0 when that is not known.
    stream_capacity: u32,
    /// Requests in the middle of the queue may be without a connect while there is one.
    unjoined_in_middle: bool,
    permit_queue: PermitQueue,
    /// Since a permit was last refused it was found that no other origin lends a connection.
    looked: bool,
    backoff: Backoff,
    /// A shared connection was used since the reaper last looked.
    used: bool,
    /// When the reaper first found that none had been used.
    unused_since: Option<Timestamp>,
    /// How often the machine that this runs on had slept when that was last told.
    sleeps: u16,
    /// It may have slept since: the next request finds out.
    may_have_slept: bool,
    /// Out of the pool, or the pool is closed: whoever holds it looks up again.
    closed: bool,
}

/// Whether an origin stands in the queue for permits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum PermitQueue {
    Out,
    /// For one more connection than it has.
    ForMore,
    /// For the only one.
    Starving,
}

impl Machine {
    /// `protocol` is what the origin must speak, when that is known beforehand; `sleeps` how often the machine that
    /// this runs on has slept.
    pub(crate) fn new(protocol: Option<Protocol>, sleeps: u16) -> Self {
        Self {
            queue: Queue::new(),
            connects: Connects::new(),
            connections: Connections::new(),
            protocol,
            stream_capacity: 0,
            unjoined_in_middle: true,
            permit_queue: PermitQueue::Out,
            looked: false,
            backoff: Backoff::new(),
            used: false,
            unused_since: None,
            sleeps,
            may_have_slept: false,
            closed: false,
        }
    }

    /// Whether the machine may have slept since this was last asked: [`slept`](Self::slept) follows. The reaper's looks
    /// are the measure, so that hardly any request has to read a clock.
    #[inline]
    pub(crate) fn may_have_slept(&self) -> bool {
        self.may_have_slept
    }

    /// A connection for a request that does not wait, if there is one. What is free while others wait is theirs.
    #[inline]
    pub(crate) fn take(&mut self, env: &impl Environment) -> Option<Grant> {
        if self.queue.is_empty() { self.grant(env) } else { None }
    }

    #[inline]
    fn grant(&mut self, env: &impl Environment) -> Option<Grant> {
        if !self.connections.shared().is_empty()
            && let Some(connection) = self.reserve_stream(env)
        {
            self.used = true;
            return Some(Grant::Stream(connection));
        }
        self.connections.pop_idle().map(Grant::Exclusive)
    }

    /// An idle connection, for a request of another origin. False when it isn't idle any more.
    pub(crate) fn lend(&mut self, connection: ConnectionKey) -> bool {
        !self.closed && self.connections.take_idle(connection)
    }

    /// Of the connection with the fewest streams.
    #[inline]
    fn reserve_stream(&self, env: &impl Environment) -> Option<ConnectionKey> {
        if let [only] = self.connections.shared() {
            return env.reserve(*only).then_some(*only);
        }
        loop {
            let loads = self.connections.shared().iter().map(|connection| (*connection, env.load(*connection)));
            let free = loads.filter(|(_, load)| load.has_capacity);
            let (best, _) = free.min_by_key(|(_, load)| load.in_use)?;
            if env.reserve(best) {
                return Some(best);
            }
        }
    }

    /// A request takes its place in the queue. [`serve`](Self::serve) follows.
    ///
    /// # Errors
    /// When the queue is full.
    pub(crate) fn enqueue(&mut self, config: &PoolConfig) -> Result<WaiterKey, Overloaded> {
        if self.queue.len() >= config.max_waiting_per_origin {
            return Err(Overloaded { what: "the queue of the origin", limit: config.max_waiting_per_origin });
        }
        Ok(self.queue.push())
    }

    /// A request in the queue was dropped. [`serve`](Self::serve) follows: others may go on with what is under way for
    /// it.
    pub(crate) fn cancel(&mut self, waiter: WaiterKey) -> Actions {
        let mut actions = Actions::none();
        self.leave_connect(waiter, &mut actions);
        if self.queue.remove(waiter).is_some() {
            actions.push(Action::Forget(waiter));
        }
        actions
    }

    /// Matches those who wait with what is there, first come first served, and begins the connects that are missing.
    pub(crate) fn serve(&mut self, config: &PoolConfig, env: &impl Environment) -> Actions {
        self.serve_or_queue(false, config, env)
    }

    /// As [`serve`](Self::serve). `returns`: there was no descriptor for a socket that was permitted.
    fn serve_or_queue(&mut self, returns: bool, config: &PoolConfig, env: &impl Environment) -> Actions {
        let mut actions = Actions::none();
        let mut permit_refused = false;
        loop {
            // Asked before: if SETTINGS come meanwhile, whoever brings them serves those who wait.
            let awaits_settings = !self.queue.is_empty() && self.awaits_settings(env);
            self.hand_out(env, &mut actions);
            if !self.queue.is_empty() && !self.closed {
                permit_refused |= self.begin_missing(awaits_settings, config, env, &mut actions);
                self.begin_backups(config, env, &mut actions);
            }
            if !self.line_up(env) {
                break;
            }
        }
        if permit_refused {
            self.queue_for_permit(returns, env);
            actions.push(Action::WantPermit);
        }
        self.looked &= !self.queue.is_empty();
        actions
    }

    fn hand_out(&mut self, env: &impl Environment, actions: &mut Actions) {
        while let Some(waiter) = self.queue.first() {
            let Some(grant) = self.grant(env) else { return };
            self.leave_connect(waiter, actions);
            let Some(left) = self.queue.remove(waiter) else { return };
            let joined = left.connected == Some(grant.connection());
            actions.push(Action::Deliver { waiter, grant, initiator: left.initiator, joined });
        }
    }

    /// Lines up for the shared connections that other names may wait for too. True when one of them has a free stream
    /// by now.
    fn line_up(&self, env: &impl Environment) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        // Not `any`: it must line up for each of them.
        self.connections.shared().iter().filter(|connection| env.line_up(**connection)).count() > 0
    }

    fn queue_for_permit(&mut self, returns: bool, env: &impl Environment) {
        let place = if self.starves() { PermitQueue::Starving } else { PermitQueue::ForMore };
        let moves_up = self.permit_queue == PermitQueue::ForMore && place == PermitQueue::Starving;
        if self.permit_queue == PermitQueue::Out || moves_up {
            self.permit_queue = place;
            env.queue_for_permit(place == PermitQueue::Starving, returns);
        }
    }

    /// It was taken out of the queue for permits, as one is free. [`serve`](Self::serve) follows.
    pub(crate) fn permit_freed(&mut self) {
        self.permit_queue = PermitQueue::Out;
        self.looked = false;
    }

    /// Whether it still waits without a connection. If not, it leaves the queue for permits.
    pub(crate) fn still_starves(&mut self, env: &impl Environment) -> bool {
        let starves = self.starves();
        if !starves {
            if self.permit_queue == PermitQueue::Starving {
                self.permit_queue = PermitQueue::Out;
            }
            env.leave_permit_queue();
        }
        starves
    }

    /// Whether requests wait without any connection and without a connect.
    fn starves(&self) -> bool {
        let has_none = self.connections.open() == 0 && self.connections.shared().is_empty();
        let connects = self.connects.wanted() - usize::from(self.connects.any_looks());
        has_none && connects == 0 && !self.queue.is_empty()
    }

    /// An exclusive connection whose exchange is complete, or never began. It will have been idle for too long at
    /// `until`. Returns its place in the order in which they became idle. [`serve`](Self::serve) follows.
    ///
    /// # Errors
    /// Why it is to be closed instead: `refuse`, or a reason of its own.
    #[inline]
    pub(crate) fn put_back(
        &mut self,
        connection: ConnectionKey,
        until: Timestamp,
        refuse: Option<CloseReason>,
    ) -> Result<u64, CloseReason> {
        match refuse {
            _ if self.closed => Err(CloseReason::Shutdown),
            Some(reason) => Err(reason),
            None => self.connections.push_idle(connection, until).ok_or(CloseReason::Evicted),
        }
    }

    #[inline]
    pub(crate) fn has_waiters(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(crate) fn is_connecting(&self) -> bool {
        !self.connects.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many exclusive connections are idle.
    #[inline]
    pub(crate) fn idle(&self) -> usize {
        self.connections.idle().len()
    }

    /// The shared connections that it may use, its own and others'.
    pub(crate) fn shared(&self) -> &[ConnectionKey] {
        self.connections.shared()
    }

    pub(crate) fn contains(&self, connection: ConnectionKey) -> bool {
        self.connections.contains(connection)
    }
}

#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
