//! `features`: each package by itself, so that none lives on a feature that another one switched on; each of its
//! features alone, so that none lives on another, and every two, so that none is in another's way. Without default
//! features, no crate is built from AWS-LC, and a client without TLS needs no C compiler.

use cargo_metadata::Package;

use crate::command::{Failure, Outcome, cargo, output, run as execute};
use crate::workspace;

/// What compiles C or assembly.
const NATIVE: [&str; 5] = ["aws-lc-rs", "aws-lc-sys", "cc", "cmake", "ring"];

/// What a client takes one of, or what is about that: pairs of them say nothing that each alone doesn't.
const OF_TLS: [&str; 5] = ["aws-lc-rs", "ring", "native-roots", "webpki-roots", "platform-verifier"];

/// The providers of cryptography that TLS may be built with: none, each, and both.
const PROVIDERS: [&str; 4] = ["", "aws-lc-rs", "ring", "aws-lc-rs,ring"];

/// Whose tree may have it: packages of the workspace's own tools and tests.
const MAY_HAVE_AWS_LC: [&str; 6] =
    ["skybridge-bare", "skybridge-examples", "skybridge-meter", "skybridge-soak", "skybridge-tests", "xtask"];

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Features {
    /// Print all features of all packages, as `--features` takes them, but `fips`; check nothing
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(options: &Features) -> Outcome {
    if options.list {
        println!("{}", workspace::all_features(&workspace::quietly()?.packages));
        return Ok(());
    }
    let members = workspace::members()?;
    members.packages.iter().try_for_each(lean)?;
    shipped("skybridge-cli")?;
    members.packages.iter().try_for_each(alone)?;
    PROVIDERS.into_iter().try_for_each(|providers| {
        let mut lean = cargo(["test", "-p", "skybridge-tls", "--no-default-features", "--lib"]);
        execute(lean.args(["--features", providers, "provider"]))
    })?;
    execute(&mut cargo(["test", "-p", "skybridge", "--no-default-features", "--test", "no_tls"]))
}

fn alone(package: &Package) -> Outcome {
    let name = package.name.as_str();
    execute(&mut cargo(["check", "-p", name]))?;
    if package.features.is_empty() {
        return Ok(());
    }
    execute(&mut cargo(["check", "-p", name, "--no-default-features"]))?;
    let features = workspace::features(package);
    for features in features.iter().map(|feature| (*feature).to_owned()).chain(pairs(&features)) {
        execute(&mut cargo(["check", "-p", name, "--no-default-features", "--features", &features]))?;
    }
    execute(&mut cargo(["check", "-p", name, "--features", &workspace::all_features([package])]))
}

/// Every two of some features, of which there are more: two are all of them.
fn pairs(features: &[&str]) -> Vec<String> {
    let features: Vec<_> = features.iter().filter(|feature| !OF_TLS.contains(feature)).collect();
    if features.len() < 3 {
        return vec![];
    }
    let pairs = features.iter().enumerate().flat_map(|(at, one)| features[at + 1..].iter().map(move |two| (one, two)));
    pairs.map(|(one, two)| format!("{one},{two}")).collect()
}

/// What a package without default features is built from, on any platform.
fn lean(package: &Package) -> Outcome {
    let name = package.name.as_str();
    if MAY_HAVE_AWS_LC.contains(&name) {
        return Ok(());
    }
    let mut tree = cargo(["tree", "-p", name, "--no-default-features", "-e", "normal,build", "--target", "all"]);
    let tree = output(tree.args(["--prefix", "none", "--format", "{p}"]))?;
    let native = native(&tree);
    if native.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{name} without default features is built from {}", native.join(", "))))
}

/// The program, as it is installed, has none of the test kit's servers in it.
fn shipped(name: &str) -> Outcome {
    let tree = output(&mut cargo(["tree", "-p", name, "-e", "normal", "--prefix", "none", "--format", "{p}"]))?;
    if names(&tree).any(|name| name == "skybridge-testkit") {
        return Err(Failure::new(format!("{name} with its default features is built from skybridge-testkit")));
    }
    Ok(())
}

/// Those in a tree, one package a line.
fn native(tree: &str) -> Vec<&'static str> {
    NATIVE.into_iter().filter(|native| names(tree).any(|name| name == *native)).collect()
}

fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| line.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::{native, pairs};

    #[test]
    fn what_compiles_c_is_found_in_a_tree() {
        let tree = "skybridge v0.1.0 (/a)\nrustls v0.23.35\naws-lc-rs v1.15.1\naws-lc-sys v0.34.0\ncc v1.2.48\n";
        assert_eq!(native(tree), ["aws-lc-rs", "aws-lc-sys", "cc"]);
        assert!(native("skybridge v0.1.0\nrustls v0.23.35\n").is_empty());
    }

    #[test]
    fn every_two_of_more_than_two_features_are_checked_together() {
        assert_eq!(pairs(&["a", "ring", "b", "c"]), ["a,b", "a,c", "b,c"]);
        assert!(pairs(&["a", "b", "ring"]).is_empty());
    }
}
