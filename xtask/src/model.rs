//! `model`: the pool against its model, at length, and every interleaving of what threads share.

use crate::command::{Outcome, cargo, root, run as execute};

/// Random histories of connects, failures, GOAWAYs, limits and cancellations.
const HISTORIES: &str = "100000";

pub(crate) fn run() -> Outcome {
    execute(cargo(["test", "--release", "-p", "skybridge-pool"]).env("SKYBRIDGE_MODEL_CASES", HISTORIES))?;
    loom()
}

/// Every interleaving of the threads of a pool, and of an HTTP/1.1 connection. A target directory of its own: the flag
/// would rebuild everything in the usual one, twice.
fn loom() -> Outcome {
    execute(
        cargo(["test", "--release", "-p", "skybridge-pool", "-p", "skybridge-h1", "--lib"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("CARGO_TARGET_DIR", root().join("target/loom")),
    )
}
