use crate::{CallId, ConnectOptions, Endpoint, HttpVersions, Observe, Partition, Proxy, Timeouts};
use std::{fmt, sync::Arc};

/// What one request asks of its connection and of those who watch it, carried in its `extensions`. A request without any pays one branch.
///
/// ```
/// use skybridge_core::{Partition, HttpVersions, RequestOptions};
///
/// let mut request = http::Request::get("http://a.test/").body(())?;
/// request.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http1).partition(Partition::new("tenant 7")));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RequestOptions {
    /// What it asks of its connection.
    pub connect_options: ConnectOptions,
    /// An observer of this request, beside the client's.
    pub observer: Option<Arc<dyn Observe>>,
    /// Time limits that go before the client's and the layers' own.
    pub timeouts: Timeouts,
    /// The call that this request belongs to.
    pub call_id: Option<CallId>,
}

impl RequestOptions {
    /// Nothing asked: all as the client is configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which version of HTTP.
    pub fn http_versions(mut self, http_versions: HttpVersions) -> Self {
        self.connect_options.http_versions = http_versions;
        self
    }

    /// Shares connections only within this partition.
    pub fn partition(mut self, partition: Partition) -> Self {
        self.connect_options.partition = Some(partition);
        self
    }

    /// Goes through these proxies; through none when the list is empty.
    pub fn proxies(mut self, proxies: impl Into<Arc<[Proxy]>>) -> Self {
        self.connect_options.proxies = Some(proxies.into());
        self
    }

    /// Dials these endpoints instead of resolving the origin's host.
    pub fn dial(mut self, endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        self.connect_options.dial = Some(endpoints.into());
        self
    }

    /// Sends and verifies this name in place of the origin's.
    pub fn server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.connect_options.server_name = Some(name.into());
        self
    }

    /// Tells this observer of this request, and nobody else.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Time limits that go before the layers' own.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Names the call that this request belongs to, so that several requests (a redirect, a retry) are told as one.
    pub fn call(mut self, call: CallId) -> Self {
        self.call_id = Some(call);
        self
    }
}

impl fmt::Debug for RequestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wish")
            .field("terms", &self.connect_options)
            .field("observed", &self.observer.is_some())
            .field("limits", &self.timeouts)
            .finish_non_exhaustive()
    }
}
