//! Reuses, shares and coalesces HTTP connections.

mod bucket;
mod buckets;
mod budget;
mod clock;
mod config;
mod exchange;
mod flight;
mod held;
mod hub;
mod idle_limit;
mod index;
mod layer;
mod lease;
mod leased;
#[cfg(all(test, not(loom)))]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod model;
mod pool;
mod reaper;
mod record;
mod search;
mod settle;
mod signal;
mod slots;
mod spellings;
mod state;
mod stats;
mod sync;
mod ticket;
mod told;

pub use self::{
    config::{AtConnectionLimit, AtStreamLimit, PoolConfig},
    exchange::Exchange,
    layer::PoolLayer,
    leased::Leased,
    pool::Pool,
    stats::PoolStats,
};
