//! `ci`: what a change must pass beside the tests. `.ci/run` runs those first, as the README says it.

use crate::command::Outcome;
use crate::{allocs, check, instr, interop, model, package, public_api, test};

pub(crate) fn run() -> Outcome {
    test::tour()?;
    check::run()?; // with the arrows
    public_api::run()?;
    model::loom()?;
    allocs::run()?;
    instr::run()?;
    interop::run()?;
    // Last, since it removes what is built of the crates.
    package::run(&package::PackageArgs::default())
}
