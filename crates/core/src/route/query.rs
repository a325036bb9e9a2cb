use crate::{Ctx, Endpoint};
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

/// What is asked of a resolver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The name, without a trailing dot, never an address.
    pub host: Arc<str>,
    /// The port that the endpoints get, unless an HTTPS record says otherwise.
    pub port: u16,
    /// Which families.
    pub families: Families,
    /// Whether the HTTPS record (RFC 9460) is wanted too.
    pub https_record: bool,
    /// For whom, and the runtime to wait on.
    pub ctx: Ctx,
}

impl Query {
    /// Asks for the addresses of both families, and no HTTPS record.
    pub fn new(host: impl Into<Arc<str>>, port: u16, ctx: Ctx) -> Self {
        Self { host: host.into(), port, families: Families::Both, https_record: false, ctx }
    }
}

/// One batch of what a resolver found. Several may come: A before AAAA, a cached one before a fresh one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// In the order in which they should be tried.
    pub endpoints: Vec<Endpoint>,
    /// How long it may be remembered; unknown to the system's resolver.
    pub ttl: Option<Duration>,
    /// The ECHConfigList of the HTTPS record (RFC 9849).
    pub ech: Option<Arc<[u8]>>,
    /// The ALPN ids of the HTTPS record.
    pub alpn: Vec<Box<[u8]>>,
    /// No other follows.
    pub last: bool,
}

impl Answer {
    /// The only answer.
    pub fn only(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self { endpoints: endpoints.into_iter().collect(), last: true, ..Self::default() }
    }
}
