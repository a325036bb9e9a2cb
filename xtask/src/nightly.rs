//! `nightly`: what takes too long for every change.

use crate::command::Outcome;
use crate::{features, model, msrv};

pub(crate) fn run() -> Outcome {
    features::run()?;
    msrv::run()?;
    model::run()
}
