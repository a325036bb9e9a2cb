//! The pool's machine for one key: who waits, what is there, what is on the way. No futures, no clock, no wakers: it is told what happened and
//! answers with what to do, which its owner does after unlocking.

mod connects;

use crate::{
    config::PoolConfig, connection::Record, origin::Bucket, origin::connect_timeouts::SearchLimits,
    origin::pending_connect::Flight, origin::waiter::Ticket, shared::clock::Stamp, shared::held::Held,
};
use skybridge_core::{CloseReason, Error, Overloaded, Protocol};
use std::{collections::VecDeque, sync::Arc};

/// A connection handed to somebody: an exclusive one itself, or a reserved slot of a shared one.
#[derive(Debug)]
pub(crate) enum Grant<C: Held> {
    Exclusive(C, Arc<Record<C>>),
    Slot(Arc<Record<C>>),
}

/// An exclusive connection that nobody uses.
#[derive(Debug)]
pub(crate) struct Idle<C: Held> {
    pub(crate) connection: C,
    pub(crate) record: Arc<Record<C>>,
    pub(crate) until: Stamp,
}

impl<C: Held> Idle<C> {
    pub(crate) fn since(&self) -> Stamp {
        self.record.idle_since(self.until)
    }

    /// Outside of any lock.
    pub(crate) fn close(self, reason: CloseReason) {
        self.record.because(reason);
        drop(self.connection);
        self.record.close(reason);
    }
}

#[derive(Debug)]
pub(crate) struct State<C: Held> {
    /// Last in, first out: the most recently used is the least likely to be dead.
    pub(crate) idle: Vec<Idle<C>>,
    /// Shareable connections, own and coalesced; all take new exchanges, or are about to be removed.
    pub(crate) shared: Vec<Arc<Record<C>>>,
    pub(crate) waiters: VecDeque<Arc<Ticket<C>>>,
    pub(crate) flights: Vec<Arc<Flight>>,
    /// Own connections that take exchanges or carry one: what the limit per origin counts.
    pub(crate) open: usize,
    /// What the origin spoke last time.
    pub(crate) memory: Option<Protocol>,
    /// How many streams its connections took last time; 0 when that is not known.
    stream_room: u32,
    /// Tickets in the middle of the queue may be without a search while there is one.
    scattered: bool,
    /// Own connections whose sockets are open, draining ones too.
    pub(crate) sockets: usize,
    /// Whether it stands in the queue for the total limit.
    pub(crate) queued: Queued,
    /// How often everything was evicted: what was made before is not kept.
    pub(crate) epoch: u64,
    /// A shared connection was used since the reaper last looked.
    used: bool,
    /// When the reaper first found that none had been used.
    unused_since: Option<Stamp>,
    /// Out of the pool's map, or the pool is closed: whoever holds it looks up again.
    pub(crate) closed: bool,
}

/// What is to be done after unlocking.
#[derive(Debug)]
pub(crate) struct Effects<C: Held> {
    pub(crate) deliver: Vec<(Arc<Ticket<C>>, Grant<C>)>,
    pub(crate) fail: Vec<(Arc<Ticket<C>>, Error)>,
    /// Searches to begin, each with the ticket it is made for.
    pub(crate) connect: Vec<(Arc<Flight>, Arc<Ticket<C>>)>,
    /// Searches whose waiting requests have changed: their tasks are woken.
    pub(crate) look: Vec<Arc<Flight>>,
    /// Permits of the total limit that were refused: it must stand in the queue.
    pub(crate) hungry: bool,
}

/// Whether a key stands in the queue for the total limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Queued {
    No,
    /// For one more connection than it has.
    ForMore,
    /// For the only one.
    Starving,
}

/// What a machine asks of the pool.
pub(crate) trait Permits {
    /// Permission to open one more socket.
    fn acquire(&self) -> bool;
    fn now(&self) -> Stamp;
    /// The limits of a new search.
    fn search_limits(&self) -> SearchLimits;
}

