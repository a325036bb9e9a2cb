//! The workspace as cargo sees it.

use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::command::{self, Failure, Outcome};

/// The workspace's packages, without the crates they are built from.
pub(crate) fn members() -> Outcome<Metadata> {
    println!("$ cargo metadata --no-deps");
    read(MetadataCommand::new().no_deps())
}

/// The workspace's packages and everything in `Cargo.lock`.
pub(crate) fn locked() -> Outcome<Metadata> {
    println!("$ cargo metadata");
    read(&mut MetadataCommand::new())
}

/// Whether it is for others: its manifest doesn't say `publish = false`.
pub(crate) fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

fn read(command: &mut MetadataCommand) -> Outcome<Metadata> {
    command.current_dir(command::root()).exec().map_err(Failure::during("cannot read `cargo metadata`"))
}
