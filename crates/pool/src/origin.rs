pub(crate) mod connect_timeouts;
mod connects;
mod ends;
pub(crate) mod pending_connect;
pub(crate) mod waiter;

use crate::{
    connection::Record,
    machine::{Effects, Grant, Idle, Queued, State},
    origin::waiter::Ticket,
    registry::Hub,
    registry::by_uri::Spelling,
    shared::held::Held,
    stats::PoolStats,
};
use skybridge_core::{CloseReason, Error, HttpVersions, Key, Protocol, Scheme, can_still_coalesce};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

/// The machine of one key behind its lock, and the hands that do what it says once the lock is free.
pub(crate) struct Bucket<C: Held> {
    pub(crate) key: Arc<Key>,
    pub(crate) hash: u64,
    /// The spelling of its origin by which it is found without parsing.
    pub(crate) spelling: OnceLock<Spelling>,
    hub: Weak<Hub<C>>,
    state: Mutex<State<C>>,
}

/// Why a ticket has no place in the queue.
pub(crate) enum Refused {
    /// The bucket is no longer in the pool: look up again.
    Stale,
    Full(Error),
}

impl<C: Held> Bucket<C> {
    pub(crate) fn new(key: Key, hash: u64, hub: Weak<Hub<C>>) -> Self {
        let memory = match (key.connect_options.http_versions, key.origin.scheme()) {
            (HttpVersions::Http2, _) => Some(Protocol::Http2),
            (HttpVersions::Http1, _) | (HttpVersions::Any, Scheme::Http) => Some(Protocol::Http1),
            _ => None,
        };
        Self { key: Arc::new(key), hash, spelling: OnceLock::new(), hub, state: Mutex::new(State::new(memory)) }
    }

    #[inline]
    fn state(&self) -> MutexGuard<'_, State<C>> {
        #[cfg(test)]
        crate::bounds::LOOKS.set(crate::bounds::LOOKS.get() + 1);
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A usable connection, at once or not at all.
    #[inline]
    pub(crate) fn take(&self, hub: &Hub<C>) -> Option<Grant<C>> {
        let grant = self.state().take();
        if let Some(Grant::Exclusive(..)) = grant {
            hub.idle_shrunk(1);
        }
        grant
    }

    /// Takes a place in the queue, and begins a search if one is missing.
    pub(crate) fn wait(self: &Arc<Self>, hub: &Arc<Hub<C>>, ticket: &Arc<Ticket<C>>) -> Result<(), Refused> {
        if hub.must_make_room() && self.state().flights.is_empty() {
            hub.reclaim();
        }
        let effects = {
            let mut state = self.state();
            if state.closed || hub.is_closed() {
                return Err(Refused::Stale);
            }
            match state.wait(Arc::clone(ticket), &hub.config) {
                Ok(()) => self.serve(hub, &mut state),
                Err(full) => {
                    drop(state);
                    // The bucket may have been made for this request alone.
                    hub.tidy(self);
                    return Err(Refused::Full(hub.overloaded(full)));
                }
            }
        };
        self.apply(hub, effects);
        Ok(())
    }

    /// The request behind a ticket was dropped.
    pub(crate) fn cancelled(self: &Arc<Self>, hub: &Arc<Hub<C>>, ticket: &Ticket<C>) {
        let unused = ticket.leave();
        let left = self.state().cancelled(ticket);
        // Others may go on with what was searched for this one.
        self.settle_with(hub);
        if let Some(flight) = left {
            flight.look.set();
        }
        match unused {
            Some(grant) => self.give_back(hub, grant),
            None => hub.tidy(self),
        }
    }

    /// A grant that carried nothing.
    #[inline]
    pub(crate) fn give_back(self: &Arc<Self>, hub: &Arc<Hub<C>>, grant: Grant<C>) {
        match grant {
            Grant::Exclusive(connection, record) => self.put_idle(hub, connection, record),
            Grant::Slot(record) => {
                record.not_begun();
                self.slot_free(hub, &record);
            }
        }
    }

