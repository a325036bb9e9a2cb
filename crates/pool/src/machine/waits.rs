//! What has come of a request that was put in the queue: said, not decided.

use crate::{
    config::{AtStreamLimit, PoolConfig},
    machine::{Machine, connections::ConnectionKey, connects::ConnectKey, environment::Environment, queue::WaiterKey},
};
use skybridge_core::{Found, Waits};
use std::time::Duration;

impl Machine {
    /// What a request in the queue waits for; `None` when it has a connection, or has left.
    pub(crate) fn came_of(&self, waiter: WaiterKey, config: &PoolConfig, env: &impl Environment) -> Option<Found> {
        let waiting = self.queue.get(waiter)?;
        let Some((connect, _)) = waiting.connect else { return Some(Found::Waits(self.waits_for(config, env))) };
        let now = env.now();
        Some(match self.pause_until(now).filter(|_| self.connects.is_paused(connect)) {
            Some(until) => Found::Waits(Waits::Backoff(Duration::from_nanos(until.minus(now.0).0))),
            None if waiting.initiator => self.opens(config),
            None => Found::Joins,
        })
    }

    /// What a connect does that has found no connection: one without a permit may have to wait for that.
    pub(crate) fn goes_on(&self, connect: ConnectKey, config: &PoolConfig, env: &impl Environment) -> Found {
        let refused = env.permit_refused().filter(|_| self.connects.is_paused(connect));
        refused.map_or_else(|| self.opens(config), |full| Found::Waits(Waits::PoolLimit(full)))
    }

    /// A connect that is under way by now.
    fn opens(&self, config: &PoolConfig) -> Found {
        let limit = (config.max_per_origin != usize::MAX).then_some(config.max_per_origin);
        Found::Opens { open: self.connections.open() + self.connects.len(), limit }
    }

    /// Why no connect has begun for one who waits: what `begin_missing` and `begin` look at, in their order.
    fn waits_for(&self, config: &PoolConfig, env: &impl Environment) -> Waits {
        if let Some(waits) = self.waits_for_stream(config, env) {
            return waits;
        }
        if self.connections.open() + self.connects.len() >= config.max_per_origin {
            return Waits::OriginLimit(config.max_per_origin);
        }
        if self.connects.wanted() >= config.max_connecting_per_origin {
            return Waits::ConnectLimit(config.max_connecting_per_origin);
        }
        env.permit_refused().map_or(Waits::Turn, Waits::PoolLimit)
    }

    /// A shared connection is waited for, and no other is opened beside it.
    pub(super) fn waits_for_stream(&self, config: &PoolConfig, env: &impl Environment) -> Option<Waits> {
        let waits = config.at_stream_limit == AtStreamLimit::Wait;
        let mut loads = self.connections.shared().iter().map(|connection| env.load(*connection));
        let will_serve = loads.any(|load| !(load.suspect || load.used_up || waits && load.allows_none));
        match config.at_stream_limit {
            _ if !will_serve => None,
            _ if self.awaits_settings(env) => Some(Waits::Settings),
            AtStreamLimit::Wait => Some(Waits::Stream),
            AtStreamLimit::Open | AtStreamLimit::Refuse => None,
        }
    }

    /// All connections that it knows: its own, draining ones too, and those of other names that it uses.
    pub(crate) fn members(&self) -> impl Iterator<Item = ConnectionKey> {
        self.connections.members()
    }
}
