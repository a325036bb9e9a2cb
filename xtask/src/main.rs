//! The one door to the checks: `cargo xtask VERB`.
//!
//! Each verb is one file, prints the commands it runs, and exits with 1 and a sentence when something is wrong.

mod allocs;
mod arrows;
mod check;
mod ci;
mod columns;
mod command;
mod features;
mod files;
mod fips;
mod fuzz;
mod instr;
mod interop;
mod model;
mod msrv;
mod nightly;
mod package;
mod public_api;
mod soak;
mod test;
mod weight;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Outcome;

/// The checks of skybridge; `ci` is what a change must pass.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// Format, width of comments, lints, documentation, arrows, licences and sources
    Check,
    /// Every test that needs nothing but cargo
    Test,
    /// Print which package depends on which; fail on a dependency that isn't agreed, and on an import cycle
    Arrows,
    /// Allocations per request above a bare connection
    Allocs,
    /// Instructions per request in relation to a bare connection (callgrind)
    Instr,
    /// The stack against real servers and proxies
    Interop,
    /// Each package by itself: with no, its default, each and all features; and what it is built from
    Features(features::Features),
    /// TLS by the approved module of AWS-LC; takes cmake, Go and minutes
    Fips,
    /// Each published package, compiled from what is in it
    Package(package::PackageArgs),
    /// Print the crates below 1.0 that public signatures name, and fail on one without a reason
    PublicApi,
    /// The workspace on the oldest supported Rust
    Msrv,
    /// The pool's model test with 100,000 histories, new inputs for the tests of properties, and the loom tests
    Model,
    /// Drop requests at random points, by the million, and check that nothing is lost, leaked, mixed up or sent twice
    Soak(soak::Soak),
    /// Run one fuzz target for a while, or list them
    Fuzz(fuzz::Fuzz),
    /// check, public-api, loom, allocs, instr, interop, package: what a change must pass beside the tests
    Ci,
    /// features, msrv, model, soak, fuzz: the slow ones
    Nightly,
}

fn main() -> ExitCode {
    if let Some(code) = public_api::as_rustdoc() {
        return code;
    }
    match run(&Verb::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb) -> Outcome {
    match verb {
        Verb::Check => check::run(),
        Verb::Test => test::run(),
        Verb::Arrows => arrows::run(),
        Verb::Allocs => allocs::run(),
        Verb::Instr => instr::run(),
        Verb::Interop => interop::run(),
        Verb::Features(options) => features::run(options),
        Verb::Fips => fips::run(),
        Verb::Package(args) => package::run(args),
        Verb::PublicApi => public_api::run(),
        Verb::Msrv => msrv::run(),
        Verb::Model => model::run(),
        Verb::Soak(soak) => soak::run(soak),
        Verb::Fuzz(fuzz) => fuzz::run(fuzz),
        Verb::Ci => ci::run(),
        Verb::Nightly => nightly::run(),
    }
}
