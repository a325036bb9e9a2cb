use crate::words;
use rustls::pki_types::pem;
use skybridge_core::BoxError;
use std::{
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
};

/// A part of the system's roots that can't be used, so that nobody is trusted for it:
/// [`TlsConfig::skipped_roots`](crate::TlsConfig::skipped_roots). Its `Display` says why.
pub struct SkippedRoot {
    path: Option<PathBuf>,
    why: Why,
}

#[cfg_attr(not(feature = "native-roots"), expect(dead_code, reason = "the system's roots aren't read"))]
enum Why {
    /// The file or folder can't be read.
    Io(io::Error),
    /// What is in the file is no PEM.
    Pem(pem::Error),
    /// A certificate in the file is malformed.
    Unusable(webpki::Error),
    /// The system didn't give them.
    System(BoxError),
}

impl SkippedRoot {
    /// The file that it is in, or the folder that can't be read. `None` where the system keeps its roots elsewhere.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

#[cfg(feature = "native-roots")]
impl SkippedRoot {
    pub(crate) fn io(path: PathBuf, source: io::Error) -> Self {
        Self { path: Some(path), why: Why::Io(source) }
    }

    pub(crate) fn pem(path: Option<PathBuf>, source: pem::Error) -> Self {
        Self { path, why: Why::Pem(source) }
    }

    pub(crate) fn unusable(path: Option<PathBuf>, source: webpki::Error) -> Self {
        Self { path, why: Why::Unusable(source) }
    }

    pub(crate) fn system(source: BoxError) -> Self {
        Self { path: None, why: Why::System(source) }
    }
}

impl fmt::Display for SkippedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, &self.why) {
            (Some(path), Why::Io(_)) => return write!(f, "{} can't be read", path.display()),
            (None, Why::Io(_) | Why::System(_)) => return f.write_str("the system's roots can't be read"),
            (Some(path), _) => write!(f, "a certificate in {} ", path.display())?,
            (None, _) => f.write_str("a certificate among the system's roots ")?,
        }
        match &self.why {
            Why::Pem(source) => write!(f, "can't be read: {}", words::of_pem(source)),
            Why::Unusable(source) => write!(f, "can't be used: {}", words::of_webpki(source)),
            Why::Io(_) | Why::System(_) => f.write_str("can't be read"),
        }
    }
}

impl fmt::Debug for SkippedRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for SkippedRoot {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.why {
            Why::Io(source) => Some(source),
            Why::System(source) => Some(&**source),
            // Their words are this level's.
            Why::Pem(_) | Why::Unusable(_) => None,
        }
    }
}
