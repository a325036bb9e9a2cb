//! `check`: what can be said about the code without running it.

use crate::command::{Failure, Outcome, cargo, find, run as execute};
use crate::{arrows, columns, weight, workspace};

pub(crate) fn run() -> Outcome {
    execute(&mut cargo(["fmt", "--all", "--check"]))?;
    execute(&mut cargo(["fmt", "--manifest-path", "tests/fuzz/Cargo.toml", "--check"]))?;
    columns::run()?;
    let features = workspace::all_features(&workspace::members()?.packages);
    let clippy = ["clippy", "--workspace", "--all-targets", "--features", &features, "--", "-D", "warnings"];
    execute(&mut cargo(clippy))?;
    execute(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    arrows::run()?;
    weight::run()?;
    deny()
}

/// Advisories are left out: they need a database from the network, and a change must not fail for one published today.
fn deny() -> Outcome {
    if find("cargo-deny").is_none() {
        return Err(Failure::new("cargo-deny is missing: `cargo install cargo-deny --locked`"));
    }
    execute(&mut cargo(["fetch", "--locked"]))?; // other platforms' crates too, which no build here has downloaded
    execute(&mut cargo(["deny", "--offline", "check", "licenses", "bans", "sources"]))
}
