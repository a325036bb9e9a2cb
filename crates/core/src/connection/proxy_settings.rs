use crate::{CertificateScope, StatusListener, TlsInfo};
use std::{
    fmt,
    sync::{Arc, Weak},
};

/// The settings of TLS with the proxies that a connection goes through, where these [can be
/// replaced](CertificateScope::generation). Of a connection without such proxies it takes no memory but its own.
#[derive(Clone, Default)]
pub struct ProxySettings(Option<Arc<Vec<Arc<dyn CertificateScope>>>>);

impl ProxySettings {
    /// It goes through a proxy too, with which TLS is spoken like this.
    pub fn add(&mut self, tls: &TlsInfo) {
        if tls.generation().is_some() {
            Arc::make_mut(self.0.get_or_insert_default()).push(Arc::clone(&tls.covers));
        }
    }

    pub(super) fn all(&self) -> &[Arc<dyn CertificateScope>] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether none of them was replaced.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.0.is_none() || self.all().iter().all(|settings| settings.is_current())
    }

    /// Has a connection told when one of them is replaced: see [`CertificateScope::subscribe`].
    pub fn subscribe(&self, listener: &Weak<dyn StatusListener>) {
        self.all().iter().for_each(|settings| settings.subscribe(Weak::clone(listener)));
    }
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().iter().map(|settings| settings.generation())).finish()
    }
}
