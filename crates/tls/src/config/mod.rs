mod builder;
mod certificates;
mod error;
mod fips;
mod first_use;
mod key_log;
pub(crate) mod provider;
mod roots;
#[cfg(feature = "native-roots")]
mod system_roots;
mod tls_config;

pub use self::{
    builder::TlsConfigBuilder,
    error::TlsConfigError,
    roots::Roots,
    tls_config::{TlsConfig, TlsVersion},
};
pub(crate) use self::{
    certificates::certificates,
    tls_config::{LazyConfig, Replaceable},
};
