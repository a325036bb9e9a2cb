//! A wrong order of layers is told in our words, where the stack is built.
//!
//! Each program in `ui/` is compiled, by a cargo of its own and offline, in a package of its own below `target/tmp`: it waits for no lock that
//! this test's own cargo may hold. What is asserted is that our sentences occur, not the compiler's around them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The program, and what its author is told.
const WRONG: &[(&str, &[&str])] = &[
    ("pool_over_race", &["does not plan how to reach a `Target`", "a pool belongs directly above a planner"]),
    ("pool_over_negotiate", &["does not plan how to reach a `Target`", "a pool belongs directly above a planner"]),
    ("pool_over_retry", &["does not plan how to reach a `Target`", "a pool belongs directly above a planner"]),
    (
        "route_over_tcp",
        &[
            "does not make a connection of a `Route`",
            "a route layer belongs directly above what makes HTTP connections",
        ],
    ),
    ("route_over_race", &["is not an HTTP connection", "is `NegotiateLayer` missing below it?"]),
    ("negotiate_over_tcp", &["does not connect a `Route`", "this layer belongs directly above a connector"]),
    ("race_over_route", &["does not dial a single `Attempt`", "a race belongs directly above a dialer"]),
    (
        "retry_over_negotiate",
        &["does not carry a `Request<", "a retry layer belongs directly above what carries requests"],
    ),
    (
        "another_error_under_retry",
        &["no request comes back in `String`", "must not turn it into an error of another type"],
    ),
];

/// In all of them.
const ORDER: &str = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer,";

#[test]
fn wrong_orders_are_told_in_our_words() {
    let package = Package::make();
    let (compiles, told) = package.check("right_order");
    assert!(compiles, "{told}");
    let mut missing = String::new();
    for (program, sentences) in WRONG {
        let (compiles, told) = package.check(program);
        if compiles {
            missing += &format!("\n=== {program} compiles");
        }
        let lost: Vec<_> = sentences.iter().chain([&ORDER]).filter(|sentence| !told.contains(**sentence)).collect();
        if !lost.is_empty() {
            missing += &format!("\n=== {program}: {lost:?} not in:\n{told}");
        }
    }
    assert!(missing.is_empty(), "{missing}");
}

/// A package outside of the workspace, with the workspace's lock.
struct Package(PathBuf);

impl Package {
    fn make() -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = tests.parent().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("order");
        fs::create_dir_all(&folder).unwrap();
        let mut manifest = format!(
            "[package]\nname = \"order\"\nedition = \"2024\"\nautobins = false\n\n[workspace]\n\n\
             [dependencies]\nskybridge = {{ path = {:?} }}\ntower = {{ version = \"0.5\", features = [\"timeout\"] }}\n",
            root.join("crates/skybridge")
        );
        for program in WRONG.iter().map(|(program, _)| *program).chain(["right_order"]) {
            let path = tests.join("ui").join(program).with_extension("rs");
            manifest += &format!("\n[[bin]]\nname = {program:?}\npath = {path:?}\n");
        }
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Self(folder)
    }

    /// Whether a program compiles, and what the compiler says.
    fn check(&self, program: &str) -> (bool, String) {
        let output = Command::new(env!("CARGO"))
            .args(["check", "--quiet", "--offline", "--color", "never", "--bin", program])
            .arg("--target-dir")
            .arg(self.0.join("target"))
            .current_dir(&self.0)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
