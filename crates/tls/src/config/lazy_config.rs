use crate::{TlsConfig, TlsConfigBuilder, TlsConfigError};
use skybridge_core::{ConnectError, Phase};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

type BuildResult = Result<TlsConfig, Arc<TlsConfigError>>;

/// A configuration that is built on first use. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct LazyConfig(Arc<Lazy>);

#[derive(Default)]
struct Lazy {
    result: OnceLock<BuildResult>,
    /// `None` for the default configuration.
    builder: Option<TlsConfigBuilder>,
}

/// The configuration can't be built.
#[derive(Debug)]
struct NoConfig(Arc<TlsConfigError>);

impl LazyConfig {
    /// To be built by this builder, as [`TlsConfigBuilder::verifying`] says, on first use.
    pub(crate) fn new(builder: TlsConfigBuilder) -> Self {
        Self(Arc::new(Lazy { result: OnceLock::new(), builder: Some(builder) }))
    }

    /// Builds it on first use, which may read the system's roots.
    pub(crate) fn get(&self) -> Result<&TlsConfig, ConnectError> {
        let builder = || self.0.builder.as_ref().map_or_else(TlsConfig::builder, TlsConfigBuilder::verifying);
        let result = self.0.result.get_or_init(|| builder().build().map_err(Arc::new));
        result.as_ref().map_err(|error| ConnectError::new(Phase::Tls, NoConfig(Arc::clone(error))).fatal())
    }

    /// The configuration for proxies: see [`TlsConfig::for_proxies`]. The default one serves both.
    pub(crate) fn for_proxies(&self) -> Self {
        match self.0.result.get() {
            Some(Ok(config)) => config.for_proxies(),
            _ => self.clone(),
        }
    }
}

impl From<TlsConfig> for LazyConfig {
    fn from(config: TlsConfig) -> Self {
        Self(Arc::new(Lazy { result: OnceLock::from(Ok(config)), builder: None }))
    }
}

impl fmt::Debug for LazyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.result.get(), &self.0.builder) {
            (Some(Ok(config)), _) => config.fmt(f),
            (Some(Err(error)), _) => error.fmt(f),
            (None, Some(builder)) => builder.fmt(f),
            (None, None) => f.write_str("default"),
        }
    }
}

impl fmt::Display for NoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid TLS configuration")
    }
}

impl std::error::Error for NoConfig {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}
