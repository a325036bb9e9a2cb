//! Files with certificates, keys and lists, and what is said of one that can't be read.

use crate::{exit::Exit, start_error::StartError};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The files of a folder that contain certificates; others are skipped.
pub(crate) fn folder_of_pems(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut pems = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = fs::read(&path)?;
            if String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE-----") {
                pems.push((path, bytes));
            }
        }
    }
    pems.sort();
    Ok(pems)
}

pub(crate) fn read(path: &Path, exit: Exit) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| unreadable(path, &error, exit))
}

/// A certificate or key of ours. curl's `-E FILE:PASSWORD` comes here as one name, so what follows a colon is not shown
/// unless there is such a file.
pub(crate) fn read_ours(path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| match path.to_string_lossy().split_once(':') {
        Some((file, _)) => StartError(
            Exit::IDENTITY,
            format!(
                "({}) {file}:(not shown): {error}; a password is not read; nearest: a key without one",
                Exit::IDENTITY
            ),
        ),
        None => unreadable(path, &error, Exit::IDENTITY),
    })
}

pub(crate) fn unreadable(path: &Path, error: impl fmt::Display, exit: Exit) -> StartError {
    StartError(exit, format!("({exit}) {}: {error}", path.display()))
}
