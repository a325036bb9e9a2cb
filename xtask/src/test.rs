//! `test`: every test that needs nothing but cargo.

use crate::command::{Outcome, cargo, run as execute};

pub(crate) fn run() -> Outcome {
    execute(&mut cargo(["test", "--workspace"]))
}
