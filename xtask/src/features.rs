//! `features`: each package by itself, so that none lives on a feature that another one switched on.

use cargo_metadata::Package;

use crate::command::{Outcome, cargo, run as execute};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    workspace::members()?.packages.iter().try_for_each(alone)
}

fn alone(package: &Package) -> Outcome {
    let name = package.name.as_str();
    execute(&mut cargo(["check", "-p", name]))?;
    if package.features.is_empty() {
        return Ok(());
    }
    execute(&mut cargo(["check", "-p", name, "--no-default-features"]))?;
    execute(&mut cargo(["check", "-p", name, "--all-features"]))
}
