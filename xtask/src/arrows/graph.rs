//! A package and its arrows: what it is built from, dev-dependencies left out.

use std::fmt;

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

/// A package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) arrows: Vec<Arrow>,
}

/// A dependency it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) to: String,
    /// The features it asks for, always or by a feature of its own; `default` among them unless switched off.
    pub(crate) features: Vec<String>,
    /// Whether it is a package of this workspace.
    pub(crate) ours: bool,
}

pub(crate) fn read(metadata: &Metadata) -> Vec<Room> {
    let mut star: Vec<Room> = metadata.workspace_packages().into_iter().map(room).collect();
    star.sort_by(|a, b| a.name.cmp(&b.name));
    star
}

fn room(package: &Package) -> Room {
    let built_from = |dependency: &&Dependency| dependency.kind != DependencyKind::Development;
    let dependencies = package.dependencies.iter().filter(built_from);
    let mut arrows: Vec<Arrow> = dependencies.map(|dependency| arrow(package, dependency)).collect();
    arrows.sort_by(|a, b| (!a.ours, &a.to).cmp(&(!b.ours, &b.to)));
    Room { name: package.name.to_string(), arrows }
}

fn arrow(package: &Package, dependency: &Dependency) -> Arrow {
    let default = dependency.uses_default_features.then(|| "default".to_owned());
    let always = dependency.features.iter().cloned();
    Arrow {
        to: dependency.name.clone(),
        features: default.into_iter().chain(always).chain(by_feature(package, dependency)).collect(),
        ours: dependency.path.is_some(),
    }
}

/// What the package's own features ask of a dependency: `name/feature`, or `name?/feature`.
fn by_feature(package: &Package, dependency: &Dependency) -> Vec<String> {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    let asked = package.features.values().flatten().filter_map(|asked| asked.split_once('/'));
    let mut features: Vec<_> =
        asked.filter(|(to, _)| to.trim_end_matches('?') == name).map(|(_, feature)| feature.to_owned()).collect();
    features.sort();
    features.dedup();
    features
}

// === impl Room ===

impl fmt::Display for Room {
    /// `skybridge-h1 -> core | hyper[client http1] bytes ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = self.arrows.iter().filter(|arrow| arrow.ours).map(ToString::to_string);
        let foreign = self.arrows.iter().filter(|arrow| !arrow.ours).map(ToString::to_string);
        write!(f, "{:<20} -> {}", self.name, ours.collect::<Vec<_>>().join(" "))?;
        write!(f, " | {}", foreign.collect::<Vec<_>>().join(" "))
    }
}

// === impl Arrow ===

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features: Vec<&str> = self.features.iter().map(String::as_str).filter(|name| *name != "default").collect();
        f.write_str(self.to.strip_prefix("skybridge-").unwrap_or(&self.to))?;
        if features.is_empty() { Ok(()) } else { write!(f, "[{}]", features.join(" ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn this_workspace_is_read_with_its_features_and_without_dev_dependencies() {
        let metadata = workspace::members().unwrap();
        let star = read(&metadata);
        let room = |name: &str| star.iter().find(|room| room.name == name).unwrap();
        let tokio = room("skybridge-runtime").arrows.iter().find(|arrow| arrow.to == "tokio").unwrap();
        assert_eq!((tokio.ours, tokio.features.as_slice()), (false, ["rt".to_owned(), "time".to_owned()].as_slice()));
        let core = &room("skybridge-runtime").arrows[0];
        assert_eq!((core.ours, core.to.as_str()), (true, "skybridge-core"));
        let rustls = room("skybridge-tls").arrows.iter().find(|arrow| arrow.to == "rustls").unwrap();
        assert_eq!(rustls.features, ["std", "tls12", "aws_lc_rs", "ring"]);
        for verb in ["skybridge-pool", "skybridge-retry", "skybridge-route"] {
            assert!(room(verb).arrows.iter().all(|arrow| arrow.to != "skybridge-testkit"), "{verb}");
        }
    }
}
