use crate::{CallId, Endpoint, Hop, Limits, Observe, Partition, Terms, Want};
use std::{fmt, sync::Arc};

/// What one request asks of its connection, carried in its `extensions`. A request without a wish pays one branch.
///
/// ```
/// use skybridge_core::{Partition, Want, Wish};
///
/// let mut request = http::Request::get("http://a.test/").body(())?;
/// request.extensions_mut().insert(Wish::new().want(Want::Http1).partition(Partition::new("tenant 7")));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Wish {
    pub(crate) terms: Terms,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) limits: Limits,
    pub(crate) call: Option<CallId>,
}

impl Wish {
    /// Wishes nothing: all as the client is configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which version of HTTP.
    pub fn want(mut self, want: Want) -> Self {
        self.terms.want = want;
        self
    }

    /// Shares connections only within this partition.
    pub fn partition(mut self, partition: Partition) -> Self {
        self.terms.partition = Some(partition);
        self
    }

    /// Goes through these proxies; through none when the list is empty.
    pub fn proxy(mut self, hops: impl Into<Arc<[Hop]>>) -> Self {
        self.terms.proxy = Some(hops.into());
        self
    }

    /// Dials these endpoints instead of resolving the origin's host.
    pub fn dial(mut self, endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        self.terms.dial = Some(endpoints.into());
        self
    }

    /// Sends and verifies this name in place of the origin's.
    pub fn server_name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.terms.server_name = Some(name.into());
        self
    }

    /// Tells this observer of this request, and nobody else.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Time limits that go before the layers' own.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Names the call that this request belongs to, so that several requests (a redirect, a retry) are told as one.
    pub fn call(mut self, call: CallId) -> Self {
        self.call = Some(call);
        self
    }

    /// What it asks of the connection.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Who watches.
    pub fn observed_by(&self) -> Option<&Arc<dyn Observe>> {
        self.observer.as_ref()
    }

    /// The time limits.
    pub fn time_limits(&self) -> &Limits {
        &self.limits
    }

    /// The call's id, if it was given one.
    pub fn call_id(&self) -> Option<CallId> {
        self.call
    }
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wish")
            .field("terms", &self.terms)
            .field("observed", &self.observer.is_some())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
