#![allow(clippy::panic, reason = "a test tool says what it misses by panicking")]

use std::{env, fs, path::PathBuf, thread};

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

/// The lines of nghttpx's log that are about such requests (`$remote_port $status $request`), once there are so many:
/// it logs a tunnel when that is over.
///
/// # Panics
/// If the log can't be read.
pub fn nghttpx_saw(request: &str, least: usize) -> Vec<String> {
    let log = named("SKYBRIDGE_NGHTTPX_LOG");
    loop {
        let lines = fs::read_to_string(&log).unwrap_or_else(|error| panic!("{log}: {error}"));
        let lines: Vec<_> = lines.lines().filter(|line| line.contains(request)).map(str::to_owned).collect();
        if lines.len() >= least {
            return lines;
        }
        thread::yield_now();
    }
}
