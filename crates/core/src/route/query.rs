use crate::{Ctx, Endpoint, ServiceBinding};
use std::{sync::Arc, time::Duration};

/// Which address families to ask for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Families {
    /// IPv6 and IPv4.
    #[default]
    Both,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Families {
    /// Whether this endpoint is of them. Unix sockets are of any.
    pub fn have(self, endpoint: &Endpoint) -> bool {
        match (self, endpoint.inet()) {
            (Self::V4, Some(addr)) => addr.is_ipv4(),
            (Self::V6, Some(addr)) => addr.is_ipv6(),
            _ => true,
        }
    }
}

/// A question to a resolver: which addresses does a host have?
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The host name, without a trailing dot. Never an IP address.
    pub host: Arc<str>,
    /// The port that the endpoints get.
    pub port: u16,
    /// The address families to ask for.
    pub families: Families,
    /// Whether the HTTPS record of the name (RFC 9460) is wanted too, and what it leads to: for `https` origins that
    /// are connected to directly. A resolver that knows no such records answers with addresses alone.
    pub https_record: bool,
    /// The context: the runtime to use, and the observer.
    pub ctx: Ctx,
}

impl Query {
    /// A query for the addresses of both families, and for no HTTPS record.
    pub fn new(host: impl Into<Arc<str>>, port: u16, ctx: Ctx) -> Self {
        Self { host: host.into(), port, families: Families::Both, https_record: false, ctx }
    }
}

/// A part of what a resolver found. Several may follow each other: A records before AAAA records, cached ones before
/// fresh ones.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The endpoints, in the order in which they should be tried.
    pub endpoints: Vec<Endpoint>,
    /// What an HTTPS record says of them all; `None` where none does, as of the addresses of the name itself. Those
    /// should come too, as what is left when the others fail (RFC 9460, section 3).
    pub service: Option<Arc<ServiceBinding>>,
    /// How long it may be cached; `None` when that isn't known, as with the system's resolver.
    pub ttl: Option<Duration>,
    /// Whether the endpoints only stand in for those of the same `service` that are still looked up, as a record's
    /// address hints do. They are not kept, and tried last once the others of their family are known.
    pub early: bool,
    /// Whether the endpoints were given for the name on this side, in place of what a resolver would find.
    pub overridden: bool,
    /// Whether this is the last answer of the stream.
    pub last: bool,
    /// Whether the lookup has not begun: it waits for others to end, such as for a free thread. The answer after it,
    /// which may have no endpoints either, says that it has begun. This wait is not counted as resolving, but as
    /// [`Phase::LookupQueue`](crate::Phase::LookupQueue).
    pub queued: bool,
}

impl Answer {
    /// The only answer to a query.
    pub fn only(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self { endpoints: endpoints.into_iter().collect(), last: true, ..Self::default() }
    }

    /// The first answer to a query whose lookup waits to begin.
    pub fn queued() -> Self {
        Self { queued: true, ..Self::default() }
    }
}
