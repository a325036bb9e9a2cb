//! What FIPS 140-3 approves, as far as those say who do the cryptography.

use crate::TlsConfigError;
use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, SupportedKxGroup},
};

/// Whether all that a configuration is made of is approved.
///
/// # Errors
/// What isn't: the first thing.
pub(super) fn check(client: &ClientConfig) -> Result<(), TlsConfigError> {
    match unapproved(client.crypto_provider()) {
        Some(what) => Err(refused(what)),
        // Whatever else rustls asks for.
        None if !client.fips() => Err(refused("what the provider has beyond its parts")),
        None => Ok(()),
    }
}

pub(super) fn refused(what: impl Into<Box<str>>) -> TlsConfigError {
    TlsConfigError::NotFips { what: what.into() }
}

fn unapproved(provider: &CryptoProvider) -> Option<String> {
    let CryptoProvider { cipher_suites, kx_groups, signature_verification_algorithms, secure_random, key_provider } =
        provider;
    if let Some(suite) = cipher_suites.iter().find(|suite| !suite.fips()) {
        return Some(format!("the cipher suite {}", suite.suite().as_str().unwrap_or("of the provider")));
    }
    if let Some(group) = kx_groups.iter().find(|group| !group.fips()) {
        return Some(format!("the key exchange {}", name(*group)));
    }
    let others = [
        (signature_verification_algorithms.fips(), "how the provider verifies signatures"),
        (secure_random.fips(), "where the provider's random bytes are from"),
        (key_provider.fips(), "how the provider signs"),
    ];
    others.into_iter().find(|(is_approved, _)| !is_approved).map(|(_, what)| what.to_owned())
}

fn name(group: &dyn SupportedKxGroup) -> &'static str {
    group.name().as_str().unwrap_or("of the provider")
}
