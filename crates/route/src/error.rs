use skybridge_core::{Advice, BoxError, ConnectError, Endpoint, Families, Origin, Phase};
use std::{error::Error, fmt, sync::Arc};

/// The resolver's answers ended without a single address, or a proxy must be given an address and the target names
/// none.
#[derive(Clone, Eq, PartialEq)]
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

impl fmt::Debug for NoAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for NoAddresses {}

impl From<NoAddresses> for ConnectError {
    fn from(error: NoAddresses) -> Self {
        Self::new(Phase::Resolve, error).advise(Advice::NoAddresses)
    }
}

/// A [`ProxySelector`](crate::ProxySelector) or [`RouteConfig::proxies`](crate::RouteConfig::proxies) named no chain of
/// proxies at all. A direct connection would be an empty chain in the list.
#[derive(Clone, Eq, PartialEq)]
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

impl fmt::Debug for NothingSelected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for NothingSelected {}

impl From<NothingSelected> for ConnectError {
    /// Fatal: no way may be taken that nobody has named. No name was looked up.
    fn from(error: NothingSelected) -> Self {
        Self::new(Phase::Acquire, error).advise(Advice::ProxySelection).fatal()
    }
}

/// A [`ProxySelector`](crate::ProxySelector) has failed: with this error, unless that was a [`ConnectError`] already.
#[non_exhaustive]
pub struct SelectorFailed {
    /// Its error.
    pub source: BoxError,
}

impl fmt::Display for SelectorFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proxy selector failed")
    }
}

impl fmt::Debug for SelectorFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for SelectorFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl From<SelectorFailed> for ConnectError {
    /// Fatal: no way may be taken that nobody has named. No name was looked up.
    fn from(error: SelectorFailed) -> Self {
        let wrap = |source| Self::new(Phase::Acquire, SelectorFailed { source }).advise(Advice::ProxySelection);
        Self::or_wrap(error.source, wrap).in_phase(Phase::Acquire).fatal()
    }
}

/// What is to be connected to is given as an address, and that is not of the
/// [families](crate::RouteConfig::families) that are connected to. No socket was opened.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct OtherFamily {
    /// The address; of several the first.
    pub endpoint: Endpoint,
    /// The families.
    pub families: Families,
}

impl fmt::Display for OtherFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.families == Families::V4 { "IPv4" } else { "IPv6" };
        write!(f, "{} is no {family} address, and only such are connected to", self.endpoint)
    }
}

impl fmt::Debug for OtherFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for OtherFamily {}
