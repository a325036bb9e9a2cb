//! A folder for the servers' files, removed at the end.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, process};

use crate::command::{Failure, Outcome};

/// How much of a body it takes to fill more than one window of HTTP/2.
const LARGE: usize = 300_000;

/// Below the system's temporary folder; others may walk through it, for nginx's workers drop root's rights.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

// === impl Scratch ===

impl Scratch {
    pub(crate) fn new() -> Outcome<Self> {
        let path = env::temp_dir().join(format!("skybridge-interop-{}", process::id()));
        make(&path)?;
        Ok(Self(path))
    }

    /// A server's own folder, with something to serve in `www`.
    pub(crate) fn folder(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.0.join(name);
        make(&folder)?;
        make(&folder.join("www"))?;
        write(&folder.join("www/index.html"), format!("{name}\n").as_bytes())?;
        write(&folder.join("www/large"), &vec![b'x'; LARGE])?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: cannot remove {}: {cause}", self.0.display());
        }
    }
}

fn make(folder: &Path) -> Outcome {
    fs::create_dir(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o755)))
        .map_err(Failure::during(format!("cannot make {}", folder.display())))
}

/// Writes a file that every user may read.
pub(crate) fn write(file: &Path, content: &[u8]) -> Outcome {
    fs::write(file, content)
        .and_then(|()| fs::set_permissions(file, Permissions::from_mode(0o644)))
        .map_err(Failure::during(format!("cannot write {}", file.display())))
}
