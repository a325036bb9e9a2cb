//! The workspace as cargo sees it.

use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::command::{self, Failure, Outcome};

/// The workspace's packages, without the crates they are built from.
pub(crate) fn members() -> Outcome<Metadata> {
    println!("$ cargo metadata --no-deps");
    quietly()
}

/// The same, and nothing is printed.
pub(crate) fn quietly() -> Outcome<Metadata> {
    read(MetadataCommand::new().no_deps())
}

/// The workspace's packages and everything in `Cargo.lock`.
pub(crate) fn locked() -> Outcome<Metadata> {
    println!("$ cargo metadata");
    read(&mut MetadataCommand::new())
}

/// The feature that takes cmake, Go and minutes to build. It has a verb of its own, and is never among all features.
pub(crate) const FIPS: &str = "fips";

/// All features of a package, as cargo's `--features` has them, but the default and the one that is built apart.
pub(crate) fn features(package: &Package) -> Vec<&str> {
    package.features.keys().map(String::as_str).filter(|name| !["default", FIPS].contains(name)).collect()
}

/// The same of several packages, in the place of `--all-features`.
pub(crate) fn all_features<'a>(packages: impl IntoIterator<Item = &'a Package>) -> String {
    let of = |package: &'a Package| features(package).into_iter().map(|name| format!("{}/{name}", package.name));
    packages.into_iter().flat_map(of).collect::<Vec<_>>().join(",")
}

/// Whether it is for others: its manifest doesn't say `publish = false`.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

fn read(command: &mut MetadataCommand) -> Outcome<Metadata> {
    command.current_dir(command::root()).exec().map_err(Failure::during("cannot read `cargo metadata`"))
}
