//! `ci`: what a change must pass beside the tests. `.ci/run` runs those first, as the README says it.

use crate::command::Outcome;
use crate::{allocs, check, instr, interop};

pub(crate) fn run() -> Outcome {
    check::run()?; // with the arrows
    allocs::run()?;
    instr::run()?;
    interop::run()
}
