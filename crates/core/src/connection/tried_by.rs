use super::{CertificateScope, ConnInfo, ProxySettings};
use crate::ConnectError;
use std::{fmt, sync::Arc};

/// By which settings of TLS a link was made, so that each error on it [says so](ConnectError::by_settings): whatever
/// fails then may have failed because they were replaced.
#[derive(Clone, Default)]
pub(crate) struct TriedBy {
    proxies: ProxySettings,
    origin: Option<Arc<dyn CertificateScope>>,
}

impl TriedBy {
    pub(crate) fn of(info: &ConnInfo) -> Self {
        Self { proxies: info.proxy_settings.clone(), origin: info.tls.as_ref().map(|tls| Arc::clone(&tls.covers)) }
    }

    pub(crate) fn mark(&self, error: ConnectError) -> ConnectError {
        self.proxies.all().iter().chain(&self.origin).fold(error, ConnectError::by_settings)
    }
}

impl fmt::Debug for TriedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.as_ref().and_then(|origin| origin.generation());
        f.debug_struct("TriedBy").field("proxies", &self.proxies).field("origin", &origin).finish()
    }
}
