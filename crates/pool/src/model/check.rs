//! The obligations.

use super::{
    history::{Call, Held, History, KEYS},
    peer::Handle,
};
use crate::{
    config::AtStreamLimit,
    machine::{Queued, State},
    origin::Bucket,
};
use skybridge_core::{Key, Protocol};
use std::sync::Arc;

impl History {
    /// After every step.
    pub(super) fn check_safety(&mut self) {
        self.check_overtaking();
        let below = self.below.lock().unwrap();
        let sockets = below.wires.iter().filter(|wire| wire.is_open()).count();
        if let Some(total) = self.config.max_total {
            assert!(sockets <= total, "{sockets} sockets are open, of {total}");
        }
        drop(below);
        let Some(pool) = &self.pool else { return };
        let hub = pool.hub();
        let buckets = hub.buckets.all();
        if let Some(total) = self.config.max_total {
            let held: usize =
                buckets.iter().map(|bucket| bucket.inspect(|state| state.sockets + state.flights.len())).sum();
            assert!(hub.permits() <= total);
            assert_eq!(held, hub.permits(), "each socket and each search has a permit");
        }
        let mut idle = 0;
        for bucket in &buckets {
            bucket.inspect(|state| {
                let open = state.open + state.flights.len();
                assert!(open <= self.config.max_per_origin, "{open} connections of {:?}", bucket.key.origin);
                assert!(state.flights.len() <= self.config.max_connecting_per_origin);
                assert!(state.waiters.len() <= self.config.max_waiting_per_origin);
                let own = state.shared.iter().filter(|record| std::ptr::eq(record.home.as_ptr(), Arc::as_ptr(bucket)));
                let unused = own.filter(|record| record.slots.seen().in_use == 0).count();
                idle += state.idle.len() + unused;
                for ticket in &state.waiters {
                    assert!(
                        ticket
                            .flight()
                            .as_ref()
                            .is_none_or(|own| state.flights.iter().any(|flight| Arc::ptr_eq(own, flight))),
                        "a ticket waits for a search that is over"
                    );
                }
            });
        }
        assert_eq!(idle, hub.idle.load(std::sync::atomic::Ordering::Relaxed), "idle connections are counted");
        self.check_order();
    }

    /// Where there is but one connection, an origin without it is overtaken by so many and no more.
    fn check_overtaking(&mut self) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.config.max_total == Some(1)) else { return };
        let starves =
            |bucket: &Arc<Bucket<Handle>>| bucket.inspect(|state| state.queued == Queued::Starving && state.starves());
        let all = pool.hub().buckets.all();
        let starving: Vec<_> = all.iter().filter(|bucket| starves(bucket)).map(|bucket| &bucket.key).collect();
        self.starving.retain(|key, _| starving.contains(&key));
        for key in starving {
            let since = *self.starving.entry(Arc::clone(key)).or_insert(self.served.len());
            let waiting = self.calls.iter().filter(|call| call.is_waiting() && call.has_key(key));
            let Some(first) = waiting.map(|call| call.place).min() else { continue };
            let overtaking = self.served[since..].iter().filter(|place| **place > first).count();
            // Each origin that came before has its turn, in which whoever looks first is served.
            let turns = KEYS.len();
            assert!(
                overtaking <= self.config.max_overtaking + turns,
                "{key:?} waits, and {overtaking} others were served"
            );
        }
    }

    /// First come, first served.
    fn check_order(&self) {
        for call in self.calls.iter().filter(|call| call.is_waiting()) {
            let overtaken = self.calls.iter().find(|other| {
                other.key == call.key && other.place > call.place && other.was_served && !other.is_waiting()
            });
            if let Some(other) = overtaken {
                panic!("call {} waits, and call {}, which came later, was served", call.id, other.id);
            }
        }
    }

    /// When everything that can run has run.
    pub(super) fn check_liveness(&self) {
        let Some(pool) = &self.pool else { return };
        let buckets = pool.hub().buckets.all();
        for bucket in &buckets {
            bucket.inspect(|state| self.check_bucket(bucket, state, &buckets));
        }
    }

    fn check_bucket(&self, bucket: &Arc<Bucket<Handle>>, state: &State<Handle>, all: &[Arc<Bucket<Handle>>]) {
        for flight in &state.flights {
            let tickets = state.waiters.iter().filter(|ticket| {
                ticket.is_waiting() && ticket.flight().as_ref().is_some_and(|own| Arc::ptr_eq(own, flight))
            });
            assert_eq!(tickets.count(), flight.joined(), "a search knows who waits for it");
        }
        let waiting: Vec<_> = state.waiters.iter().filter(|ticket| ticket.is_waiting()).collect();
        if waiting.is_empty() {
            return;
        }
        assert!(state.idle.is_empty(), "an idle connection, and somebody waits");
        let free = state.shared.iter().filter(|record| record.has_room()).count();
        assert_eq!(free, 0, "a connection has room, and somebody waits");
        if waiting.iter().all(|ticket| ticket.flight().is_some()) {
            return;
        }
        let settling = state.shared.iter().any(|record| record.slots.seen().unknown);
        let waits = !state.shared.is_empty() && self.config.at_stream_limit == AtStreamLimit::Wait;
        let full = state.open + state.flights.len() >= self.config.max_per_origin
            || state.flights.len() >= self.config.max_connecting_per_origin;
        if settling || waits || full {
            return;
        }
        let hub = self.pool.as_ref().map(|pool| pool.hub());
        let permits = hub.map_or(0, |hub| hub.permits());
        let total = self.config.max_total.unwrap_or(usize::MAX);
        assert!(permits >= total, "somebody waits for no search, and one may be made: {:?}", bucket.key.origin);
        assert!(state.queued != Queued::No, "somebody waits for a permit, and nobody knows");
        assert!(
            state.flights.is_empty()
                || state.memory == Some(Protocol::Http1)
                || waiting.iter().all(|t| t.flight().is_some())
        );
        for other in all.iter().filter(|other| !Arc::ptr_eq(other, bucket)) {
            assert_eq!(other.oldest_idle(), None, "a permit is held by what is idle, and somebody waits for one");
        }
    }

    /// At the end, with everything dropped and all time passed.
    pub(super) fn check_nothing_left(&self) {
        for wire in &self.below.lock().unwrap().wires {
            assert_eq!(wire.state().handles, 0, "a socket is left: {:?}", wire.info.id);
        }
        assert_eq!(self.world.tasks(), 0, "tasks are left");
        let Some(pool) = &self.pool else { return };
        let (hub, stats) = (pool.hub(), pool.stats());
        assert_eq!(stats, crate::PoolStats::default());
        assert!(hub.buckets.all().is_empty() && hub.index.is_empty(), "memory is left");
        assert_eq!(hub.idle.load(std::sync::atomic::Ordering::Relaxed), 0, "idle connections are counted");
        if self.config.max_total.is_some() {
            assert_eq!(hub.permits(), 0, "permits are left");
        }
    }
}

impl Call {
    /// It has a connection.
    pub(super) fn is_served(&mut self, places: &mut usize, served: &mut Vec<usize>) {
        if self.place == usize::MAX {
            *places += 1;
            self.place = *places;
        }
        if !std::mem::replace(&mut self.was_served, true) {
            served.push(self.place);
        }
    }

    fn has_key(&self, key: &Key) -> bool {
        match &self.held {
            Held::Exchange(exchange) => exchange.key().is_some_and(|own| *own == *key),
            _ => false,
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        match &self.held {
            Held::Exchange(exchange) => exchange.place().is_some_and(|ticket| ticket.is_waiting()),
            _ => false,
        }
    }
}
