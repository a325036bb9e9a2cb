//! The searches of one key: which are missing, who has joined them, and what comes of them.

use super::{Effects, Permits, State, leave_flight};
use crate::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    connection::Record,
    origin::pending_connect::Flight,
    origin::waiter::Ticket,
    shared::held::Held,
};
use skybridge_core::{Cause, ConnectError, Delivery, Error, Overloaded, Phase, Protocol, TimedOut};
use std::{sync::Arc, time::Instant};

impl<C: Held> State<C> {
    pub(super) fn search(&mut self, config: &PoolConfig, permits: &impl Permits, effects: &mut Effects<C>) {
        self.note_room();
        // A connection whose exchanges are all taken won't serve those who wait. One whose peer allows no streams is
        // waited for by a search, which has a time limit.
        let waits = config.at_stream_limit != AtStreamLimit::Refuse;
        let carries = |record: &Arc<Record<C>>| !(record.is_used_up() || waits && record.takes_none());
        if self.shared.iter().any(carries) {
            let settling = self.shared.iter().any(|record| record.slots.seen().unknown && record.slots.is_open());
            match config.at_stream_limit {
                // Its SETTINGS will say whether it carries those who wait.
                _ if settling => return,
                AtStreamLimit::Open => {}
                AtStreamLimit::Wait => return,
                AtStreamLimit::Refuse => {
                    let limit = self.shared.iter().map(|record| record.slots.seen().capacity as usize).sum();
                    return self.refuse(Overloaded { what: "every connection's stream limit", limit }, effects);
                }
            }
        }
        if self.memory == Some(Protocol::Http1) {
            self.adopt(permits, effects);
            self.fan_out(config, permits, effects);
        } else {
            self.join(config, permits, effects);
        }
    }

    /// Searches whose tickets were served by something else go on for those who have none.
    fn adopt(&mut self, permits: &impl Permits, effects: &mut Effects<C>) {
        let mut spare = self.flights.iter().filter(|flight| flight.joined() == 0).peekable();
        for ticket in &self.waiters {
            if spare.peek().is_none() {
                return;
            }
            let mut own = ticket.flight();
            if own.is_none()
                && ticket.is_waiting()
                && let Some(flight) = spare.next()
            {
                *own = Some(join(ticket, flight, permits, effects));
            }
        }
    }

    /// HTTP/1.1: a search for each.
    fn fan_out(&mut self, config: &PoolConfig, permits: &impl Permits, effects: &mut Effects<C>) {
        for i in 0..self.waiters.len() {
            let ticket = Arc::clone(&self.waiters[i]);
            if ticket.flight().is_some() || !ticket.is_waiting() {
                continue;
            }
            let Some(flight) = self.begin(config, permits, effects, &ticket) else { return };
            *ticket.flight() = Some(join(&ticket, &flight, permits, effects));
        }
    }

    /// HTTP/2, or not known yet: all join one search, or as many as will carry them.
    fn join(&mut self, config: &PoolConfig, permits: &impl Permits, effects: &mut Effects<C>) {
        while self.wants_another() {
            let alone = |ticket: &&Arc<Ticket<C>>| ticket.is_waiting() && ticket.flight().is_none();
            let Some(first) = self.waiters.iter().find(alone).map(Arc::clone) else { break };
            if self.begin(config, permits, effects, &first).is_none() {
                break;
            }
        }
        let flights = self.flights.len();
        if flights == 0 {
            return;
        }
        // Those who came last are at the end; others are without a search only after one of several has ended.
        let scattered = std::mem::take(&mut self.scattered);
        for (i, ticket) in self.waiters.iter().enumerate().rev() {
            let mut own = ticket.flight();
            if own.is_some() {
                if scattered { continue } else { break }
            }
            if ticket.is_waiting() {
                *own = Some(join(ticket, &self.flights[i % flights], permits, effects));
            }
        }
    }

    /// More wait than the searches under way will carry, as far as that is known.
    fn wants_another(&self) -> bool {
        let flights = self.flights.len();
        if flights == 0 || self.memory.is_none() || self.stream_room == 0 {
            return flights == 0;
        }
        let carried = flights.saturating_mul(self.stream_room as usize);
        self.waiters.len() > carried && self.waiters.iter().filter(|ticket| ticket.is_waiting()).nth(carried).is_some()
    }

    fn begin(
        &mut self,
        config: &PoolConfig,
        permits: &impl Permits,
        effects: &mut Effects<C>,
        ticket: &Arc<Ticket<C>>,
    ) -> Option<Arc<Flight>> {
        let full = if self.open + self.flights.len() >= config.max_per_origin {
            Some(Overloaded { what: "the origin's connection limit", limit: config.max_per_origin })
        } else if self.flights.len() >= config.max_connecting_per_origin {
            // A search that ends begins the next.
            return None;
        } else if !permits.acquire() {
            effects.hungry = true;
            Some(Overloaded { what: "the total connection limit", limit: config.max_total.unwrap_or(usize::MAX) })
        } else {
            None
        };
        if let Some(full) = full {
            if config.at_connection_limit == AtConnectionLimit::Refuse {
                effects.hungry = false;
                self.refuse(full, effects);
            }
            return None;
        }
        ticket.initiates();
        let flight = Flight::new(permits.search_limits());
        self.flights.push(Arc::clone(&flight));
        effects.connect.push((Arc::clone(&flight), Arc::clone(ticket)));
        Some(flight)
    }

