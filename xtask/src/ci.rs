//! `ci`: what a change must pass beside the tests. `.ci/run` runs those first, as the README says it.

use crate::command::Outcome;
use crate::{allocs, check, instr, interop, package, public_api, test};

pub(crate) fn run() -> Outcome {
    test::tour()?;
    check::run()?; // with the arrows
    public_api::run()?;
    allocs::run()?;
    instr::run()?;
    interop::run()?;
    // Last, since it removes what is built of the crates.
    package::run(&package::PackageArgs::default())
}
