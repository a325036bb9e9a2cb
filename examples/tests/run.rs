//! The examples that need nothing run to their end, and those that the README names are among them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{env, process::Command};

/// Those that have servers of their own.
const ALONE: [&str; 9] = [
    "any_connector",
    "axum_handler",
    "axum_proxy",
    "balanced",
    "custom_layer",
    "grpc",
    "hyper_connector",
    "pinned_proxied",
    "service_builder",
];

/// `cargo test` builds the examples of a package before its tests, unless it is asked for one target alone.
#[test]
fn each_example_runs() {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    for name in ALONE {
        let example = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
        let output = Command::new(&example).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", example.display()));
        assert!(output.status.success() && !output.stdout.is_empty(), "{name}: {output:?}");
    }
}

#[test]
fn each_example_of_the_readme_is_one_that_runs() {
    let readme = include_str!("../../README.md");
    let names: Vec<_> =
        readme.split("--example ").skip(1).map(|rest| rest.split(['`', ' ', ';', '\n']).next()).collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        assert!(name.is_some_and(|name| ALONE.contains(&name)), "{name:?}");
    }
    let table = readme.split("## At home in").nth(1).and_then(|rest| rest.split("\n\n").nth(1)).unwrap();
    for row in table.lines().skip(2) {
        assert!(row.contains("cargo run --example "), "leads to nothing that runs: {row}");
    }
}
