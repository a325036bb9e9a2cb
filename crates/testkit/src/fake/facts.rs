use crate::fixtures;
use skybridge_core::{Capacity, ConnInfo, Endpoint, Protocol, Route};
use std::{fmt, sync::Arc};

type Amend = Box<dyn FnOnce(&mut ConnInfo) + Send>;

/// The facts of a fake connection: its protocol, its capacity, and any other of its [`ConnInfo`].
pub struct Facts {
    pub(super) protocol: Protocol,
    pub(super) capacity: Capacity,
    pub(super) drains: bool,
    pub(super) stays: bool,
    endpoint: Option<Endpoint>,
    amend: Vec<Amend>,
}

// === impl Facts ===

impl Facts {
    /// An exclusive connection.
    pub fn h1() -> Self {
        Self::new(Protocol::Http1, Capacity::Streams(1))
    }

    /// A shared connection with a capacity of this many streams.
    pub fn h2(streams: u32) -> Self {
        Self::new(Protocol::Http2, Capacity::Streams(streams))
    }

    /// A shared connection whose SETTINGS have not arrived yet.
    pub fn h2_before_settings() -> Self {
        Self::new(Protocol::Http2, Capacity::Unknown)
    }

    /// The endpoint that answered (default: the first of the route).
    pub fn at(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Over TLS, verified, with a certificate for these hosts.
    pub fn covers<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        let tls = fixtures::tls(Some(self.protocol), hosts);
        self.amend(|info| info.tls = Some(tls))
    }

    /// A response that is dropped early leaves an exclusive connection open: as long as the connection is polled, it
    /// reads what is missing, without a limit of its own.
    pub fn drains(mut self) -> Self {
        self.drains = true;
        self
    }

    /// It can't be taken to another origin, though a proxy forwards its requests.
    pub fn stays(mut self) -> Self {
        self.stays = true;
        self
    }

    /// Changes any other fact, after those above.
    pub fn amend(mut self, amend: impl FnOnce(&mut ConnInfo) + Send + 'static) -> Self {
        self.amend.push(Box::new(amend));
        self
    }

    fn new(protocol: Protocol, capacity: Capacity) -> Self {
        Self { protocol, capacity, drains: false, stays: false, endpoint: None, amend: Vec::new() }
    }

    pub(super) fn freeze(self, route: &Route) -> Arc<ConnInfo> {
        let first = || route.endpoints.snapshot().into_iter().next();
        let unspecified = || Endpoint::from(([0, 0, 0, 0], 0));
        let endpoint = self.endpoint.or_else(first).unwrap_or_else(unspecified);
        let mut info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint);
        (info.forwarded, info.proxies_passed) = (route.is_forwarded(), route.proxies.len());
        for amend in self.amend {
            amend(&mut info);
        }
        info.freeze(self.protocol)
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("protocol", &self.protocol).field("room", &self.capacity).finish_non_exhaustive()
    }
}
