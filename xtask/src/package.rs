//! `package`: every crate that is published can be: its package is made, and compiled from what is in it.
//!
//! A package names its dependencies by version alone. So what a published crate is built from is published too, and has
//! a version; and what its tests are built from here has a path alone, which is left out of the package. A version
//! there would be a cycle that can't be published: the test kit is tested with what it tests.

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use crate::command::{Failure, Outcome, cargo, run as execute};
use crate::workspace;

/// What is not for others.
const UNPUBLISHED: [&str; 6] =
    ["skybridge-counting", "skybridge-examples", "skybridge-meter", "skybridge-soak", "skybridge-tests", "xtask"];

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

fn objections(members: &Metadata) -> Vec<String> {
    let packages = members.workspace_packages();
    packages.iter().flat_map(|package| objections_to(package)).collect()
}

fn objections_to(package: &Package) -> Vec<String> {
    let is_published = package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
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
    fn this_workspace_can_be_published() {
        assert_eq!(objections(&workspace::members().unwrap()), Vec::<String>::new());
    }
}
