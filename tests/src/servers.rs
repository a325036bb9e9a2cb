#![allow(clippy::panic, reason = "a test tool says what it misses by panicking")]

use std::{env, path::PathBuf};

/// What a variable says of the servers that `cargo xtask interop` has started; all are in `xtask/fixtures/README.md`.
///
/// # Panics
/// If it isn't set: a test that is skipped would look like one that passes.
pub fn named(variable: &str) -> String {
    match env::var(variable) {
        Ok(value) => value,
        Err(error) => panic!("{variable}: {error}: run `cargo xtask interop`"),
    }
}

/// A file of the folder with the servers' certificates.
pub fn certificate(name: &str) -> PathBuf {
    PathBuf::from(named("SKYBRIDGE_CERTS")).join(name)
}
