use crate::{TlsConfig, TlsConfigBuilder, TlsConfigError};
use skybridge_core::{ConnectError, Phase};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

type Made = Result<TlsConfig, Arc<TlsConfigError>>;

/// A configuration that may still have to be made. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Source(Arc<Deferred>);

#[derive(Default)]
struct Deferred {
    made: OnceLock<Made>,
    /// What it is made by; the default one by nothing.
    by: Option<TlsConfigBuilder>,
}

/// The configuration can't be made.
#[derive(Debug)]
struct NoConfig(Arc<TlsConfigError>);

impl Source {
    /// To be made by this builder, without its identity, when it is first needed.
    pub(crate) fn later(by: TlsConfigBuilder) -> Self {
        Self(Arc::new(Deferred { made: OnceLock::new(), by: Some(by) }))
    }

    /// Makes it if there is none yet: that may read the system's roots, once.
    pub(crate) fn get(&self) -> Result<&TlsConfig, ConnectError> {
        let builder = || self.0.by.as_ref().map_or_else(TlsConfig::builder, TlsConfigBuilder::verifying);
        let made = self.0.made.get_or_init(|| builder().build().map_err(Arc::new));
        made.as_ref().map_err(|error| ConnectError::new(Phase::Tls, NoConfig(Arc::clone(error))).fatal())
    }

    /// For the proxies on the way to what this is for: see [`TlsConfig::for_proxies`]. The default one does for both.
    pub(crate) fn for_proxies(&self) -> Self {
        match self.0.made.get() {
            Some(Ok(config)) => config.for_proxies(),
            _ => self.clone(),
        }
    }
}

impl From<TlsConfig> for Source {
    fn from(config: TlsConfig) -> Self {
        Self(Arc::new(Deferred { made: OnceLock::from(Ok(config)), by: None }))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.made.get(), &self.0.by) {
            (Some(Ok(config)), _) => config.fmt(f),
            (Some(Err(error)), _) => error.fmt(f),
            (None, Some(builder)) => builder.fmt(f),
            (None, None) => f.write_str("default"),
        }
    }
}

impl fmt::Display for NoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS can't be configured")
    }
}

impl std::error::Error for NoConfig {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
