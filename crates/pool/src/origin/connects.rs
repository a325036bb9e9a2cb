//! How searches end.

use super::Bucket;
use crate::{
    connection::Record,
    machine::{Effects, Idle},
    origin::pending_connect::Flight,
    origin::waiter::Ticket,
    registry::Hub,
    shared::clock::Stamp,
    shared::held::Held,
};
use skybridge_core::{ConnectError, Ctx, Error};
use std::{sync::Arc, time::Instant};

impl<C: Held> Bucket<C> {
    /// A search ended with a connection; `exclusive` is the connection itself unless it is shared.
    pub(crate) fn connected(
        self: &Arc<Self>,
        hub: &Arc<Hub<C>>,
        flight: &Arc<Flight>,
        record: &Arc<Record<C>>,
        exclusive: Option<C>,
    ) -> bool {
        let until = record.idle_from(hub.clock.get());
        let effects = {
            let mut state = self.state();
            if !state.connected(flight, record) {
                return false;
            }
            match exclusive {
                Some(connection) => {
                    hub.idle_counted();
                    state.idle.push(Idle { connection, record: Arc::clone(record), until });
                }
                None => state.add_shared(record),
            }
            // Before anybody is served: whoever has had an answer on it must find it for another origin.
            hub.index.insert(record);
            self.serve(hub, &mut state)
        };
        self.apply(hub, effects);
        hub.idle_settled(self);
        true
    }

    /// A search found a connection that is there: of another key, or one of its own that has room by now.
    pub(crate) fn found(self: &Arc<Self>, hub: &Arc<Hub<C>>, flight: &Arc<Flight>, record: &Arc<Record<C>>) {
        let effects = {
            let mut state = self.state();
            state.found(flight, record);
            // Since it was found it may have ended, or have said that it is the wrong one.
            let guest = !self.is_home_of(record);
            if !record.slots.is_open() || guest && record.is_misdirected(&self.key.origin) {
                state.forget(record, !guest);
                record.guests.remove(self);
            }
            self.serve(hub, &mut state)
        };
        hub.permit_free();
        self.apply(hub, effects);
        if !self.is_home_of(record) {
            hub.look_by(hub.valid_until(record));
        }
    }

    /// A search ended without a connection.
    pub(crate) fn failed(self: &Arc<Self>, hub: &Arc<Hub<C>>, flight: &Arc<Flight>, error: &ConnectError) {
        let mut effects = Effects::default();
        {
            let mut state = self.state();
            state.failed(flight, error, &mut effects);
            effects.extend(self.serve(hub, &mut state));
        }
        hub.permit_free();
        self.apply(hub, effects);
        hub.tidy(self);
    }

    /// Fails the requests whose own limits are over while the search goes on for others. Returns when the next one's
    /// are.
    pub(crate) fn impatient(self: &Arc<Self>, hub: &Arc<Hub<C>>, flight: &Arc<Flight>, ctx: &Ctx) -> Option<Instant> {
        let view = flight.timeouts.view()?;
        let tell = |timed_out| Error::from(ConnectError::from(timed_out).with_attempts(ctx.attempt_log().reports()));
        let deadline =
            |ticket: &Ticket<C>| view.deadline(&ticket.luggage.timeouts, hub.clock.instant(Stamp(ticket.joined())));
        let mut effects = Effects::default();
        let next = self.state().impatient(flight, hub.runtime.now(), deadline, tell, &mut effects);
        self.apply(hub, effects);
        next
    }

    /// A search has no tickets and no socket, or the pool is closed. True when it is over.
    pub(crate) fn abandon(self: &Arc<Self>, flight: &Arc<Flight>) -> bool {
        if !self.state().abandon(flight) {
            return false;
        }
        if let Some(hub) = self.hub.upgrade() {
            hub.permit_free();
            // There is room for another search now.
            self.settle_with(&hub);
            hub.tidy(self);
        }
        true
    }
}
