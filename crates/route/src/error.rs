use std::{fmt, sync::Arc};

/// The resolver's answers ended without a single address.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoAddresses {
    /// The name that was asked for.
    pub host: Arc<str>,
}

impl fmt::Display for NoAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the resolver knows no addresses of `{}`", self.host)
    }
}

impl std::error::Error for NoAddresses {}
