use skybridge_core::Origin;
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

/// A [`ProxySelector`](crate::ProxySelector) or [`RouteConfig::proxies`](crate::RouteConfig::proxies) named no chain of
/// proxies at all. A direct connection would be an empty chain in the list.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NothingSelected {
    /// What was to be reached.
    pub origin: Box<Origin>,
}

impl fmt::Display for NothingSelected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the list of proxies names no way to {}, not even a direct one", self.origin)
    }
}

impl std::error::Error for NothingSelected {}
