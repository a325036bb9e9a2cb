//! What would become of a request that comes now: asked, and nothing is changed by it.

use crate::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    machine::{Machine, action::Grant, connects::ConnectKey, environment::Environment},
};
use skybridge_core::{Found, Overloaded, Protocol, Waits};
use std::time::Duration;

impl Machine {
    /// The connection that [`take`](Self::take) would give it.
    pub(crate) fn would_take(&self, env: &impl Environment) -> Option<Grant> {
        if !self.queue.is_empty() {
            return None;
        }
        let loads = self.connections.shared().iter().map(|connection| (*connection, env.load(*connection)));
        let free = loads.filter(|(_, load)| load.has_capacity).min_by_key(|(_, load)| load.in_use);
        let idle = || self.connections.idle().last().map(|idle| Grant::Exclusive(idle.connection));
        free.map(|(connection, _)| Grant::Stream(connection)).or_else(idle)
    }

    /// What it would wait for, without a connection. `makes_room`: something is idle that would be closed for it.
    pub(crate) fn would_wait(&self, makes_room: bool, config: &PoolConfig, env: &impl Environment) -> Found {
        if self.queue.len() >= config.max_waiting_per_origin {
            let limit = config.max_waiting_per_origin;
            return Found::Refused(Overloaded { what: "the queue of the origin", limit });
        }
        if let Some(waits) = self.waits_for_stream(config, env) {
            return Found::Waits(waits);
        }
        let shared = self.connections.shared();
        if config.at_stream_limit == AtStreamLimit::Refuse && !shared.is_empty() {
            let limit = shared.iter().map(|connection| env.load(*connection).capacity as usize).sum();
            return Found::Refused(Overloaded { what: "every connection's stream limit", limit });
        }
        if self.would_join() {
            return Found::Joins;
        }
        let refuses = config.at_connection_limit == AtConnectionLimit::Refuse;
        match self.full(makes_room, config, env) {
            Some((_, full)) if refuses => Found::Refused(full),
            Some((waits, _)) => Found::Waits(waits),
            None => match self.pause_until(env.now()) {
                Some(until) => Found::Waits(Waits::Backoff(Duration::from_nanos(until.minus(env.now().0).0))),
                None => {
                    let limit = (config.max_per_origin != usize::MAX).then_some(config.max_per_origin);
                    Found::Opens { open: self.connections.open() + self.connects.len() + 1, limit }
                }
            },
        }
    }

    /// Whether a connect is under way that it would join.
    fn would_join(&self) -> bool {
        let is_http1 = self.protocol == Some(Protocol::Http1);
        let connects = || self.connects.to_join();
        if self.backoff.is_on() {
            let is_for_all = |connect: ConnectKey| !is_http1 || self.connects.failures(connect) > Some(0);
            return connects().any(is_for_all);
        }
        if is_http1 {
            return connects().any(|connect| !self.connects.is_awaited(connect));
        }
        let (count, streams) = (connects().count(), self.stream_capacity as usize);
        count > 0 && (self.protocol.is_none() || streams == 0 || self.queue.len() < count.saturating_mul(streams))
    }

    /// Which limit is reached.
    fn full(&self, makes_room: bool, config: &PoolConfig, env: &impl Environment) -> Option<(Waits, Overloaded)> {
        let limit = config.max_per_origin;
        if self.connections.open() + self.connects.len() >= limit {
            let full = Overloaded { what: "the origin's connection limit", limit };
            return Some((Waits::OriginLimit(limit), full));
        }
        let limit = config.max_connecting_per_origin;
        if self.connects.wanted() >= limit {
            let full = Overloaded { what: "the origin's limit of connects", limit };
            return Some((Waits::ConnectLimit(limit), full));
        }
        env.permit_refused().filter(|_| !makes_room).map(|full| (Waits::PoolLimit(full), full))
    }
}
