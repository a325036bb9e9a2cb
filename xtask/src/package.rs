//! `package`: every crate that is published can be: its package is made, and compiled from what is in it.
//!
//! A package names its dependencies by version alone. So what a published crate is built from is published too, and has
//! a version; and what its tests are built from here has a path alone, which is left out of the package. A version
//! there would be a cycle that can't be published: the test kit is tested with what it tests.
//!
//! Cargo takes a published crate of one version to be the same for ever, so it keeps what it unpacked and built of it.
//! Here the version stays and the crate changes: what an earlier run left is removed first, or a crate would be
//! compiled against its dependencies as they once were.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use crate::command::{Failure, Outcome, cargo, run as execute};
use crate::workspace;

/// What is not for others.
const UNPUBLISHED: [&str; 7] = [
    "skybridge-bare",
    "skybridge-counting",
    "skybridge-examples",
    "skybridge-meter",
    "skybridge-soak",
    "skybridge-tests",
    "xtask",
];

#[derive(Debug, Default, clap::Args)]
pub(crate) struct PackageArgs {
    /// Ask the registry too, as publishing does (`cargo publish --dry-run`). Needs the network.
    #[arg(long)]
    publish_dry_run: bool,
}

pub(crate) fn run(args: &PackageArgs) -> Outcome {
    let members = workspace::members()?;
    let wrong = objections(&members);
    if !wrong.is_empty() {
        return Err(Failure::new(format!("can't be published:\n  {}", wrong.join("\n  "))));
    }
    remove_earlier(&members)?;
    // What isn't committed yet is packaged too: this is a check, and nothing leaves the machine.
    if args.publish_dry_run {
        return execute(&mut cargo(["publish", "--workspace", "--dry-run", "--allow-dirty"]));
    }
    let mut package = cargo(["package", "--workspace", "--allow-dirty", "--offline"]);
    for name in UNPUBLISHED {
        package.args(["--exclude", name]);
    }
    execute(&mut package)
}

/// Removes what cargo keeps of an earlier run: what it built of our crates, and what it unpacked of their packages.
fn remove_earlier(members: &Metadata) -> Outcome {
    let packages = members.workspace_packages();
    let published = packages.iter().filter(|package| workspace::is_published(package));
    execute(cargo(["clean"]).args(published.clone().flat_map(|package| ["-p", package.name.as_str()])))?;
    let Some(sources) = unpacked_sources() else { return Ok(()) };
    for package in published {
        remove_unpacked(&sources, &format!("{}-{}", package.name, package.version))
            .map_err(Failure::during(format!("cannot remove an earlier {} in {}", package.name, sources.display())))?;
    }
    Ok(())
}

/// Where cargo unpacks packages, whichever registry they came from.
fn unpacked_sources() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some(home.join("registry/src"))
}

/// Removes a package that was unpacked from a folder: such a registry has no host, so its name begins with the `-`
/// that stands before the hash. What came from a real registry stays.
fn remove_unpacked(sources: &Path, package: &str) -> io::Result<()> {
    let registries = match fs::read_dir(sources) {
        Ok(registries) => registries,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(other) => return Err(other),
    };
    for registry in registries {
        let registry = registry?;
        let unpacked = registry.path().join(package);
        if registry.file_name().to_string_lossy().starts_with('-') && unpacked.is_dir() {
            fs::remove_dir_all(unpacked)?;
        }
    }
    Ok(())
}

fn objections(members: &Metadata) -> Vec<String> {
    let packages = members.workspace_packages();
    packages.iter().flat_map(|package| objections_to(package)).collect()
}

fn objections_to(package: &Package) -> Vec<String> {
    let is_published = workspace::is_published(package);
    let name = package.name.as_str();
    if is_published == UNPUBLISHED.contains(&name) {
        return vec![format!("{name}: `publish = false` is for {} alone", UNPUBLISHED.join(", "))];
    }
    if !is_published {
        return vec![];
    }
    let facts = [
        ("description", package.description.is_some()),
        ("license", package.license.is_some()),
        ("repository", package.repository.is_some()),
        ("rust-version", package.rust_version.is_some()),
    ];
    let missing = facts.iter().filter(|(_, is_there)| !is_there).map(|(fact, _)| format!("{name}: has no {fact}"));
    let dependencies = package.dependencies.iter().filter_map(|dependency| wrong_with(name, dependency));
    missing.chain(dependencies).collect()
}

/// Of a dependency on one of ours.
fn wrong_with(name: &str, dependency: &Dependency) -> Option<String> {
    dependency.path.as_ref()?;
    let (to, has_version) = (&dependency.name, !dependency.req.comparators.is_empty());
    match dependency.kind {
        DependencyKind::Development if has_version => {
            Some(format!("{name}: its dev-dependency {to} has a version; write `{{ path = \"...\" }}` alone"))
        }
        DependencyKind::Development => None,
        _ if UNPUBLISHED.contains(&to.as_str()) => Some(format!("{name}: depends on {to}, which is not published")),
        _ if !has_version => Some(format!("{name}: its dependency {to} has no version")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(kind: &str, to: &str, req: &str) -> Dependency {
        let json = format!(
            r#"{{"name": "{to}", "req": "{req}", "kind": {kind}, "optional": false, "uses_default_features": true,
                "features": [], "target": null, "registry": null, "rename": null, "source": null, "path": "/there"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn ours_have_a_version_where_they_are_published_and_only_there() {
        let wrong = |kind: &str, to: &str, req: &str| wrong_with("a", &dependency(kind, to, req)).is_some();
        assert!(!wrong("null", "skybridge-core", "^0.1.0"));
        assert!(wrong("null", "skybridge-core", "*"));
        assert!(wrong("null", "skybridge-counting", "^0.1.0"));
        assert!(!wrong(r#""dev""#, "skybridge-testkit", "*"));
        assert!(wrong(r#""dev""#, "skybridge-testkit", "^0.1.0"));
    }

    #[test]
    fn only_what_was_unpacked_from_a_folder_is_removed() {
        let sources = env::temp_dir().join(format!("skybridge-xtask-{}-unpacked", std::process::id()));
        let folder = |registry: &str, package: &str| sources.join(registry).join(package);
        let others =
            [folder("index.crates.io-19", "a-0.1.0"), folder("-22", "b-0.1.0"), folder("-22", "a-0.1.0-alpha")];
        let earlier = [folder("-22", "a-0.1.0"), folder("-50", "a-0.1.0")];
        for path in others.iter().chain(&earlier) {
            fs::create_dir_all(path.join("src")).unwrap();
        }
        remove_unpacked(&sources, "a-0.1.0").unwrap();
        assert_eq!(earlier.map(|path| path.exists()), [false, false]);
        assert_eq!(others.map(|path| path.exists()), [true, true, true]);
        fs::remove_dir_all(&sources).unwrap();
        remove_unpacked(&sources, "a-0.1.0").unwrap(); // nothing was ever unpacked
    }

    #[test]
    fn this_workspace_can_be_published() {
        assert_eq!(objections(&workspace::members().unwrap()), Vec::<String>::new());
    }
}
