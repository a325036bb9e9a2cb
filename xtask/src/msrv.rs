//! `msrv`: the workspace on the oldest Rust it promises.
//!
//! With that toolchain at hand it is compiled; without, clippy looks for younger parts of the standard library. The
//! crates in `Cargo.lock` are compared with the promise either way.

use std::process::Command;

use cargo_metadata::Metadata;
use cargo_metadata::semver::Version;

use crate::command::{Failure, Outcome, cargo, find, output, root, run as execute};
use crate::workspace;

pub(crate) fn run() -> Outcome {
    let locked = workspace::locked()?;
    let promise = promise(&locked)?;
    let younger = younger(&locked, &promise);
    if !younger.is_empty() {
        return Err(Failure::new(format!("locked crates that need more than Rust {promise}: {}", younger.join(", "))));
    }
    match toolchain(&promise)? {
        Some(name) => {
            execute(Command::new("rustup").current_dir(root()).args(["run", &name, "cargo", "check", "--workspace"]))
        }
        None => {
            println!("Rust {promise} isn't installed: clippy's incompatible_msrv stands in for it");
            execute(&mut cargo(["clippy", "--workspace", "--", "-D", "clippy::incompatible_msrv"]))
        }
    }
}

/// The `rust-version` of the workspace.
fn promise(metadata: &Metadata) -> Outcome<Version> {
    metadata
        .workspace_packages()
        .iter()
        .find_map(|package| package.rust_version.clone())
        .ok_or_else(|| Failure::new("no package of the workspace has a rust-version"))
}

fn younger(metadata: &Metadata, promise: &Version) -> Vec<String> {
    let too_young = |needed: &Option<Version>| needed.as_ref().is_some_and(|needed| needed > promise);
    let packages = metadata.packages.iter().filter(|package| too_young(&package.rust_version));
    packages.map(|package| format!("{} {}", package.name, package.version)).collect()
}

/// The installed toolchain of that minor version, as rustup calls it.
fn toolchain(promise: &Version) -> Outcome<Option<String>> {
    if find("rustup").is_none() {
        return Ok(None);
    }
    let prefix = format!("{}.{}", promise.major, promise.minor);
    let list = output(Command::new("rustup").args(["toolchain", "list"]))?;
    Ok(pick(&list, &prefix).map(str::to_owned))
}

fn pick<'a>(list: &'a str, prefix: &str) -> Option<&'a str> {
    let is_it = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['-', '.']));
    list.lines().filter_map(|line| line.split_whitespace().next()).find(|name| is_it(name))
}

#[cfg(test)]
mod tests {
    use super::pick;

    #[test]
    fn a_toolchain_is_picked_by_its_minor_version() {
        let list = "stable-x86_64-unknown-linux-gnu (active, default)\n1.8.0-x86_64\n1.88.1-x86_64-unknown-linux-gnu\n";
        assert_eq!(pick(list, "1.88"), Some("1.88.1-x86_64-unknown-linux-gnu"));
        assert_eq!(pick("stable\n1.89-x86_64\n", "1.88"), None);
        assert_eq!(pick("", "1.88"), None);
    }
}
