//! What is taken out of the pool: what is too old, what is one too many, and in the end everything.

use super::Bucket;
use crate::{
    connection::Record,
    machine::{Idle, State},
    registry::Hub,
    shared::clock::{Stamp, nanos},
    shared::held::Held,
};
use skybridge_core::{CloseReason, Error};
use std::sync::Arc;

impl<C: Held> Bucket<C> {
    /// Takes out of the pool what has been idle or alive for too long; when the next will be.
    pub(crate) fn expire(self: &Arc<Self>, hub: &Hub<C>, now: Stamp) -> Option<Stamp> {
        let (over, own, left) = {
            let mut state = self.state();
            let over = state.expire(now);
            let unused = state.is_unused(now, nanos(hub.config.idle_timeout));
            let (own, guest): (Vec<_>, Vec<_>) = state.shared.iter().partition(|record| self.is_home_of(record));
            let left = |record: &&&Arc<Record<C>>| unused || !self.may_use(hub, record);
            let left: Vec<_> = guest.iter().filter(left).map(|record| Arc::clone(record)).collect();
            (over, own.into_iter().cloned().collect::<Vec<_>>(), left)
        };
        hub.idle_shrunk(over.len());
        for idle in over {
            let old = idle.record.until.is_some_and(|until| until <= now);
            idle.close(if old { CloseReason::MaxAge } else { CloseReason::Idle });
        }
        left.iter().for_each(|record| self.let_go(record));
        for record in own {
            if record.until.is_some_and(|until| until <= now) {
                record.drain(CloseReason::MaxAge);
            } else if record.idle_until().is_some_and(|until| until <= now) {
                record.drain_unused(CloseReason::Idle);
            }
        }
        self.next_expiry(hub)
    }

    fn next_expiry(&self, hub: &Hub<C>) -> Option<Stamp> {
        let state = self.state();
        let idle = state.idle.iter().flat_map(|idle| [Some(idle.until), idle.record.until]);
        let shared = state.shared.iter().flat_map(|record| {
            let guest = !self.is_home_of(record);
            [record.idle_until(), record.until, hub.valid_until(record).filter(|_| guest)]
        });
        idle.chain(shared).flatten().min()
    }

    /// Since when the one of its own has been idle that has been so longest.
    pub(crate) fn oldest_idle(&self) -> Option<Stamp> {
        let state = self.state();
        let shared = self.own(&state).filter_map(idle_since).min();
        state.idle.first().map(Idle::since).into_iter().chain(shared).min()
    }

    /// How many of its own connections nobody uses.
    pub(crate) fn idle_count(&self) -> usize {
        let state = self.state();
        state.idle.len() + self.own(&state).filter(|record| record.idle_until().is_some()).count()
    }

    /// The shared ones that were opened for it: those of others are not its to count or to close.
    fn own<'a>(&'a self, state: &'a State<C>) -> impl Iterator<Item = &'a Arc<Record<C>>> {
        state.shared.iter().filter(|record| self.is_home_of(record))
    }

    /// Closes the one of its own that has been idle longest. False when there is none.
    pub(crate) fn evict_oldest(self: &Arc<Self>, hub: &Hub<C>, reason: CloseReason) -> bool {
        let (idle, shared) = {
            let mut state = self.state();
            let shared = self
                .own(&state)
                .filter_map(|record| idle_since(record).map(|since| (since, Arc::clone(record))))
                .min_by_key(|(since, _)| *since);
            let exclusive_first = match (state.idle.first(), &shared) {
                (Some(idle), Some((since, _))) => idle.since() <= *since,
                (idle, _) => idle.is_some(),
            };
            (exclusive_first.then(|| state.idle.remove(0)), shared)
        };
        match (idle, shared) {
            (Some(idle), _) => {
                hub.idle_shrunk(1);
                idle.close(reason);
                true
            }
            (None, Some((_, record))) => record.drain_unused(reason),
            (None, None) => false,
        }
    }

    /// Closes what is idle; what is in use goes on, and is not kept.
    pub(crate) fn shut(self: &Arc<Self>, hub: &Hub<C>, reason: CloseReason) {
        let (idle, shared) = { self.state().evict() };
        hub.idle_shrunk(idle.len());
        for idle in idle {
            idle.close(reason);
        }
        for record in shared.iter().filter(|record| self.is_home_of(record)) {
            record.drain(reason);
        }
    }

    /// Out of the pool for ever: searches end, whoever waits is told.
    pub(crate) fn close(&self, waiting: impl Fn() -> Error) {
        let (waiters, flights, idle, shared) = {
            let mut state = self.state();
            state.closed = true;
            (
                std::mem::take(&mut state.waiters),
                state.flights.clone(),
                std::mem::take(&mut state.idle),
                state.shared.clone(),
            )
        };
        if let Some(hub) = self.hub.upgrade() {
            hub.idle_shrunk(idle.len());
        }
        for ticket in waiters {
            ticket.deliver(Err(waiting()));
        }
        for flight in flights {
            flight.look.set();
        }
        for idle in idle {
            idle.close(CloseReason::Shutdown);
        }
        for record in shared {
            record.drain(CloseReason::Shutdown);
        }
    }

    /// True when it held nothing, and then it is of no more use.
    pub(crate) fn retire(&self) -> bool {
        let mut state = self.state();
        state.closed |= state.is_vacant();
        state.closed
    }

    /// Out of the pool.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.state().is_vacant()
    }
}

fn idle_since<C: Held>(record: &Arc<Record<C>>) -> Option<Stamp> {
    record.idle_until().map(|until| record.idle_since(until))
}
