//! Random histories against the pool's obligations: one thread, a clock and tasks of our own, so that each is a number
//! that can be run again.
//!
//! Checked after each step: no more sockets than the total limit allows, no more connections per origin than its limit,
//! no more streams than a connection has room for, nothing started on a connection that is over, first come first
//! served, nothing reported and nothing dropped under a lock. Whenever everything that can run has run: nobody waits
//! while something usable, or a permit for it, is free. At the end: no task, no bucket, no permit, no idle connection,
//! no socket is left.
//!
//! `SKYBRIDGE_MODEL_CASES` says how many histories, `SKYBRIDGE_MODEL_SEED` runs one of them.

mod check;
mod history;
mod peer;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn obligations_hold_in_random_histories() {
    if let Some(seed) = number("SKYBRIDGE_MODEL_SEED") {
        return explain(seed);
    }
    for seed in 0..number("SKYBRIDGE_MODEL_CASES").unwrap_or(300) {
        if catch_unwind(|| history::run(seed, usize::MAX, false)).is_err() {
            explain(seed);
        }
    }
}

/// Finds the shortest beginning of a history that fails, and prints it.
fn explain(seed: u64) {
    for steps in 0..history::LONGEST {
        let run = AssertUnwindSafe(|| history::run(seed, steps, false));
        if catch_unwind(run).is_err() {
            eprintln!("seed {seed} fails within {steps} steps:");
            history::run(seed, steps, true);
        }
    }
    history::run(seed, usize::MAX, true);
}
