use crate::TlsVersion;
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// What a spec comes to with a provider: at least one version, with cipher suites and groups for it.
pub(crate) struct Resolved {
    pub(crate) name: Arc<str>,
    /// With the suites and groups of the spec alone.
    pub(crate) provider: Arc<CryptoProvider>,
    /// The latest first.
    pub(crate) versions: Vec<TlsVersion>,
}
