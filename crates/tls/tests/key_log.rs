//! The file with the secrets of connections.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::EchStatus;
use skybridge_testkit::{certs::Ca, ech::EchKeys, origin::Origin};
use skybridge_tls::{TlsConfig, TlsConfigError};
use std::{env, fs, path::PathBuf, process};
use support::{World, trusting};

/// A path of its own, at which there is nothing.
fn path(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("skybridge-key-log-{}-{name}", process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn labels(path: &PathBuf) -> Vec<String> {
    let lines = fs::read_to_string(path).unwrap();
    let label = |line: &str| {
        let [label, random, secret] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!([random, secret].iter().all(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())), "{line}");
        assert_eq!(random.len(), 64, "{line}");
        label.to_owned()
    };
    lines.lines().map(label).collect()
}

const TLS13: [&str; 5] = [
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
    "EXPORTER_SECRET",
];

#[tokio::test(start_paused = true)]
async fn the_secrets_of_each_handshake_are_appended_in_lines() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let path = path("lines");
    let mut expected = Vec::new();
    for (origin, secrets) in
        [(Origin::h1().tls(&cert), &TLS13[..]), (Origin::h1().tls(&cert).tls12(), &["CLIENT_RANDOM"])]
    {
        let config = trusting(&root).key_log_file(&path).build().unwrap();
        let tls = World::new(origin).exchange(&config, "https://a.test").await;
        assert!(!tls.resumed);
        expected.extend(secrets.iter().map(ToString::to_string));
        let mut found = labels(&path);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    fs::remove_file(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_secrets_of_a_connection_whose_name_is_encrypted_are_written_too() {
    let root = Ca::new("root");
    let keys = EchKeys::new("public.test");
    let path = path("ech");
    let origin = Origin::h1().tls(&root.leaf(["a.test"])).ech(&keys, &root.leaf(["public.test"]));
    let config = trusting(&root).key_log_file(&path).ech_keys("a.test", &keys.list()).build().unwrap();
    let tls = World::new(origin).exchange(&config, "https://a.test").await;
    assert_eq!(tls.ech, EchStatus::Accepted);
    let found = labels(&path);
    assert!(TLS13.iter().all(|label| found.iter().any(|found| found == label)), "{found:?}");
    fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_of_the_configuration() {
    let path = path("nowhere").join("file");
    let error = TlsConfig::builder().insecure().key_log_file(&path).build().unwrap_err();
    assert!(matches!(&error, TlsConfigError::KeyLog { path: of, .. } if *of == path), "{error:?}");
    assert!(error.to_string().ends_with("/file can't be opened") && std::error::Error::source(&error).is_some());
}
