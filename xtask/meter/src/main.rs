//! What a request costs above bare hyper and h2, in things that can be counted exactly.
//!
//! `allocs` counts allocations, `instr` instructions (callgrind), both per request on a warm connection to a peer in
//! memory; both fail when a gate is passed. `run CASE N` is what `instr` runs under valgrind, and `connect N`
//! and `idle` are for its `dhat`.

#![allow(clippy::disallowed_methods, reason = "the programs that are measured spawn as their users would")]

mod allocs;
mod case;
mod client;
mod connects;
mod counted;
mod instr;
mod memory;
mod names;
mod observed;
mod passing;
mod sealed;
mod sessions;
mod stack;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: skybridge_counting::Counting = skybridge_counting::Counting;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = args.iter().map(String::as_str).collect();
    let good = match words[..] {
        ["allocs"] => {
            skybridge_counting::count();
            allocs::gate()
        }
        ["instr"] => instr::gate(),
        ["idle"] => memory::idle().is_ok(),
        ["connect", n] => n.parse().is_ok_and(|n| memory::connect(n).is_ok()),
        ["run", case, n] => return case::run_named(case, n),
        _ => {
            eprintln!("usage: skybridge-meter allocs | instr | run CASE REQUESTS | connect TIMES | idle");
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
