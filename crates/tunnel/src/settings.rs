use http::{HeaderMap, HeaderValue, header::USER_AGENT};
use skybridge_core::Proxy;
use std::time::Duration;

/// What the layer was told, shared by all connects.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How long each proxy may take.
    pub(crate) limit: Duration,
    /// `user-agent` of CONNECT.
    pub(crate) user_agent: Option<HeaderValue>,
    /// CONNECT says HTTP/1.0.
    pub(crate) http1_0: bool,
}

impl Settings {
    /// The fields of CONNECT, but for `host` and credentials. Of the origin's request none is among them: those are for
    /// the origin alone.
    pub(crate) fn fields(&self, proxy: &Proxy) -> HeaderMap {
        let mut fields = HeaderMap::new();
        // It can't fail: they come from such a map, and `user-agent` is added where they have none.
        let _ = proxy.headers.add_to(&mut fields, |_| {});
        if let Some(user_agent) = &self.user_agent
            && !fields.contains_key(USER_AGENT)
        {
            fields.insert(USER_AGENT, user_agent.clone());
        }
        fields
    }
}
