//! The system's roots. One that can't be read doesn't make the others worse, and is named.

use crate::{SkippedRoot, anchors::Anchors};
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{ErrorKind, load_certs_from_paths, load_native_certs};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

/// Adds those that can be used to the anchors, and returns the others.
pub(super) fn add_to(anchors: &mut Anchors) -> Vec<SkippedRoot> {
    let loaded = load_native_certs();
    let (mut skipped, mut not_pem, mut unusable) = (Vec::new(), Vec::new(), Vec::new());
    for error in loaded.errors {
        match error.kind {
            ErrorKind::Io { inner, path } => skipped.push(SkippedRoot::io(path, inner)),
            ErrorKind::Pem(source) => not_pem.push(source),
            _ => skipped.push(SkippedRoot::system(error.into())),
        }
    }
    for root in loaded.certs {
        if let Err(source) = anchors.add(&root) {
            unusable.push((root, source));
        }
    }
    if not_pem.is_empty() && unusable.is_empty() {
        return skipped;
    }
    // Of these no more is told than that they are there. It is rare, so that all files may be read again.
    let files = files();
    let pems = |file: &PathBuf| {
        let errors = load_certs_from_paths(Some(file), None).errors;
        errors.into_iter().filter_map(|error| if let ErrorKind::Pem(source) = error.kind { Some(source) } else { None })
    };
    let found: Vec<_> =
        files.iter().flat_map(|file| pems(file).map(|source| SkippedRoot::pem(Some(file.clone()), source))).collect();
    match found.is_empty() {
        true => skipped.extend(not_pem.into_iter().map(|source| SkippedRoot::pem(None, source))),
        false => skipped.extend(found),
    }
    let file_of = |root: &CertificateDer<'_>| {
        files.iter().find(|file| load_certs_from_paths(Some(file), None).certs.contains(root)).cloned()
    };
    skipped.extend(unusable.into_iter().map(|(root, source)| SkippedRoot::unusable(file_of(&root), source)));
    skipped
}

/// Where the system's roots are, each file once, whatever its names are. None on macOS and Windows, unless the
/// environment names them.
fn files() -> BTreeSet<PathBuf> {
    let folders = env::var_os("SSL_CERT_DIR").map(|folders| env::split_paths(&folders).collect::<Vec<_>>());
    let (file, folders) = match (env::var_os("SSL_CERT_FILE"), folders.unwrap_or_default()) {
        (None, folders) if folders.iter().all(|folder| folder.as_os_str().is_empty()) => usual(),
        (file, folders) => (file.map(PathBuf::from), folders),
    };
    let within =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let all = file.into_iter().chain(folders.iter().flat_map(|folder| within(folder)));
    all.filter_map(|path| fs::canonicalize(path).ok()).filter(|path| path.is_file()).collect()
}

#[cfg(all(unix, not(target_os = "macos")))]
fn usual() -> (Option<PathBuf>, Vec<PathBuf>) {
    let found = openssl_probe::probe();
    (found.cert_file, found.cert_dir)
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn usual() -> (Option<PathBuf>, Vec<PathBuf>) {
    (None, Vec::new())
}
