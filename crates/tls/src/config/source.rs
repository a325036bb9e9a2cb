use crate::{TlsConfig, TlsConfigError};
use skybridge_core::{ConnectError, Phase};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

type Made = Result<TlsConfig, Arc<TlsConfigError>>;

/// A configuration that may still have to be made. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Source(Arc<OnceLock<Made>>);

/// The default configuration can't be made.
#[derive(Debug)]
struct NoConfig(Arc<TlsConfigError>);

impl Source {
    /// Makes the default one if there is none yet: that reads the system's roots, once.
    pub(crate) fn get(&self) -> Result<&TlsConfig, ConnectError> {
        let made = self.0.get_or_init(|| TlsConfig::builder().build().map_err(Arc::new));
        made.as_ref().map_err(|error| ConnectError::new(Phase::Tls, NoConfig(Arc::clone(error))).fatal())
    }
}

impl From<TlsConfig> for Source {
    fn from(config: TlsConfig) -> Self {
        Self(Arc::new(OnceLock::from(Ok(config))))
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            Some(Ok(config)) => config.fmt(f),
            Some(Err(error)) => error.fmt(f),
            None => f.write_str("default"),
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
