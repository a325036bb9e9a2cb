use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The one that was given; or the process' default; or the one this crate was built with.
pub(crate) fn choose(given: Option<Arc<CryptoProvider>>) -> Option<Arc<CryptoProvider>> {
    given.or_else(|| CryptoProvider::get_default().cloned()).or_else(built_in)
}

#[cfg(feature = "aws-lc-rs")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}
