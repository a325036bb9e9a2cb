//! The Rust files below a folder, and their text.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome};

/// All files below it whose name ends in `.rs`, in the order of their names.
pub(crate) fn sources(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        if entry.is_dir() {
            files.extend(sources(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    Ok(files)
}

/// What is in a folder, in the order of the names.
pub(crate) fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = || format!("cannot list {}", folder.display());
    let read = fs::read_dir(folder).map_err(Failure::during(failed()))?;
    let mut paths = read
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::during(failed()))?;
    paths.sort();
    Ok(paths)
}

/// The text of a file.
pub(crate) fn read(file: &Path) -> Outcome<String> {
    fs::read_to_string(file).map_err(Failure::during(format!("cannot read {}", file.display())))
}
