use crate::{CallId, Endpoint, Proxy, Timeouts, Observe, Partition, ConnectOptions, HttpVersions};
use std::{fmt, sync::Arc};

/// What one request asks of its connection, carried in its `extensions`. A request without a wish pays one branch.
///
/// ```
/// use skybridge_core::{Partition, HttpVersions, RequestOptions};
///
/// let mut request = http::Request::get("http://a.test/").body(())?;
/// request.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http1).partition(Partition::new("tenant 7")));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct RequestOptions {
    pub(crate) connect_options: ConnectOptions,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) call: Option<CallId>,
}

impl RequestOptions {
    /// Wishes nothing: all as the client is configured.
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
    pub fn proxy(mut self, proxies: impl Into<Arc<[Proxy]>>) -> Self {
        self.connect_options.proxy = Some(proxies.into());
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
        self.call = Some(call);
        self
    }

    /// What it asks of the connection.
    pub fn connect_options(&self) -> &ConnectOptions {
        &self.connect_options
    }

    /// Who watches.
    pub fn observed_by(&self) -> Option<&Arc<dyn Observe>> {
        self.observer.as_ref()
    }

    /// The time limits.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// The call's id, if it was given one.
    pub fn call_id(&self) -> Option<CallId> {
        self.call
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
