use crate::proxy_target::ProxyTarget;
use http::{
    HeaderMap, HeaderValue, StatusCode, Version,
    header::{HOST, PROXY_AUTHORIZATION},
};
use skybridge_core::{AttemptId, Ctx, EventKind, Proxy, ProxyStep, SocksStep};

/// The proxy that a tunnel is asked of, and who is told what is said. Unobserved, nothing is made for that.
#[derive(Clone, Copy)]
pub(crate) struct Hop<'a> {
    proxy: &'a Proxy,
    ctx: &'a Ctx,
    attempt: AttemptId,
}

impl<'a> Hop<'a> {
    pub(crate) fn new(proxy: &'a Proxy, ctx: &'a Ctx, attempt: AttemptId) -> Self {
        Self { proxy, ctx, attempt }
    }

    pub(crate) fn proxy(&self) -> &'a Proxy {
        self.proxy
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.ctx.is_observed()
    }

    /// A request for a tunnel is sent now. Over HTTP/2 there is no `host` but the authority.
    pub(crate) fn requested(
        &self,
        authority: &HeaderValue,
        fields: &HeaderMap,
        credentials: Option<&HeaderValue>,
        version: Version,
    ) {
        if !self.is_observed() {
            return;
        }
        let mut headers = HeaderMap::new();
        if version != Version::HTTP_2 {
            headers.insert(HOST, authority.clone());
        }
        headers.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers.extend(credentials.map(|value| (PROXY_AUTHORIZATION, value.clone())));
        let target = authority.to_str().unwrap_or_default();
        self.emit(ProxyStep::Request { target, version, headers: &headers });
    }

    /// The head of the answer is here.
    pub(crate) fn answered(&self, status: StatusCode, version: Version, headers: &HeaderMap, head: Option<&[u8]>) {
        self.emit(ProxyStep::Response { status, version, headers, head });
    }

    pub(crate) fn socks(&self, step: SocksStep<'_>) {
        self.emit(ProxyStep::Socks(step));
    }

    pub(crate) fn socks_asked(&self, target: &ProxyTarget) {
        if self.is_observed() {
            self.socks(SocksStep::Asked { target: &target.to_string() });
        }
    }

    fn emit(&self, step: ProxyStep<'_>) {
        self.ctx.emit(Some(self.attempt), None, EventKind::ProxyStep(self.proxy, step));
    }
}
