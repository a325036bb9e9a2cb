//! How many crates a client with its default features is built from: no more than the HTTP client that people know, so
//! that nobody waits longer for a build because of ours.

use std::collections::BTreeSet;

use crate::command::{Failure, Outcome, cargo, output};

/// As many as reqwest 0.12 with `rustls-tls` alone, by the same `cargo tree`. 0.13 with `rustls` and `http2` has 87.
const MOST: usize = 84;

pub(crate) fn run() -> Outcome {
    let tree = output(&mut cargo(["tree", "-p", "skybridge", "-e", "normal", "--prefix", "none", "--format", "{p}"]))?;
    let crates = crates(&tree);
    if crates.len() <= MOST {
        println!("skybridge is built from {} crates, itself among them; {MOST} may be", crates.len());
        return Ok(());
    }
    let names = crates.iter().copied().collect::<Vec<_>>().join("\n  ");
    Err(Failure::new(format!("skybridge is built from {} crates, of {MOST} that may be:\n  {names}", crates.len())))
}

/// Name and version of each in a tree, one package a line. The rest of a line says where it is, or that it was there.
fn crates(tree: &str) -> BTreeSet<&str> {
    tree.lines().map(|line| line.split(" (").next().unwrap_or(line).trim()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::crates;

    #[test]
    fn a_crate_counts_once_and_its_versions_apart() {
        let tree = "a v1.0.0 (/a)\nb v1.0.0 (proc-macro)\nb v1.0.0 (proc-macro) (*)\nb v2.0.0\n\na v1.0.0 (/a) (*)\n";
        assert_eq!(crates(tree).into_iter().collect::<Vec<_>>(), ["a v1.0.0", "b v1.0.0", "b v2.0.0"]);
    }
}
