use skybridge_core::{Advice, ConnectError, Overloaded, Phase};
use std::{fmt, io, sync::Arc};

/// Why a name has no addresses. Cheap to clone: everyone who waits for one lookup gets the same error.
#[derive(Clone)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name does not exist.
    NotFound {
        /// The name.
        host: Arc<str>,
        /// The error of the operating system, or of the server that was asked.
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
        /// The error of the operating system, or of the server that was asked.
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
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { host, source },
            _ => Self::Io { host, source },
        }
    }

    /// Whether it isn't known if there are addresses.
    pub(crate) fn is_failure(&self) -> bool {
        !matches!(self, Self::NotFound { .. } | Self::NoAddresses { .. })
    }

    /// Of the errors of two families the one that says more of the name: that a lookup failed, then that the name
    /// exists. Of equals the first.
    pub(crate) fn weightier(self, other: Self) -> Self {
        let weight = |error: &Self| match error {
            Self::NotFound { .. } => 0,
            Self::NoAddresses { .. } => 1,
            _ => 2,
        };
        if weight(&other) > weight(&self) { other } else { self }
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

impl fmt::Debug for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
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
        let advice = match &error {
            ResolveError::NotFound { .. } => Some(Advice::NoSuchName),
            ResolveError::NoAddresses { .. } => Some(Advice::NoAddresses),
            ResolveError::Overloaded { .. } => Some(Advice::Overloaded),
            _ => None,
        };
        // What is behind it says that once more.
        let reason = matches!(error, ResolveError::NotFound { .. }).then(|| error.to_string());
        let mut failed = Self::new(Phase::Resolve, error);
        if let Some(reason) = reason {
            failed = failed.because(reason);
        }
        match advice {
            Some(advice) => failed.advise(advice),
            None => failed,
        }
    }
}
