//! The obligations.

use super::{
    history::{Call, History, KEYS, Stage},
    peer::Handle,
};
use crate::origin::OriginPool;
use skybridge_core::Key;
use std::sync::Arc;

impl History {
    /// After every step.
    pub(super) fn check_safety(&mut self) {
        self.check_overtaking();
        let below = self.below.lock().unwrap();
        let sockets = below.wires.iter().filter(|wire| wire.is_open()).count();
        if let Some(total) = self.config.total_limit() {
            assert!(sockets <= total, "{sockets} sockets are open, of {total}");
        }
        drop(below);
        let Some(pool) = &self.pool else { return };
        let registry = pool.registry();
        let origins = registry.origins();
        let stage: usize = origins.iter().map(|origin| origin.inspect(|machine, _| machine.permits_held())).sum();
        let permits = registry.shared.permits.open();
        assert!(permits <= self.config.max_total);
        assert_eq!(stage, permits, "each socket and each connect has a permit");
        let mut idle = 0;
        for origin in &origins {
            origin.inspect(|machine, load| {
                machine.check_safety(&self.config);
                idle += machine.idle_connections(load);
            });
        }
        assert_eq!(idle, registry.shared.idle.get(), "idle connections are counted");
        self.check_order();
    }

    /// Where there is but one connection, an origin without it is overtaken by so many and no more.
    fn check_overtaking(&mut self) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.config.max_total == 1) else { return };
        let starves = |origin: &Arc<OriginPool<Handle>>| origin.inspect(|machine, _| machine.is_queued_starving());
        let all = pool.registry().origins();
        let starving: Vec<_> = all.iter().filter(|origin| starves(origin)).map(|origin| &origin.key).collect();
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
        let origins = pool.registry().origins();
        let free = !pool.registry().shared.permits.is_full();
        for origin in &origins {
            let wants_permit = origin.inspect(|machine, load| machine.check_liveness(&self.config, load));
            if !wants_permit {
                continue;
            }
            assert!(!free, "somebody waits for no connect, and one may be made: {:?}", origin.key.origin);
            for other in origins.iter().filter(|other| !Arc::ptr_eq(other, origin)) {
                assert_eq!(other.oldest_idle(), None, "a permit is held by what is idle, and somebody waits for one");
            }
        }
    }

    /// At the end, with everything dropped and all time passed.
    pub(super) fn check_nothing_left(&self) {
        for wire in &self.below.lock().unwrap().wires {
            assert_eq!(wire.state().handles, 0, "a socket is left: {:?}", wire.info.id);
        }
        assert_eq!(self.world.tasks(), 0, "tasks are left");
        let Some(pool) = &self.pool else { return };
        let (registry, stats) = (pool.registry(), pool.stats());
        assert_eq!(stats, crate::PoolStats::default());
        assert!(registry.origins().is_empty() && !registry.has_addresses(), "memory is left");
        assert_eq!(registry.shared.idle.get(), 0, "idle connections are counted");
        assert_eq!(registry.shared.permits.open(), 0, "permits are left");
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
        match &self.stage {
            Stage::Exchange(exchange) => exchange.key().is_some_and(|own| *own == *key),
            _ => false,
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        match &self.stage {
            Stage::Exchange(exchange) => exchange.waiter().is_some_and(|waiter| waiter.is_waiting()),
            _ => false,
        }
    }
}