    /// Fails those for whom no search is made.
    fn refuse(&mut self, full: Overloaded, effects: &mut Effects<C>) {
        self.waiters.retain(|ticket| {
            let refused = ticket.flight().is_none();
            if refused && ticket.is_waiting() {
                let error = Error::of(Delivery::Unsent, Phase::Acquire, Cause::Overloaded(full));
                effects.fail.push((Arc::clone(ticket), error));
            }
            !refused
        });
    }

    /// A search has a connection. False when that died before it could be published: whoever closes it comes for it after us, or came
    /// before us and found nothing to take back.
    pub(crate) fn connected(&mut self, flight: &Arc<Flight>, record: &Arc<Record<C>>) -> bool {
        if self.closed || !record.slots.is_open() {
            return false;
        }
        record.publish(self.epoch);
        self.open += 1;
        self.sockets += 1;
        self.end(flight);
        self.release_joined(flight, record);
        self.memory = record.info.protocol;
        true
    }

    /// How many streams a connection of this origin takes.
    fn note_room(&mut self) {
        if let Some(capacity) = self.shared.iter().filter_map(|record| record.known_room()).max() {
            self.stream_room = capacity;
        }
    }

    /// A search found a connection that is there: it is over, and its tickets look again.
    pub(crate) fn found(&mut self, flight: &Arc<Flight>, record: &Arc<Record<C>>) {
        self.end(flight);
        self.release_joined(flight, record);
        self.memory = Some(Protocol::Http2);
        self.add_shared(record);
    }

    /// A search failed: so do those who had joined it, with one shared error.
    pub(crate) fn failed(&mut self, flight: &Arc<Flight>, error: &ConnectError, effects: &mut Effects<C>) {
        self.end(flight);
        self.waiters.retain(|ticket| {
            let joined = ticket.flight().as_ref().is_some_and(|own| Arc::ptr_eq(own, flight));
            if joined {
                ticket.flight().take();
                effects.fail.push((Arc::clone(ticket), error.clone().into()));
            }
            !joined
        });
    }

    /// Fails the requests whose own limits end their wait for a search that goes on: `deadline` says when, and `tell`
    /// makes the error. Returns the next deadline.
    pub(crate) fn impatient(
        &mut self,
        flight: &Arc<Flight>,
        now: Instant,
        deadline: impl Fn(&Ticket<C>) -> Option<(Instant, TimedOut)>,
        tell: impl Fn(TimedOut) -> Error,
        effects: &mut Effects<C>,
    ) -> Option<Instant> {
        let mut next = None;
        self.waiters.retain(|ticket| {
            let joined = ticket.flight().as_ref().is_some_and(|own| Arc::ptr_eq(own, flight));
            match deadline(ticket).filter(|_| joined && ticket.is_waiting()) {
                Some((at, timed_out)) if at <= now => {
                    effects.look.extend(leave_flight(ticket));
                    effects.fail.push((Arc::clone(ticket), tell(timed_out)));
                    false
                }
                Some((at, _)) => {
                    next = Some(next.map_or(at, |next: Instant| next.min(at)));
                    true
                }
                None => true,
            }
        });
        next
    }

    /// A search has no tickets and no socket: true when it may be given up, and then it is forgotten.
    pub(crate) fn abandon(&mut self, flight: &Arc<Flight>) -> bool {
        let may = flight.joined() == 0 || self.closed;
        if may {
            self.end(flight);
        }
        may
    }

    fn end(&mut self, flight: &Arc<Flight>) {
        self.scattered = true;
        self.flights.retain(|other| !Arc::ptr_eq(other, flight));
    }

    fn release_joined(&mut self, flight: &Arc<Flight>, record: &Record<C>) {
        for ticket in &self.waiters {
            let mut own = ticket.flight();
            if own.as_ref().is_some_and(|own| Arc::ptr_eq(own, flight)) {
                *own = None;
                ticket.landed(record.info.id);
            }
        }
    }
}

/// A ticket waits for a search from now on.
fn join<C: Held>(
    ticket: &Ticket<C>,
    flight: &Arc<Flight>,
    permits: &impl Permits,
    effects: &mut Effects<C>,
) -> Arc<Flight> {
    flight.join();
    ticket.joins(permits.now().0);
    if flight.timeouts.join(&ticket.luggage.timeouts) {
        effects.look.push(Arc::clone(flight));
    }
    Arc::clone(flight)
}
