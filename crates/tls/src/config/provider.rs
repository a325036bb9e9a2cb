use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The provider that was set, or the process's default, or the one this crate was built with.
pub(crate) fn choose(given: Option<Arc<CryptoProvider>>) -> Option<Arc<CryptoProvider>> {
    given.or_else(|| CryptoProvider::get_default().cloned()).or_else(built_in)
}

/// The hybrid of X25519 and ML-KEM comes first, so that its key share is sent at once. That affects our configurations
/// alone: rustls' feature `prefer-post-quantum` would do it for every user of rustls in the same binary.
#[cfg(feature = "aws-lc-rs")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups.sort_by_key(|group| group.name() != rustls::NamedGroup::X25519MLKEM768);
    Some(Arc::new(provider))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}

/// Draws a random byte, so that what gathers entropy does so now, and not within the first handshake. A source that
/// fails says so there, where it matters.
pub(crate) fn start(provider: &CryptoProvider) {
    let _ = provider.secure_random.fill(&mut [0]);
}
