//! `soak`: requests dropped at random points, by the million.

use clap::Args;

use crate::command::{Outcome, cargo, run as execute};

/// What the soak does is decided there; both have defaults.
#[derive(Debug, Default, Args)]
pub(crate) struct Soak {
    /// Which requests and peers; a random one, which is printed, unless given
    #[arg(long)]
    seed: Option<u64>,
    /// How many requests (default: 18,000,000)
    #[arg(long)]
    requests: Option<u64>,
    /// How many GETs of origins that end idle connections (default: 20,000)
    #[arg(long)]
    stale: Option<u64>,
}

pub(crate) fn run(soak: &Soak) -> Outcome {
    let mut command = cargo(["run", "--release", "-p", "skybridge-soak", "--"]);
    for (flag, value) in [("--seed", soak.seed), ("--requests", soak.requests), ("--stale", soak.stale)] {
        if let Some(value) = value {
            command.args([flag, &value.to_string()]);
        }
    }
    execute(&mut command)
}
