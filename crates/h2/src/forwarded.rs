//! What stands in a request that a proxy forwards (RFC 9110, section 7.6), and in no other.

use http::{
    HeaderMap, HeaderValue, Request,
    header::{Entry, HOST, PROXY_AUTHORIZATION},
};
use skybridge_core::{ConnInfo, ProxyAnswer, ProxyHeaders, RequestError};
use std::mem;

/// What a request says to the proxy.
pub(crate) struct ToProxy {
    /// What [`ProxyAnswer`] has for it.
    credentials: Option<HeaderValue>,
    /// The credentials that the request brings itself, which take their place.
    own: Vec<HeaderValue>,
}

impl ToProxy {
    /// Before the request is saved, which takes its extensions.
    #[cold]
    pub(crate) fn of<B>(request: &Request<B>, info: &ConnInfo) -> Box<Self> {
        Box::new(Self { credentials: ProxyAnswer::credentials(request, info), own: Vec::new() })
    }

    /// What the proxy is shown of its own credentials.
    pub(crate) fn shown(&self) -> Option<&HeaderValue> {
        self.credentials.as_ref()
    }

    /// Before the head is prepared, which strips what is for the next hop alone. The URI alone names the origin, as in
    /// the absolute form (RFC 9112, section 3.2.2): by another `host` the proxy would go where nothing was checked.
    #[cold]
    pub(crate) fn take(&mut self, headers: &mut HeaderMap) {
        headers.remove(HOST);
        if let Entry::Occupied(own) = headers.entry(PROXY_AUTHORIZATION) {
            self.own = own.remove_entry_mult().1.collect();
        }
    }

    /// After that. Returns whether the request brings credentials of its own.
    ///
    /// # Errors
    /// When there are too many fields.
    #[cold]
    pub(crate) fn put(&mut self, headers: &mut HeaderMap, info: &ConnInfo) -> Result<bool, RequestError> {
        if let Some(for_proxy) = ProxyHeaders::of_forwarding(info) {
            for_proxy.add_to(headers, |_| {})?;
        }
        let brings_own = !self.own.is_empty();
        if !brings_own {
            self.own.extend(self.credentials.take());
        }
        for mut value in mem::take(&mut self.own) {
            value.set_sensitive(true);
            let full = |_| RequestError::Header("proxy-authorization".into(), "too many headers");
            headers.try_append(PROXY_AUTHORIZATION, value).map_err(full)?;
        }
        Ok(brings_own)
    }
}