impl<C: Held> Effects<C> {
    /// Adds what came later.
    pub(crate) fn extend(&mut self, more: Self) {
        self.deliver.extend(more.deliver);
        self.fail.extend(more.fail);
        self.connect.extend(more.connect);
        self.look.extend(more.look);
        self.hungry |= more.hungry;
    }
}

impl<C: Held> Default for Effects<C> {
    fn default() -> Self {
        Self { deliver: Vec::new(), fail: Vec::new(), connect: Vec::new(), look: Vec::new(), hungry: false }
    }
}

impl<C: Held> State<C> {
    /// `memory` is what the origin must speak, when that is known beforehand.
    pub(crate) fn new(memory: Option<Protocol>) -> Self {
        Self {
            idle: Vec::new(),
            shared: Vec::new(),
            waiters: VecDeque::new(),
            flights: Vec::new(),
            open: 0,
            memory,
            stream_room: 0,
            scattered: true,
            sockets: 0,
            queued: Queued::No,
            epoch: 0,
            used: false,
            unused_since: None,
            closed: false,
        }
    }

    /// A usable connection for somebody who does not wait, if there is one. A slot that is free while others wait is theirs.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Grant<C>> {
        if self.waiters.is_empty() { self.grant() } else { None }
    }

    #[inline]
    fn grant(&mut self) -> Option<Grant<C>> {
        if !self.shared.is_empty()
            && let Some(record) = self.reserve_shared()
        {
            self.used = true;
            return Some(Grant::Slot(record));
        }
        self.idle.pop().map(|idle| Grant::Exclusive(idle.connection, idle.record))
    }

    /// The healthy one with the fewest streams; a suspect one only when nothing else will do.
    fn reserve_shared(&mut self) -> Option<Arc<Record<C>>> {
        if let [only] = &self.shared[..] {
            return only.reserve().then(|| Arc::clone(only));
        }
        loop {
            let best = self.shared.iter().filter(|record| record.has_room()).min_by_key(|record| {
                let seen = record.slots.seen();
                (seen.suspect, seen.in_use)
            })?;
            if best.reserve() {
                return Some(Arc::clone(best));
            }
        }
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// When the queue is full.
    pub(crate) fn wait(&mut self, ticket: Arc<Ticket<C>>, config: &PoolConfig) -> Result<(), Overloaded> {
        if self.waiters.len() >= config.max_waiting_per_origin {
            self.waiters.retain(|ticket| ticket.is_waiting());
            if self.waiters.len() >= config.max_waiting_per_origin {
                return Err(Overloaded { what: "the queue of the origin", limit: config.max_waiting_per_origin });
            }
        }
        self.waiters.push_back(ticket);
        Ok(())
    }

    /// Matches those who wait with what is there, first come first served, and begins the searches that are missing.
    pub(crate) fn serve(&mut self, config: &PoolConfig, permits: &impl Permits) -> Effects<C> {
        let mut effects = Effects::default();
        self.hand_out(&mut effects);
        if !self.waiters.is_empty() && !self.closed {
            self.search(config, permits, &mut effects);
        }
        effects
    }

    fn hand_out(&mut self, effects: &mut Effects<C>) {
        while let Some(ticket) = self.waiters.front() {
            if !ticket.is_waiting() {
                self.waiters.pop_front();
                continue;
            }
            let Some(grant) = self.grant() else { return };
            if let Some(ticket) = self.waiters.pop_front() {
                effects.look.extend(leave_flight(&ticket));
                effects.deliver.push((ticket, grant));
            }
        }
    }

    /// Lines up for the shared connections that other buckets may wait for too. True when one of them has a free slot
    /// by now.
    pub(crate) fn line_up(&self, own: &Arc<Bucket<C>>) -> bool {
        if self.waiters.is_empty() {
            return false;
        }
        // Not `any`: it must line up for each of them.
        self.shared.iter().filter(|record| record.line_up(own)).count() > 0
    }

    /// Whether no shared connection was used for this long, in nanoseconds, and none is wanted.
    pub(crate) fn is_unused(&mut self, now: Stamp, long: u64) -> bool {
        if std::mem::take(&mut self.used) || !self.waiters.is_empty() || !self.flights.is_empty() {
            self.unused_since = None;
        }
        self.unused_since.get_or_insert(now).plus(long) <= now
    }

    /// A ticket's request was dropped.
    pub(crate) fn cancelled(&mut self, ticket: &Ticket<C>) -> Option<Arc<Flight>> {
        let left = leave_flight(ticket);
        while self.waiters.front().is_some_and(|ticket| !ticket.is_waiting()) {
            self.waiters.pop_front();
        }
        while self.waiters.back().is_some_and(|ticket| !ticket.is_waiting()) {
            self.waiters.pop_back();
        }
        left
    }

    /// A shared connection may carry this key.
    pub(crate) fn add_shared(&mut self, record: &Arc<Record<C>>) {
        if !self.shared.iter().any(|other| Arc::ptr_eq(other, record)) {
            self.shared.push(Arc::clone(record));
        }
    }

    /// The socket of a connection is gone. True if it was one of its own, and counted.
    pub(crate) fn socket_gone(&mut self, record: &Record<C>) -> bool {
        let counted = record.unpublish();
        // Not `-= usize::from(counted)`: after a swap of an `AtomicBool`, under a lock, rustc 1.95 and nightly 1.97 (LLVM 22.1) drop that
        // subtraction at `opt-level` 2 and 3. The model test in release mode finds it.
        if counted {
            self.sockets -= 1;
            // Whoever drains it on another thread may not have come to that yet.
            if record.uncount() {
                self.open -= 1;
            }
        }
        counted
    }

    /// What is idle is not kept, nor what is in use now.
    pub(crate) fn evict(&mut self) -> (Vec<Idle<C>>, Vec<Arc<Record<C>>>) {
        self.epoch += 1;
        (std::mem::take(&mut self.idle), self.shared.clone())
    }

    /// A connection takes no more exchanges, or is gone. What was idle is returned, to be dropped outside the lock.
    pub(crate) fn forget(&mut self, record: &Arc<Record<C>>, home: bool) -> Option<Idle<C>> {
        if home && record.uncount() {
            self.open -= 1;
        }
        self.shared.retain(|other| !Arc::ptr_eq(other, record));
        let at = self.idle.iter().rposition(|idle| Arc::ptr_eq(&idle.record, record))?;
        Some(self.idle.remove(at))
    }

    /// Takes out what has been idle for too long, oldest first.
    pub(crate) fn expire(&mut self, now: Stamp) -> Vec<Idle<C>> {
        let over = |idle: &mut Idle<C>| idle.until <= now || idle.record.until.is_some_and(|until| until <= now);
        self.idle.extract_if(.., over).collect()
    }

    /// Whether requests wait without any connection and without a search for one.
    pub(crate) fn starves(&self) -> bool {
        self.open == 0
            && self.shared.is_empty()
            && self.flights.is_empty()
            && self.waiters.iter().any(|ticket| ticket.is_waiting())
    }

    /// Own connections that only carry what they carried already.
    pub(crate) fn draining(&self) -> usize {
        self.sockets - self.open
    }

    /// Nothing is here, nothing is on the way, nobody waits.
    pub(crate) fn is_vacant(&self) -> bool {
        self.sockets == 0 && self.shared.is_empty() && self.flights.is_empty() && self.waiters.is_empty()
    }
}

/// The ticket waits for no search any more: the search, if that changes anything for it.
fn leave_flight<C: Held>(ticket: &Ticket<C>) -> Option<Arc<Flight>> {
    let flight = ticket.flight().take()?;
    let changed = flight.timeouts.leave(&ticket.luggage.timeouts);
    (flight.leave() || changed).then_some(flight)
}
