use crate::{memory::Memory, opener::Opener, routes::Routes, ways::List};
use skybridge_core::{Above, Families, Hop, Resolver};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Finds an origin by its address, or through proxies.
///
/// Belongs directly above what makes HTTP connections of routes. It asks the resolver for the host of the origin (or of the first proxy),
/// unless that is an address already or the target says what to dial. Addresses that failed lately are tried after the others.
///
/// What it makes is a plan: known addresses, and no socket. So tower's `timeout` or `concurrency_limit` *above* it limit the look-up alone;
/// *below* it, above what makes connections, they limit connects. There each call connects by one way, and a call that fails may be followed by
/// another for the addresses that are left.
#[derive(Clone, Debug)]
pub struct RouteLayer<R> {
    resolver: R,
    settings: Settings,
    ways: List,
    postponed_for: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) families: Families,
    pub(crate) max_addresses: usize,
    pub(crate) max_attempts: usize,
}

/// About as many addresses as fit in an answer over UDP, and more than anybody needs.
const MOST_ADDRESSES: usize = 64;
const MOST_ATTEMPTS: usize = 64;

impl<R: Resolver> RouteLayer<R> {
    /// Asks this resolver.
    pub fn new(resolver: R) -> Self {
        let settings = Settings {
            timeout: Duration::from_secs(5),
            families: Families::Both,
            max_addresses: MOST_ADDRESSES,
            max_attempts: MOST_ATTEMPTS,
        };
        Self { resolver, settings, ways: [[].into()].into(), postponed_for: Duration::from_secs(5 * 60) }
    }

    /// The ways to go, in order (default: directly, and that alone). Each is a list of proxies, the nearest first; an empty list is "directly".
    /// The next way is looked up and tried only when everything has failed that the one before leads to. [`Terms::proxy`] of a request goes
    /// before all of them.
    ///
    /// Who lists proxies alone never connects directly, whatever fails.
    ///
    /// ```
    /// # use skybridge_core::{Endpoint, Hop};
    /// # use skybridge_dns::Fixed;
    /// # use skybridge_route::RouteLayer;
    /// # let resolver = Fixed::new([Endpoint::from(([127, 0, 0, 1], 0))]);
    /// let near = Hop::parse("http://near.test:3128")?;
    /// let far = Hop::parse("socks5h://alice:secret@far.test")?;
    /// let layer = RouteLayer::new(resolver).proxies([vec![near.clone()], vec![near, far], vec![]]);
    /// # Ok::<_, skybridge_core::HopError>(())
    /// ```
    ///
    /// [`Terms::proxy`]: skybridge_core::Terms::proxy
    pub fn proxies<W: Into<Arc<[Hop]>>>(mut self, ways: impl IntoIterator<Item = W>) -> Self {
        self.ways = ways.into_iter().map(Into::into).collect();
        if self.ways.is_empty() {
            self.ways = [[].into()].into();
        }
        self
    }

    /// How long resolving may take until there are addresses (default: 5 s). Answers that come later than that are not waited for.
    /// [`Limits::resolve`](skybridge_core::Limits::resolve) of a request goes before it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Which addresses are asked for (default: both families).
    pub fn families(mut self, families: Families) -> Self {
        self.settings.families = families;
        self
    }

    /// How many addresses of each family are taken of one look-up (default: 64; at least 1), so that whoever answers for a name doesn't decide
    /// how much is kept and tried. Those that failed lately are the first to be left out; how many were, is told by
    /// [`EventKind::LeftOut`](skybridge_core::EventKind::LeftOut) and [`ConnectError::left_out`](skybridge_core::ConnectError::left_out).
    pub fn max_addresses(mut self, most: usize) -> Self {
        self.settings.max_addresses = most.max(1);
        self
    }

    /// How many attempts one connect may make by each of its ways (default: 64; at least 1): over all addresses, those of proxies and those told
    /// to proxies, and again where a phase after TCP has failed. How many addresses were not tried for it is told as with
    /// [`max_addresses`](Self::max_addresses).
    pub fn max_attempts(mut self, most: usize) -> Self {
        self.settings.max_attempts = most.max(1);
        self
    }

    /// How long an endpoint that failed is tried after the others (default: 5 minutes; zero: never). It is tried all the same when the others
    /// have failed too, and forgotten to have failed as soon as it works.
    ///
    /// An endpoint to which no socket could be opened is postponed for every origin. What failed later, in a tunnel, TLS, a handshake or the
    /// first exchange, postpones it for that origin alone: another name at the same address may do very well.
    pub fn postponed_for(mut self, time: Duration) -> Self {
        self.postponed_for = time;
        self
    }
}

impl<S: Opener, R: Resolver> Layer<S> for RouteLayer<R> {
    type Service = Above<S::Connection, Routes<S, R>>;

    /// Each stack that is built remembers failures for itself.
    fn layer(&self, inner: S) -> Routes<S, R> {
        let memory = Arc::new(Memory::new(self.postponed_for));
        Routes { inner, resolver: self.resolver.clone(), settings: self.settings, memory, ways: Arc::clone(&self.ways) }
    }
}
