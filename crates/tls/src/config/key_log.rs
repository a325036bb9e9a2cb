use rustls::KeyLog;
use skybridge_core::sync::Mutex;
use std::{
    fmt::{self, Write as _},
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the secrets of connections go.
#[derive(Clone)]
pub(crate) enum KeyLogTo {
    /// To be opened when the configuration is built.
    Path(PathBuf),
    Open(Arc<KeyLogFile>),
}

/// A file in the format of `SSLKEYLOGFILE` (RFC 9850). Its lock is held while a line is written.
pub(crate) struct KeyLogFile(Mutex<File>);

impl KeyLogTo {
    /// Opens it, unless it is open.
    pub(crate) fn open(self) -> Result<Arc<KeyLogFile>, (PathBuf, io::Error)> {
        match self {
            Self::Path(path) => match append_to(&path) {
                Ok(file) => Ok(Arc::new(KeyLogFile(Mutex::new(file)))),
                Err(error) => Err((path, error)),
            },
            Self::Open(file) => Ok(file),
        }
    }
}

/// Nobody but its owner can read what is created.
fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl KeyLog for KeyLogFile {
    /// A line in one write, so that those of other processes don't cut into it. What can't be written is lost: it is no
    /// fault of the connection.
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = label.to_owned();
        for bytes in [client_random, secret] {
            line.push(' ');
            for byte in bytes {
                // Writing to a string doesn't fail.
                let _ = write!(line, "{byte:02x}");
            }
        }
        line.push('\n');
        let _ = self.0.lock().write_all(line.as_bytes());
    }
}

impl fmt::Debug for KeyLogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogFile")
    }
}