    /// An exclusive connection whose exchange is complete, or never began.
    #[inline]
    pub(crate) fn put_idle(self: &Arc<Self>, hub: &Arc<Hub<C>>, connection: C, record: Arc<Record<C>>) {
        let until = record.idle_from(hub.clock.get());
        let old = record.until.is_some_and(|until| until <= hub.look());
        let makes_room = hub.is_contended() && Self::another_is_due(hub);
        let effects = {
            let mut state = self.state();
            let open = record.slots.is_open();
            if old || makes_room || !open || state.closed || record.epoch() != state.epoch {
                let closed = state.closed;
                drop(state);
                let reason = match () {
                    () if !open => record.drain_reason(),
                    () if closed => CloseReason::Shutdown,
                    () if old => CloseReason::MaxAge,
                    () if makes_room => CloseReason::LimitReclaimed,
                    () => CloseReason::Evicted,
                };
                record.because(reason);
                drop(connection);
                return record.close(reason);
            }
            hub.idle_counted();
            state.idle.push(Idle { connection, record, until });
            if state.waiters.is_empty() { None } else { Some(self.serve(hub, &mut state)) }
        };
        if let Some(effects) = effects {
            self.apply(hub, effects);
        }
        hub.idle_settled(self);
    }

    /// A shared connection has a free slot.
    pub(crate) fn slot_free(self: &Arc<Self>, hub: &Arc<Hub<C>>, record: &Arc<Record<C>>) {
        let unused = record.release();
        if unused {
            record.set_idle_until(record.idle_from(hub.clock.get()));
        } else if record.is_spent() {
            return record.close(record.drain_reason());
        }
        record.slot_came_free(self, hub);
        if unused {
            // It counts for the origin that it was opened for.
            let host = if self.is_home_of(record) { None } else { record.home.upgrade() };
            hub.idle_settled(host.as_ref().unwrap_or(self));
        }
    }

    /// A connection takes no more exchanges. True when it was idle here, and is dropped.
    pub(crate) fn forget(self: &Arc<Self>, record: &Arc<Record<C>>) -> bool {
        let idle = self.state().forget(record, self.is_home_of(record));
        let was_idle = idle.is_some();
        drop(idle);
        if let Some(hub) = self.hub.upgrade() {
            hub.idle_shrunk(usize::from(was_idle));
            self.settle_with(&hub);
            hub.tidy(self);
        }
        was_idle
    }

    /// The socket of one of its connections is gone.
    pub(crate) fn socket_gone(self: &Arc<Self>, record: &Record<C>) {
        if !self.state().socket_gone(record) {
            return;
        }
        if let Some(hub) = self.hub.upgrade() {
            hub.permit_free();
            hub.tidy(self);
        }
    }

    /// Something changed: whoever waits may be served now.
    pub(crate) fn settle(self: &Arc<Self>) {
        if let Some(hub) = self.hub.upgrade() {
            self.settle_with(&hub);
        }
    }

    pub(crate) fn settle_with(self: &Arc<Self>, hub: &Arc<Hub<C>>) {
        let effects = {
            let mut state = self.state();
            if state.waiters.is_empty() {
                return;
            }
            self.serve(hub, &mut state)
        };
        self.apply(hub, effects);
    }

    /// Never again for this key on that connection.
    pub(crate) fn misdirected(self: &Arc<Self>, record: &Arc<Record<C>>) {
        record.misdirect(&self.key.origin);
        self.let_go(record);
    }

    /// Stops using a connection of another key.
    pub(crate) fn let_go(self: &Arc<Self>, record: &Arc<Record<C>>) {
        record.guests.remove(self);
        self.forget(record);
    }

    /// A connection of its own whose peer has never allowed a stream.
    pub(crate) fn takes_none(&self) -> Option<Arc<Record<C>>> {
        let state = self.state();
        let mut own = state.shared.iter().filter(|record| self.is_home_of(record));
        own.find(|record| record.takes_none()).cloned()
    }

