//! Drops requests at random points, by the million, over the whole stack in memory, and looks after each round whether
//! anything was lost, kept, mixed up or sent twice.
//!
//! Half of the rounds run on one thread, where time is virtual, the others on several, in real time. The peers speak
//! HTTP/1.1 and HTTP/2 and misbehave: they close, cut, go away, refuse, answer before they have read, and never answer.
//! Connects fail. All limits of the pool are so low that requests wait for each of them. What must be true after a
//! round is in [`round`]; [`ledger`] has what must be true of each request. Before them come some on real sockets,
//! whose peers end idle connections: [`stale`].
//!
//! The seed decides what is requested, when it is dropped and what the peers do, but not how threads are scheduled, nor
//! the order of maps or the pool's own jitter: a seed that fails is a good place to start, not a recording.

#![allow(clippy::disallowed_methods, reason = "peers and callers spawn as their users would")]

mod chaos;
mod dialer;
mod drive;
mod hold;
mod ledger;
mod mode;
mod pause;
mod peer;
mod pieces;
mod plan;
mod round;
mod stale;
mod world;

use clap::Parser;
use mode::Mode;
use std::{process::ExitCode, time::Instant};

#[global_allocator]
static ALLOCATOR: skybridge_counting::Holding = skybridge_counting::Holding;

/// Drops requests at random points and looks what is left.
#[derive(Debug, Parser)]
struct Args {
    /// Which requests and peers; a random one unless given
    #[arg(long)]
    seed: Option<u64>,
    /// How many requests, on one thread and on several together
    #[arg(long, default_value_t = 18_000_000)]
    requests: u64,
    /// How many GETs of origins that end idle connections
    #[arg(long, default_value_t = 20_000)]
    stale: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("soak: {} requests, seed {seed} (again: cargo xtask soak --seed {seed})", args.requests);
    let started = Instant::now();
    if let Err(found) = stale::run(args.stale, seed) {
        println!("FAILED stale origins, seed {seed}: {found}");
        return ExitCode::FAILURE;
    }
    let single = args.requests / 2;
    for (mode, requests) in [(Mode::Virtual, single), (Mode::Threads, args.requests - single)] {
        if let Err(found) = round::run(mode, requests, seed) {
            println!("FAILED {mode}, seed {seed}: {found}");
            return ExitCode::FAILURE;
        }
    }
    println!(
        "soak: nothing lost, kept, mixed up or sent twice ({:.0} s, seed {seed})",
        started.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}
