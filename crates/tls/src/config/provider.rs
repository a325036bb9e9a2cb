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
    #[cfg(feature = "fips")]
    let mut provider = rustls::crypto::default_fips_provider();
    #[cfg(not(feature = "fips"))]
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

/// Each for the features that it is built with: `cargo xtask features` runs them.
#[cfg(test)]
mod tests {
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    #[test]
    fn without_a_provider_the_error_says_how_to_get_one() {
        use crate::{Roots, TlsConfig, TlsConfigError};
        assert!(super::choose(None).is_none());
        let error = TlsConfig::builder().roots(Roots::Given(Vec::new())).build().unwrap_err();
        assert!(matches!(error, TlsConfigError::NoProvider), "{error:?}");
        let said =
            "no cryptography provider: set one, install a process default, or enable feature `aws-lc-rs` or `ring`";
        assert_eq!(error.to_string(), said);
    }

    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    #[test]
    fn ring_has_no_hybrid_and_takes_no_keys_of_encrypted_client_hello() {
        use crate::{ConnectionSpec, SpecError, TlsConfig, TlsConfigError, ech::GivenKeys};
        let provider = super::choose(None).unwrap();
        assert_eq!(provider.kx_groups[0].name(), rustls::NamedGroup::X25519);
        let specs = [ConnectionSpec::new("own").post_quantum(true)];
        let root = skybridge_testkit::certs::Ca::new("root");
        let builder = || TlsConfig::builder().roots(crate::Roots::Given(vec![root.der()]));
        let error = builder().specs(specs).build().unwrap_err();
        assert!(matches!(error, TlsConfigError::Spec { source: SpecError::NoGroup, .. }), "{error:?}");
        assert!(builder().build().is_ok());
        // A list that is right otherwise.
        let keys = skybridge_testkit::ech::EchKeys::new("public.test").list();
        let refused = GivenKeys::default().add(None, &keys);
        assert!(matches!(refused, Err(TlsConfigError::Ech(_))), "{refused:?}");
    }

    #[cfg(feature = "aws-lc-rs")]
    #[test]
    fn aws_lc_rs_goes_before_ring_and_prefers_post_quantum_key_exchange() {
        let provider = super::built_in().unwrap();
        assert_eq!(provider.kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
    }
}
