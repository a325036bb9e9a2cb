//! `nightly`: what takes too long for every change.

use crate::command::Outcome;
use crate::{features, fuzz, model, msrv, soak};

pub(crate) fn run() -> Outcome {
    features::run(&features::Features::default())?;
    msrv::run()?;
    model::run()?;
    soak::run(&soak::Soak::default())?;
    fuzz::nightly()
}
