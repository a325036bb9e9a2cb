//! `public-api`: which foreign crates the public signatures name. Those below 1.0 break whoever names them whenever
//! they make a new version, so each stands in a table here, with the reason.
//!
//! Read from rustdoc's JSON. On a stable Rust rustdoc writes that only when told that it may (`RUSTC_BOOTSTRAP`). Told
//! to cargo, that would compile everything again; so cargo is given this program as its rustdoc, which tells rustdoc
//! alone.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use cargo_metadata::semver::Version;
use cargo_metadata::{Metadata, Package, TargetKind};
use serde_json::Value;

use crate::command::{Failure, Outcome, cargo, run as execute};
use crate::workspace;

/// Crates below 1.0 that public signatures name, who names them, and why that is worth it.
const AGREED: [Agreed; 10] = [
    agreed(
        "futures-core",
        &["skybridge-core", "skybridge-dns", "skybridge-route", "skybridge-testkit"],
        "`Stream`, which the standard library has no word for: a resolver's answers. 0.3 since 2019",
    ),
    agreed("h2", &["skybridge-h2"], "an error of a connection is h2's own, for those who look at its reason"),
    agreed(
        "http-body-util",
        &["skybridge", "skybridge-inspect", "skybridge-testkit"],
        "`Full` and `Empty`, which most requests are made of, become a `RequestBody` without a box; a page is a `Full`",
    ),
    agreed("hyper-util", &["skybridge-hyper"], "its `Connection` is what that crate is for"),
    agreed(
        "rustls",
        &["skybridge-testkit", "skybridge-tls"],
        "a provider of cryptography is given as rustls' own, and its errors are told as they are; re-exported",
    ),
    agreed("rustls-webpki", &["skybridge-tls"], "why a root certificate can't be read, in a non-exhaustive error"),
    agreed("tonic", &["skybridge-tonic"], "its `Body` and `Status` are what that crate is for"),
    agreed("tower", &["skybridge"], "re-exported, so that a stack is written with the version it is made with"),
    agreed(
        "tower-layer",
        &[
            "skybridge",
            "skybridge-balance",
            "skybridge-core",
            "skybridge-dns",
            "skybridge-hyper",
            "skybridge-negotiate",
            "skybridge-pool",
            "skybridge-retry",
            "skybridge-route",
            "skybridge-tcp",
            "skybridge-tls",
            "skybridge-tonic",
            "skybridge-tunnel",
        ],
        "`Layer`, the contract of every crate here. 0.3 since 2019",
    ),
    agreed(
        "tower-service",
        &[
            "skybridge",
            "skybridge-balance",
            "skybridge-core",
            "skybridge-dns",
            "skybridge-hyper",
            "skybridge-inspect",
            "skybridge-negotiate",
            "skybridge-pool",
            "skybridge-retry",
            "skybridge-reverse-proxy",
            "skybridge-route",
            "skybridge-tcp",
            "skybridge-testkit",
            "skybridge-tls",
            "skybridge-tonic",
            "skybridge-tunnel",
        ],
        "`Service`, the contract of every crate here. 0.3 since 2019",
    ),
];

struct Agreed {
    krate: &'static str,
    named_by: &'static [&'static str],
    reason: &'static str,
}

const fn agreed(krate: &'static str, named_by: &'static [&'static str], reason: &'static str) -> Agreed {
    Agreed { krate, named_by, reason }
}

/// Names this program to itself as cargo's rustdoc.
const AS_RUSTDOC: &str = "SKYBRIDGE_XTASK_AS_RUSTDOC";

/// Where cargo runs this as its rustdoc: runs the real one.
pub(crate) fn as_rustdoc() -> Option<ExitCode> {
    let rustdoc = env::var_os(AS_RUSTDOC)?;
    let status = Command::new(rustdoc).args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    Some(if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn run() -> Outcome {
    let locked = workspace::locked()?;
    let mut named = BTreeMap::new();
    for package in locked.workspace_packages().into_iter().filter(is_published_library) {
        named.insert(package.name.to_string(), below_one(&locked, foreign(&document(&locked, package)?)));
    }
    for (package, crates) in named.iter().filter(|(_, crates)| !crates.is_empty()) {
        println!("{package}: {}", crates.iter().cloned().collect::<Vec<_>>().join(" "));
    }
    let wrong = objections(&named, &AGREED);
    if wrong.is_empty() {
        AGREED.iter().for_each(|agreed| println!("{}: {}", agreed.krate, agreed.reason));
        return Ok(());
    }
    Err(Failure::new(format!("public signatures are not as agreed:\n  {}", wrong.join("\n  "))))
}

fn is_published_library(package: &&Package) -> bool {
    let is_library = package.targets.iter().any(|target| target.kind.contains(&TargetKind::Lib));
    is_library && workspace::is_published(package)
}

/// What rustdoc says of a package's public items, with all its features.
fn document(metadata: &Metadata, package: &Package) -> Outcome<Value> {
    let this = env::current_exe().map_err(Failure::during("cannot tell where this program is"))?;
    let name = package.name.as_str();
    let features = workspace::all_features([package]);
    let mut rustdoc = cargo(["rustdoc", "-q", "-p", name, "--lib", "--features", &features, "--"]);
    rustdoc.args(["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"]);
    let real = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    execute(rustdoc.env("RUSTDOC", this).env(AS_RUSTDOC, real))?;
    read(&metadata.target_directory.as_std_path().join("doc").join(format!("{}.json", name.replace('-', "_"))))
}

fn read(file: &Path) -> Outcome<Value> {
    let failed = || format!("cannot read {}", file.display());
    let text = fs::read(file).map_err(Failure::during(failed()))?;
    serde_json::from_slice(&text).map_err(Failure::during(failed()))
}

/// The foreign crates that public items of a documented crate name, as they are named in code.
fn foreign(documented: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let items = documented["index"].as_object().into_iter().flat_map(|index| index.values());
    for item in items.filter(|item| item["crate_id"] == 0) {
        // What everything implements is nobody's promise.
        let given = &item["inner"]["impl"];
        if given["is_synthetic"] == true || !given["blanket_impl"].is_null() {
            continue;
        }
        collect(&item["inner"], documented, &mut found);
    }
    found
}

fn collect(value: &Value, documented: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, documented, found)),
        Value::Object(fields) => {
            // A path to a type or a trait, and a re-export.
            let is_path = fields.contains_key("path") || fields.contains_key("source");
            if let (true, Some(id)) = (is_path, fields.get("id").and_then(Value::as_u64)) {
                found.extend(crate_of(id, documented));
            }
            fields.values().for_each(|value| collect(value, documented, found));
        }
        _ => {}
    }
}

