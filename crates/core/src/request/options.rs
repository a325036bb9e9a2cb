use crate::{
    CallId, ConnectOptions, EchMode, Egress, Endpoint, HttpVersions, IntoProxyChain, Observe, OriginError, Partition,
    Timeouts,
};
use std::{fmt, sync::Arc, time::Duration};

/// The options of one request, carried in its `extensions`. They override those of the client.
///
/// ```
/// use skybridge_core::{Partition, HttpVersions, RequestOptions};
///
/// let mut request = http::Request::get("http://a.test/").body(())?;
/// let options = RequestOptions::new().http_versions(HttpVersions::Http1).partition(Partition::new("tenant 7"));
/// request.extensions_mut().insert(options);
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RequestOptions {
    /// What is asked of the connection.
    pub connect_options: ConnectOptions,
    /// An observer of this request, in place of the client's, and of the connections that are opened for it: see
    /// [`Observe`]. Default: `None`.
    pub observer: Option<Arc<dyn Observe>>,
    /// Time limits that take precedence over the client's and the layers' own.
    pub timeouts: Timeouts,
    /// How long the call may take at most, whatever [`timeouts`](Self::timeouts) and the client allow: see
    /// [`call_within`](Self::call_within). Default: `None`.
    pub call_within: Option<Duration>,
    /// The call that this request belongs to.
    pub call_id: Option<CallId>,
}

impl RequestOptions {
    /// No options: everything as the client is configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// The version of HTTP to speak.
    pub fn http_versions(mut self, http_versions: HttpVersions) -> Self {
        self.connect_options.http_versions = http_versions;
        self
    }

    /// Shares connections only within this partition.
    pub fn partition(mut self, partition: Partition) -> Self {
        self.connect_options.partition = Some(partition);
        self
    }

    /// Goes through these proxies, in this order; directly when the list is empty.
    pub fn proxies(mut self, proxies: impl IntoProxyChain) -> Self {
        self.connect_options.proxies = Some(proxies.into_chain());
        self
    }

    /// Dials these endpoints instead of resolving the origin's host.
    pub fn dial(mut self, endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        self.connect_options.dial = Some(endpoints.into().into());
        self
    }

    /// Connects to this host and port in place of the origin's: see [`ConnectOptions::connect_to`].
    ///
    /// # Errors
    /// When the host is not valid, or the port is 0.
    pub fn connect_to(mut self, host: &str, port: u16) -> Result<Self, OriginError> {
        self.connect_options = self.connect_options.connect_to(host, port)?;
        Ok(self)
    }

    /// The name for SNI and the verification of the certificate, in place of the origin's.
    pub fn server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.connect_options.server_name = Some(name.into());
        self
    }

    /// Which addresses the connection may go to, besides that the client's policy must allow them too: see
    /// [`Egress::and`]. Requests with other policies share no connections.
    pub fn egress(mut self, egress: Egress) -> Self {
        self.connect_options.egress = egress;
        self
    }

    /// Whether TLS hides the origin's name (RFC 9849).
    pub fn ech(mut self, mode: EchMode) -> Self {
        self.connect_options.ech = Some(mode);
        self
    }

    /// The observer of this request, in place of the client's.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Time limits that take precedence over the layers' own.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How long the call may take at most, to the end of its response's body. Unlike
    /// [`Timeouts::call`](crate::Timeouts::call) it takes no precedence over the client's limit: the shorter one
    /// counts. For a limit that the request has from elsewhere, such as gRPC's `grpc-timeout`.
    pub fn call_within(mut self, limit: Duration) -> Self {
        self.call_within = Some(limit);
        self
    }

    /// The call that this request belongs to, so that events of several requests (redirects, retries) have one number.
    pub fn call(mut self, call: CallId) -> Self {
        self.call_id = Some(call);
        self
    }
}

impl fmt::Debug for RequestOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestOptions")
            .field("connect_options", &self.connect_options)
            .field("observed", &self.observer.is_some())
            .field("timeouts", &self.timeouts)
            .field("call_within", &self.call_within)
            .finish_non_exhaustive()
    }
}
