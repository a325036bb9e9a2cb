//! A `main` that returns an error, and an `unwrap`, print its `Debug`: it must be for people.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use skybridge::{
    ConnectError, Phase, Proxy, TlsConfig, TunnelError,
    types::{Failed, Network, OriginRef, RequestError, TimedOut},
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

fn debug(error: impl fmt::Debug) -> String {
    format!("{error:?}")
}

#[test]
fn what_main_prints_of_an_error_is_a_sentence() {
    let refused = || ConnectError::new(Phase::Tcp, io::Error::from(io::ErrorKind::ConnectionRefused));
    let advice = "\n  what it means: The host is there, and nothing listens at the port.\
        \n  what to do: check the port, and that the server runs";
    let limit = TimedOut { phase: Phase::Tls, limit: Duration::from_secs(10) };
    let method = || RequestError::Method("BREW".into());
    let rows = [
        (debug(refused()), format!("TCP failed: connection refused{advice}")),
        (
            debug(refused().on_route("a.test via http://p.test")),
            "a.test: TCP to the proxy http://p.test failed: connection refused".into(),
        ),
        (debug(limit), "it took longer than 10s".into()),
        (debug(method()), "the method BREW is not supported".into()),
        (debug(Failed::with(method(), "secret")), "the request can't be sent: the method BREW".into()),
        (
            debug(OriginRef::of(&"ftp://a.test".parse().unwrap()).unwrap_err()),
            "unknown scheme `ftp`: only http and https are supported".into(),
        ),
        (debug(Proxy::parse("gopher://p.test").unwrap_err()), "the proxy's scheme `gopher` is not".into()),
        (
            debug("10.0.0.0/99".parse::<Network>().unwrap_err()),
            "`10.0.0.0/99` is no network, such as 10.0.0.0/8".into(),
        ),
        (
            debug(TlsConfig::builder().add_root_pem(b"none").build().unwrap_err()),
            "there is no root certificate in the PEM".into(),
        ),
        (debug(TunnelError::CredentialsRequired), "the proxy requires credentials; give it user and password".into()),
    ];
    for (said, expected) in rows {
        assert!(said.starts_with(&expected) && said.contains(' ') && !said.contains(['{', '"']), "{said}");
    }
}

fn sources(of: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The name of the type that is an error by this line.
fn error_type(line: &str) -> Option<&str> {
    let (head, name) = line.strip_prefix("impl")?.split_once("Error for ")?;
    let is_error = ["", "Std", "std::error::"].contains(&head.rsplit(' ').next()?);
    is_error.then(|| name.split(|c: char| !c.is_alphanumeric()).next()).flatten()
}

#[test]
fn no_public_error_derives_its_debug() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    for entry in fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().path()) {
        // A program and the tests' tools.
        if !["cli", "testkit"].iter().any(|name| entry.ends_with(name)) {
            sources(&entry.join("src"), &mut files);
        }
    }
    let mut errors = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for name in text.lines().filter_map(error_type) {
            let is_declared = |line: &&str| {
                ["pub struct ", "pub enum "]
                    .iter()
                    .filter_map(|kind| line.strip_prefix(kind))
                    .any(|rest| rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
            };
            let mut before = text.lines().take_while(|line| !is_declared(line)).collect::<Vec<_>>();
            if before.len() == text.lines().count() {
                continue;
            }
            errors += 1;
            while let Some(attribute) = before.pop().filter(|line| line.starts_with("#[")) {
                assert!(!attribute.contains("Debug"), "{}: {name}: print it by `OneLine`", file.display());
            }
        }
    }
    assert!(errors > 35, "{errors}");
}
