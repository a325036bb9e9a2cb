use std::{fmt, sync::Arc};

/// The resolver's answers ended without a single address, or a proxy must be given an address and the target names
/// none.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NoAddresses {
    /// The name that was looked up.
    pub host: Arc<str>,
}

impl fmt::Display for NoAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no addresses were found for `{}`", self.host)
    }
}

impl std::error::Error for NoAddresses {}
