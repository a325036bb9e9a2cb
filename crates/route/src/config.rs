use crate::ways::List;
use skybridge_core::{Families, Proxy};
use std::{sync::Arc, time::Duration};

/// About as many addresses as fit in an answer over UDP, and more than anybody needs.
const MOST_ADDRESSES: usize = 64;
const MOST_ATTEMPTS: usize = 64;

/// How ways and addresses are chosen, whoever is asked for them.
///
/// | setting | default |
/// |---|---|
/// | [`proxies`](Self::proxies) | none: directly |
/// | [`timeout`](Self::timeout) | 5 s |
/// | [`families`](Self::families) | both |
/// | [`max_addresses`](Self::max_addresses) | 64 of each family |
/// | [`max_attempts`](Self::max_attempts) | 64 |
/// | [`remember_failures`](Self::remember_failures) | 5 minutes |
#[derive(Clone, Debug)]
pub struct RouteConfig {
    pub(crate) ways: List,
    pub(crate) settings: Settings,
    pub(crate) remember_failures: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) families: Families,
    pub(crate) max_addresses: usize,
    pub(crate) max_attempts: usize,
}

impl RouteConfig {
    /// The defaults.
    pub fn new() -> Self {
        let settings = Settings {
            timeout: Duration::from_secs(5),
            families: Families::Both,
            max_addresses: MOST_ADDRESSES,
            max_attempts: MOST_ATTEMPTS,
        };
        Self { ways: [[].into()].into(), settings, remember_failures: Duration::from_secs(5 * 60) }
    }

    /// The ways to go, in order (default: directly, and that alone). Each is a list of proxies, the nearest first; an empty list is "directly".
    /// The next way is looked up and tried only when everything has failed that the one before leads to. [`ConnectOptions::proxy`] of a request goes
    /// before all of them.
    ///
    /// One proxy for everything is `[[proxy]]`; `[vec![first, second]]` is one way through two proxies, and `[[one], [other]]` are two ways
    /// through one each, the other in case that one fails. Who lists proxies alone never connects directly, whatever fails.
    ///
    /// [`ConnectOptions::proxy`]: skybridge_core::Terms::proxy
    pub fn proxies<W: Into<Arc<[Proxy]>>>(mut self, ways: impl IntoIterator<Item = W>) -> Self {
        self.ways = ways.into_iter().map(Into::into).collect();
        if self.ways.is_empty() {
            self.ways = [[].into()].into();
        }
        self
    }

    /// How long resolving may take until there are addresses (default: 5 s; `Duration::MAX` is no limit). Answers that come later
    /// than that are not waited for.
    /// [`Timeouts::resolve`](skybridge_core::Timeouts::resolve) of a request goes before it.
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
    pub fn remember_failures(mut self, time: Duration) -> Self {
        self.remember_failures = time;
        self
    }
}

impl Default for RouteConfig {
    fn default() -> Self {
        Self::new()
    }
}
