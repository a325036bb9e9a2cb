//! `allocs`: allocations per request, above what a bare connection needs.

use crate::command::{Outcome, cargo, run as execute};

pub(crate) fn run() -> Outcome {
    execute(&mut cargo(["run", "--release", "-p", "skybridge-meter", "--", "allocs"]))
}