fn crate_of(id: u64, documented: &Value) -> Option<String> {
    let from = documented["paths"][id.to_string()]["crate_id"].as_u64().filter(|from| *from != 0)?;
    documented["external_crates"][from.to_string()]["name"].as_str().map(str::to_owned)
}

/// Those of them that are not of the workspace, and below 1.0, as they are called in a manifest.
fn below_one(locked: &Metadata, crates: BTreeSet<String>) -> BTreeSet<String> {
    let first = Version::new(1, 0, 0);
    let young = |package: &&Package| package.version < first && package.source.is_some();
    let names = locked.packages.iter().filter(young);
    let lib = |package: &Package| {
        let lib = package.targets.iter().find(|target| target.kind.contains(&TargetKind::Lib));
        lib.map(|target| target.name.replace('-', "_"))
    };
    names.filter(|package| lib(package).is_some_and(|lib| crates.contains(&lib))).map(|p| p.name.to_string()).collect()
}

/// One sentence for each crate that is named without a reason, and for each reason that nobody needs.
fn objections(named: &BTreeMap<String, BTreeSet<String>>, agreed: &[Agreed]) -> Vec<String> {
    let reason = |package: &str, krate: &str| {
        agreed.iter().any(|agreed| agreed.krate == krate && agreed.named_by.contains(&package))
    };
    let pairs = named.iter().flat_map(|(package, crates)| crates.iter().map(move |krate| (package, krate)));
    let unjustified = pairs
        .filter(|(package, krate)| !reason(package, krate))
        .map(|(package, krate)| format!("{package} names {krate}, which is below 1.0, without a reason"));
    let listed = agreed.iter().flat_map(|agreed| agreed.named_by.iter().map(move |package| (*package, agreed.krate)));
    let unneeded = listed
        .filter(|(package, krate)| !named.get(*package).is_some_and(|crates| crates.contains(*krate)))
        .map(|(package, krate)| format!("{package} doesn't name {krate}, and has a reason to"));
    unjustified.chain(unneeded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_signature_or_a_re_export_names_is_found_and_blanket_impls_are_not() {
        let path = |id: u64| json!({ "resolved_path": { "path": "X", "id": id, "args": null } });
        let documented = json!({
            "index": {
                "1": { "crate_id": 0, "inner": { "function": { "sig": { "inputs": [["self", path(10)]] } } } },
                "2": { "crate_id": 0, "inner": { "use": { "source": "b", "name": "b", "id": 11, "is_glob": false } } },
                "3": { "crate_id": 0, "inner": { "impl": {
                    "is_synthetic": false, "blanket_impl": path(1), "trait": { "path": "C", "id": 12 } } } },
                "4": { "crate_id": 0, "inner": { "impl": {
                    "is_synthetic": false, "blanket_impl": null, "trait": { "path": "D", "id": 13 } } } },
                "5": { "crate_id": 4, "inner": { "function": { "output": path(12) } } },
            },
            "paths": {
                "10": { "crate_id": 1 }, "11": { "crate_id": 2 }, "12": { "crate_id": 3 }, "13": { "crate_id": 4 }
            },
            "external_crates": {
                "1": { "name": "a" }, "2": { "name": "b" }, "3": { "name": "c" }, "4": { "name": "d" }
            },
        });
        assert_eq!(foreign(&documented), ["a", "b", "d"].map(str::to_owned).into());
    }

    #[test]
    fn a_name_needs_a_reason_and_a_reason_a_name() {
        let named = BTreeMap::from([("ours".to_owned(), BTreeSet::from(["theirs".to_owned()]))]);
        assert!(objections(&named, &[agreed("theirs", &["ours"], "it is good")]).is_empty());
        assert_eq!(objections(&named, &[]).len(), 1);
        assert_eq!(objections(&named, &[agreed("theirs", &["ours", "another"], "it is good")]).len(), 1);
        assert_eq!(objections(&BTreeMap::new(), &[agreed("theirs", &["ours"], "it is good")]).len(), 1);
    }
}
