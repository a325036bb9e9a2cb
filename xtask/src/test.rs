//! `test`: every test that needs nothing but cargo.

use crate::command::{Outcome, cargo, run as execute};

pub(crate) fn run() -> Outcome {
    execute(&mut cargo(["test", "--workspace"]))?;
    tour()
}

/// The tour of the command line. Its servers are no part of the shipped program, so they are a feature, and off above.
pub(crate) fn tour() -> Outcome {
    execute(&mut cargo(["test", "-p", "skybridge-cli", "--features", "tour", "tour"]))
}
