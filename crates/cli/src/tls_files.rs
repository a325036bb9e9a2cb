//! Files with certificates, keys and lists, and what is said of one that can't be read.

use crate::{exit::Exit, start_error::StartError};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The files of a folder that contain certificates, or can't be read; others are skipped.
pub(crate) fn folder_of_pems(folder: &Path) -> io::Result<Vec<(PathBuf, io::Result<Vec<u8>>)>> {
    let mut pems = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let pem = match fs::metadata(&path) {
            // A folder, or a pipe, which would have to be waited for.
            Ok(file) if !file.is_file() => continue,
            Ok(_) => fs::read(&path),
            Err(error) => Err(error),
        };
        if pem.as_ref().is_ok_and(|pem| !is_certificate(pem)) {
            continue;
        }
        pems.push((path, pem));
    }
    pems.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(pems)
}

pub(crate) fn read(flag: &str, path: &Path, exit: Exit) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| unreadable(flag, path, &error, exit))
}

/// A certificate or key of ours. curl's `-E FILE:PASSWORD` comes here as one name, so what follows a colon is not shown
/// unless there is such a file.
pub(crate) fn read_ours(flag: &str, path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| match path.to_string_lossy().split_once(':') {
        Some((file, _)) => StartError(
            Exit::IDENTITY,
            format!(
                "({}) {flag} {file}:(not shown): {error}; a password is not read; nearest: a key without one",
                Exit::IDENTITY
            ),
        ),
        None => unreadable(flag, path, &error, Exit::IDENTITY),
    })
}

/// Whether a file begins as certificates, keys and lists do in DER: a sequence, whose length is in one byte or two.
pub(crate) fn is_der(path: &Path) -> bool {
    fs::read(path).is_ok_and(|file| matches!(file[..], [0x30, 0x81 | 0x82, ..]))
}

/// Whether there is a certificate in it.
pub(crate) fn is_certificate(pem: &[u8]) -> bool {
    String::from_utf8_lossy(pem).contains("-----BEGIN CERTIFICATE-----")
}

pub(crate) fn unreadable(flag: &str, path: &Path, error: impl fmt::Display, exit: Exit) -> StartError {
    StartError(exit, format!("({exit}) {flag} {}: {error}", path.display()))
}
