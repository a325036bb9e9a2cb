//! `model`: the pool against its model, at length, every interleaving of what threads share, and new random inputs for
//! the tests of properties.

use crate::command::{Outcome, cargo, root, run as execute};
use std::hash::{BuildHasher as _, RandomState};

/// Random histories of connects, failures, GOAWAYs, limits and cancellations.
const HISTORIES: &str = "100000";

/// Inputs for each property.
const INPUTS: &str = "20000";

pub(crate) fn run() -> Outcome {
    execute(cargo(["test", "--release", "-p", "skybridge-pool"]).env("SKYBRIDGE_MODEL_CASES", HISTORIES))?;
    properties()?;
    loom()
}

/// The tests of properties, which try the same inputs at each change, with inputs of which the seed is printed.
fn properties() -> Outcome {
    let seed = RandomState::new().hash_one("seed").to_string();
    for [package, test] in [["core", "secrets"], ["tests", "secrets"], ["h1-codec", "splits"]] {
        let package = format!("skybridge-{package}");
        execute(
            cargo(["test", "--release", "-p", &package, "--test", test])
                .env("PROPTEST_CASES", INPUTS)
                .env("PROPTEST_RNG_SEED", &seed),
        )?;
    }
    Ok(())
}

/// Every interleaving of the threads of a pool, and of an HTTP/1.1 connection. A target directory of its own: the flag
/// would rebuild everything in the usual one, twice.
pub(crate) fn loom() -> Outcome {
    execute(
        cargo(["test", "--release", "-p", "skybridge-pool", "-p", "skybridge-h1", "--lib"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", root().join("target/loom")),
    )
}
