//! `arrows`: which package depends on which, and which file imports from which. The packages are a star: they meet in
//! the nouns of `core` alone. Within a package no two files import each other.

mod cycles;
mod downcasts;
mod graph;
mod imports;
mod rules;
mod source;

use crate::command::{self, Failure, Outcome};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let members = graph::read(&workspace::members()?);
    for member in &members {
        println!("{member}");
    }
    let crates = command::root().join("crates");
    let mut broken = rules::broken(&members);
    broken.extend(downcasts::outside_the_borders(&crates)?);
    broken.extend(cycles::found(&crates, rules::WITHOUT_CYCLES)?);
    if broken.is_empty() {
        println!("every arrow is agreed");
        return Ok(());
    }
    Err(Failure::new(format!("not as agreed:\n  {}", broken.join("\n  "))))
}
