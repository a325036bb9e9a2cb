//! `arrows`: who depends on whom. A star has no web in it: verbs meet in the nouns of `core` alone.

mod downcasts;
mod graph;
mod rules;

use crate::command::{self, Failure, Outcome};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let star = graph::read(&workspace::members()?);
    for room in &star {
        println!("{room}");
    }
    let mut broken = rules::broken(&star);
    broken.extend(downcasts::outside_the_borders(&command::root().join("crates"))?);
    if broken.is_empty() {
        println!("every arrow is agreed");
        return Ok(());
    }
    Err(Failure::new(format!("not as agreed:\n  {}", broken.join("\n  "))))
}
