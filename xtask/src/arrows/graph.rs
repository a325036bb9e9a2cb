//! A package and its arrows: what it is built from, dev-dependencies left out.

use std::fmt;

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

/// A package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) arrows: Vec<Arrow>,
}

/// A dependency it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) to: String,
    /// The features it asks for, `default` among them unless switched off.
    pub(crate) features: Vec<String>,
    /// Those that only a feature of its own asks for: `tokio/time`.
    pub(crate) by_feature: Vec<String>,
    /// Whether it is there only when a feature of its own asks for it.
    pub(crate) optional: bool,
    /// Whether it is a package of this workspace.
    pub(crate) ours: bool,
}

pub(crate) fn read(metadata: &Metadata) -> Vec<Member> {
    let mut members: Vec<Member> = metadata.workspace_packages().into_iter().map(member).collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

fn member(package: &Package) -> Member {
    let built_from = |dependency: &&Dependency| dependency.kind != DependencyKind::Development;
    let arrow = |dependency| arrow(package, dependency);
    let mut arrows: Vec<Arrow> = package.dependencies.iter().filter(built_from).map(arrow).collect();
    arrows.sort_by(|a, b| (!a.ours, &a.to).cmp(&(!b.ours, &b.to)));
    Member { name: package.name.to_string(), arrows }
}

fn arrow(package: &Package, dependency: &Dependency) -> Arrow {
    let default = dependency.uses_default_features.then(|| "default".to_owned());
    let asked = package.features.values().flatten().filter_map(|asked| asked.split_once('/'));
    let of_this = asked.filter(|(to, _)| to.trim_end_matches('?') == dependency.name);
    Arrow {
        to: dependency.name.clone(),
        features: default.into_iter().chain(dependency.features.iter().cloned()).collect(),
        by_feature: of_this.map(|(_, feature)| feature.to_owned()).collect(),
        optional: dependency.optional,
        ours: dependency.path.is_some(),
    }
}

// === impl Member ===

impl fmt::Display for Member {
    /// `skybridge-h1 -> core | hyper[client http1] bytes ...`; what only a feature asks for has a `?`.
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
        let asked = self.features.iter().filter(|name| *name != "default").cloned();
        let features: Vec<String> = asked.chain(self.by_feature.iter().map(|name| format!("{name}?"))).collect();
        f.write_str(self.to.strip_prefix("skybridge-").unwrap_or(&self.to))?;
        f.write_str(if self.optional { "?" } else { "" })?;
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
        let members = read(&metadata);
        let member = |name: &str| members.iter().find(|member| member.name == name).unwrap();
        let tokio = member("skybridge-runtime").arrows.iter().find(|arrow| arrow.to == "tokio").unwrap();
        assert_eq!((tokio.ours, tokio.features.as_slice()), (false, ["rt".to_owned(), "time".to_owned()].as_slice()));
        let to = |name: &str, to: &str| member(name).arrows.iter().find(|arrow| arrow.to == to).unwrap();
        let tower = to("skybridge-core", "tower");
        let known = ["load-shed".to_owned(), "timeout".to_owned()];
        assert_eq!((tower.optional, tower.features.as_slice()), (true, known.as_slice()));
        assert_eq!(to("skybridge-core", "tokio").by_feature, ["time"]);
        assert!(!tokio.optional && tokio.by_feature.is_empty());
        assert_eq!(to("skybridge-tls", "rustls").by_feature, ["aws_lc_rs", "fips", "ring"]);
        let core = &member("skybridge-runtime").arrows[0];
        assert_eq!((core.ours, core.to.as_str()), (true, "skybridge-core"));
        for verb in ["skybridge-pool", "skybridge-retry", "skybridge-route"] {
            assert!(member(verb).arrows.iter().all(|arrow| arrow.to != "skybridge-testkit"), "{verb}");
        }
    }
}
