use super::keys::Keys;
use crate::{TlsConfigError, peer::Peer, pins::Pattern};
use rustls::client::EchMode;

/// The keys that were given for hosts, rather than found in HTTPS records.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenKeys {
    by_host: Vec<(Pattern, Keys)>,
    every_host: Option<Keys>,
}

impl GivenKeys {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_host.is_empty() && self.every_host.is_none()
    }

    /// Whether FIPS 140-3 approves of all.
    pub(crate) fn are_fips(&self) -> bool {
        let mut all = self.by_host.iter().map(|(_, keys)| keys).chain(&self.every_host);
        all.all(|keys| EchMode::from(keys.config.clone()).fips())
    }

    /// For the hosts that a pattern matches; for every host without one.
    pub(crate) fn add(&mut self, pattern: Option<&str>, list: &[u8]) -> Result<(), TlsConfigError> {
        let pattern = pattern.map(Pattern::parse).transpose().map_err(TlsConfigError::EchHost)?;
        let keys = Keys::read(list).map_err(TlsConfigError::Ech)?;
        match pattern {
            Some(pattern) => self.by_host.push((pattern, keys)),
            None => self.every_host = Some(keys),
        }
        Ok(())
    }

    /// Those of the name that is verified, of the origin where that is another, or of every host.
    pub(super) fn get(&self, peer: &Peer) -> Option<&Keys> {
        let of = |host: &str| self.by_host.iter().find(|(pattern, _)| pattern.matches(host)).map(|(_, keys)| keys);
        of(&peer.text).or_else(|| of(peer.host.as_deref()?)).or(self.every_host.as_ref())
    }
}
