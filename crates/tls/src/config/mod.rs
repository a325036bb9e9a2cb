mod builder;
mod error;
mod key_log;
mod provider;
mod roots;
mod tls_config;

pub(crate) use self::tls_config::LazyConfig;
pub use self::{
    builder::TlsConfigBuilder,
    error::TlsConfigError,
    roots::Roots,
    tls_config::{TlsConfig, TlsVersion},
};
