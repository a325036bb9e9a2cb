//! The system's roots, where some can't be read. The environment says where they are: each case is a process of its
//! own.
#![cfg(all(unix, feature = "native-roots"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skybridge_testkit::certs::Ca;
use skybridge_tls::{TlsConfig, TlsConfigError};
use std::{
    env, fs,
    path::PathBuf,
    process::{Command, id},
};

/// What the other process is to do; its own environment names the roots.
const TASK: &str = "SKYBRIDGE_SYSTEM_ROOTS";

/// Removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("skybridge-{name}-{}", id()));
        fs::create_dir_all(&folder).unwrap();
        Self(fs::canonicalize(folder).unwrap())
    }

    fn with(self, file: &str, text: &str) -> Self {
        fs::write(self.0.join(file), text).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.0);
    }
}

/// Runs a test of this file with such roots.
fn run(test: &str, variable: &str, roots: &str) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test]).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    let output = child.env(TASK, roots).env(variable, roots).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[test]
fn one_that_cant_be_read_among_many_is_skipped_and_named() {
    if let Ok(folder) = env::var(TASK) {
        let config = TlsConfig::builder().build().unwrap();
        let told: Vec<_> = config.skipped_roots().iter().map(ToString::to_string).collect();
        let expected = [
            format!("a certificate in {folder}/cut.pem can't be read: its END line is missing"),
            format!("a certificate in {folder}/odd.pem can't be used: the certificate is malformed"),
        ];
        let paths: Vec<_> = config.skipped_roots().iter().filter_map(|skipped| skipped.path()).collect();
        assert_eq!(told, expected);
        assert_eq!(paths, [format!("{folder}/cut.pem"), format!("{folder}/odd.pem")].map(PathBuf::from));
        return;
    }
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let folder = Folder::new("roots").with("good.pem", &root.pem()).with("odd.pem", NO_CERTIFICATE);
    let folder = folder.with("cut.pem", &other.pem()[..other.pem().len() / 2]).with("README", "none is here");
    // As in /etc/ssl/certs, where each has a second name.
    std::os::unix::fs::symlink(folder.0.join("cut.pem"), folder.0.join("01234567.0")).unwrap();
    run("one_that_cant_be_read_among_many_is_skipped_and_named", "SSL_CERT_DIR", folder.0.to_str().unwrap());
}

#[test]
fn where_none_can_be_read_the_error_says_which_and_why() {
    if let Ok(file) = env::var(TASK) {
        let error = TlsConfig::builder().build().unwrap_err();
        assert!(matches!(error, TlsConfigError::UnreadableRoots(_)), "{error:?}");
        let told = format!("{error:?}");
        let expected = "there is no root certificate to trust, as the system's can't be read";
        assert!(told.starts_with(&format!("{expected}: {file} can't be read: ")), "{told}");
        return;
    }
    let folder = Folder::new("none");
    let file = folder.0.join("none.pem");
    run("where_none_can_be_read_the_error_says_which_and_why", "SSL_CERT_FILE", file.to_str().unwrap());
}

#[test]
fn where_all_can_be_read_none_is_skipped() {
    if env::var(TASK).is_ok() {
        assert!(TlsConfig::builder().build().unwrap().skipped_roots().is_empty());
        return;
    }
    let folder = Folder::new("good").with("good.pem", &Ca::new("root").pem());
    run("where_all_can_be_read_none_is_skipped", "SSL_CERT_DIR", folder.0.to_str().unwrap());
}
