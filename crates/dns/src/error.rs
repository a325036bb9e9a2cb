use skybridge_core::{ConnectError, Overloaded, Phase};
use std::{fmt, io, sync::Arc};

/// Why a name has no addresses. Cheap to clone: everyone who waits for one lookup gets the same error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name does not exist.
    NotFound {
        /// The name.
        host: Arc<str>,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// The name exists, but has no address of the families that were asked for.
    NoAddresses {
        /// The name.
        host: Arc<str>,
    },
    /// The name could not be looked up.
    Io {
        /// The name.
        host: Arc<str>,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// Too many lookups are waiting already.
    Overloaded {
        /// The name.
        host: Arc<str>,
        /// How many lookups may wait.
        source: Overloaded,
    },
    /// The lookup was abandoned, because the runtime that should have run it has ended.
    Cancelled {
        /// The name.
        host: Arc<str>,
    },
}

impl ResolveError {
    /// Distinguishes a name that does not exist from a lookup that failed.
    pub(crate) fn from_io(host: &Arc<str>, error: io::Error) -> Self {
        let (host, source) = (Arc::clone(host), Arc::new(error));
        if is_not_found(&source) { Self::NotFound { host, source } } else { Self::Io { host, source } }
    }

    /// The name that was asked for.
    pub fn host(&self) -> &str {
        match self {
            Self::NotFound { host, .. }
            | Self::NoAddresses { host }
            | Self::Io { host, .. }
            | Self::Overloaded { host, .. }
            | Self::Cancelled { host } => host,
        }
    }
}

/// The standard library keeps the message of `getaddrinfo`'s error but not its code, except on Windows. The messages
/// are those of glibc, musl, the BSDs and macOS; any other counts as a failed lookup.
fn is_not_found(error: &io::Error) -> bool {
    const HOST_NOT_FOUND: i32 = 11001;
    let texts = ["service not known", "No address associated", "does not resolve", "no usable address", "or not known"];
    let text = error.to_string();
    error.kind() == io::ErrorKind::NotFound
        || (cfg!(windows) && error.raw_os_error() == Some(HOST_NOT_FOUND))
        || texts.iter().any(|known| text.contains(known))
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { host, .. } => write!(f, "`{host}` was not found"),
            Self::NoAddresses { host } => write!(f, "`{host}` has no addresses"),
            Self::Io { host, .. } => write!(f, "`{host}` could not be looked up"),
            Self::Overloaded { host, .. } => write!(f, "`{host}` was not looked up"),
            Self::Cancelled { host } => write!(f, "the lookup of `{host}` was abandoned"),
        }
    }
}

impl std::error::Error for ResolveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotFound { source, .. } | Self::Io { source, .. } => Some(&**source),
            Self::Overloaded { source, .. } => Some(source),
            Self::NoAddresses { .. } | Self::Cancelled { .. } => None,
        }
    }
}

impl From<ResolveError> for ConnectError {
    fn from(error: ResolveError) -> Self {
        Self::new(Phase::Resolve, error)
    }
}