    pub(crate) fn shares(&self, record: &Arc<Record<C>>) -> bool {
        self.state().shared.iter().any(|other| Arc::ptr_eq(other, record))
    }

    /// Whether a connection may still carry this key: a connection of another key may stop being able to.
    #[inline]
    pub(crate) fn may_use(&self, hub: &Hub<C>, record: &Record<C>) -> bool {
        self.is_home_of(record) || can_still_coalesce(&record.info, || hub.runtime.now()).is_ok()
    }

    #[inline]
    fn is_home_of(&self, record: &Record<C>) -> bool {
        std::ptr::eq(record.home.as_ptr(), self)
    }

    fn serve(self: &Arc<Self>, hub: &Hub<C>, state: &mut State<C>) -> Effects<C> {
        let before = state.idle.len();
        let mut effects = state.serve(&hub.config, hub);
        while state.line_up(self) {
            effects.extend(state.serve(&hub.config, hub));
        }
        hub.idle_shrunk(before - state.idle.len());
        if effects.hungry {
            let place = if state.starves() { Queued::Starving } else { Queued::ForMore };
            if state.queued == Queued::No || state.queued == Queued::ForMore && place == Queued::Starving {
                state.queued = place;
                hub.queue(self, place == Queued::Starving);
            }
        }
        effects
    }

    fn apply(self: &Arc<Self>, hub: &Arc<Hub<C>>, effects: Effects<C>) {
        let Effects { deliver, fail, connect, look, hungry } = effects;
        for (ticket, grant) in deliver {
            if let Some(Ok(grant)) = ticket.deliver(Ok(grant)) {
                self.give_back(hub, grant);
            }
        }
        for (ticket, error) in fail {
            ticket.deliver(Err(error));
        }
        for (flight, ticket) in connect {
            hub.launch(self, flight, &ticket.luggage);
        }
        for flight in look {
            flight.look.set();
        }
        if hungry {
            // A permit may have come free before we stood in the queue.
            hub.serve_queue();
            hub.reclaim();
        }
    }

    /// It no longer stands in the queue for the total limit.
    pub(crate) fn dequeued(self: &Arc<Self>) {
        self.state().queued = Queued::No;
        self.settle();
    }

    /// Whether it still waits without a connection. If not, it leaves the queue.
    fn still_starves(self: &Arc<Self>, hub: &Hub<C>) -> bool {
        let mut state = self.state();
        let starves = state.starves();
        if !starves {
            if state.queued == Queued::Starving {
                state.queued = Queued::No;
            }
            hub.leave_queue(self);
        }
        starves
    }

    /// Whether a connection should make room for another origin that has none and was overtaken by as many requests as
    /// may be.
    #[cold]
    pub(crate) fn another_is_due(hub: &Hub<C>) -> bool {
        while let Some(first) = hub.due() {
            if first.still_starves(hub) {
                return true;
            }
        }
        false
    }

    pub(crate) fn count(&self, stats: &mut PoolStats) {
        let state = self.state();
        stats.connecting += state.flights.len();
        stats.waiting += state.waiters.iter().filter(|ticket| ticket.is_waiting()).count();
        stats.idle += state.idle.len();
        let own = |record: &&Arc<Record<C>>| self.is_home_of(record);
        let shared: Vec<_> = state.shared.iter().filter(own).map(|record| record.slots.seen()).collect();
        let unused = shared.iter().filter(|seen| seen.in_use == 0).count();
        stats.idle += unused;
        stats.active += state.open.saturating_sub(state.idle.len() + unused);
        stats.suspect += shared.iter().filter(|seen| seen.suspect).count();
        stats.streams += shared.iter().map(|seen| seen.in_use as usize).sum::<usize>();
        stats.draining += state.draining();
    }
}

impl<C: Held> fmt::Debug for Bucket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("origin", &self.key.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<C: Held> Bucket<C> {
    pub(crate) fn inspect<R>(&self, look: impl FnOnce(&State<C>) -> R) -> R {
        look(&self.state())
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.state.try_lock().is_err()
    }
}
