mod sentences;

use crate::{CloseReason, ConnInfo, ConnectOptions, ConnectionId, NotCoalesced, NotForwarded, Origin, Overloaded};
use std::time::Duration;

/// What a pool has looked at for one request, and what came of it: why this connection, and why not another.
///
/// A request may be searched for more than once: among the connections of its own key, and, once its addresses are
/// known, among those of other origins. A search that had nothing to pass over, and that led to an own connection or to
/// a new one at once, is not told: [`Acquired`](crate::EventKind::Acquired) says it all.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Search {
    /// The origin that the request is for.
    pub wanted: Origin,
    /// What came of it.
    pub found: Found,
    /// The connections that were looked at and not used, no more than [`MOST_LISTED`](Self::MOST_LISTED).
    pub passed_over: Vec<PassedOver>,
    /// How many more there were.
    pub more: usize,
}

/// What came of a [`Search`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Found {
    /// An idle connection of its own key, which carries one request at a time.
    Idle,
    /// A stream of a shared connection of its own key.
    Stream {
        /// How many requests it carries, this one included.
        in_use: u32,
        /// How many it may carry at once.
        limit: u32,
    },
    /// A shared connection of another origin: its address and its certificate are this one's too.
    Coalesced,
    /// A connection of another origin to the proxy that forwards the requests of both.
    Forwarded,
    /// None: a new one is opened.
    Opens {
        /// How many connections of its key there are then, those that are being opened included.
        open: usize,
        /// How many there may be; `None` without a limit.
        limit: Option<usize>,
    },
    /// None yet: it waits for one that is being opened for another request.
    Joins,
    /// None yet, and for now none is opened for it.
    Waits(Waits),
    /// None, and it may not wait for one.
    Refused(Overloaded),
}

/// What a request waits for that has no connection, and for which none is opened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Waits {
    /// Its turn: others have waited for longer.
    Turn,
    /// A stream of a connection that is there: no other is opened beside it.
    Stream,
    /// The SETTINGS of a connection that is there, which say how many requests it carries.
    Settings,
    /// A connection of its key comes free or ends: there may be no more than so many.
    OriginLimit(usize),
    /// A connect of its key ends: there may be no more than so many at once.
    ConnectLimit(usize),
    /// A connection of any origin ends: a limit of the whole pool, or of the system, is reached.
    PoolLimit(Overloaded),
    /// The pause after connects that have failed, which lasts for so long from now.
    Backoff(Duration),
}

/// A connection that was looked at and not used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Its number.
    pub connection: Option<ConnectionId>,
    /// The origin that it was opened for.
    pub opened_for: Origin,
    /// The origin that the request is for.
    pub wanted: Origin,
    /// The first rule that forbids it.
    pub why: NotUsed,
}

/// Why a connection was not used: the first rule that forbids it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotUsed {
    /// It carries one request at a time, and does.
    Busy,
    /// So many requests run on it, and its peer, or a limit of this side, allows no more.
    StreamsInUse(u32),
    /// So many requests run on it, and its peer has yet to say how many it allows.
    BeforeSettings(u32),
    /// Its peer allows no streams.
    NoStreams,
    /// Nobody knows whether its peer is alive: it was asked for a sign of life.
    Suspect,
    /// It has carried as many requests as it may in its life.
    UsedUp,
    /// It takes no more requests, for this reason.
    Draining(CloseReason),
    /// It had ended when it was to be used, for this reason.
    Ended(CloseReason),
    /// It was not ready: what it carried before isn't over.
    NotReady,
    /// It was opened for the same origin, and something else was asked of it.
    Options(Differs),
    /// It has answered this origin with 421 (RFC 9110, section 15.5.20).
    Misdirected,
    /// It carries as many other names as it may.
    TooManyNames,
    /// The pool doesn't use connections of other origins.
    SharingOff,
    /// It is too old to be taken to another origin.
    TooOld,
    /// What speaks HTTP on it can't take it to another origin.
    Stays,
    /// It may not be shared with this origin (RFC 9113, section 9.1.1).
    Coalesced(NotCoalesced),
    /// It leads to a proxy that forwards, and may not carry this origin's requests.
    Forwarded(NotForwarded),
}

/// Which of the [`ConnectOptions`] differs: the first that does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Differs {
    /// The versions of HTTP.
    HttpVersions,
    /// Whether the origin's name is hidden.
    Ech,
    /// The partition.
    Partition,
    /// The proxies.
    Proxies,
    /// Where to connect to.
    Dial,
    /// The server name.
    ServerName,
    /// The egress policy.
    Egress,
}

/// The names of the variants, for logs and reports, in snake case. One without a name is refused by the compiler.
macro_rules! names {
    ($($Type:ident { $($pattern:pat => $name:literal),+ $(,)? })+) => { $(
        impl $Type {
            /// The names of all variants.
            pub const NAMES: &[&str] = &[$($name),+];

            /// The name for logs and reports, in snake case.
            pub fn name(&self) -> &'static str {
                match self {
                    $($pattern => $name,)+
                }
            }
        }
    )+ };
}

// === impl Search ===

impl Search {
    /// How many connections are listed at most.
    pub const MOST_LISTED: usize = 16;

    /// A search that has looked at nothing yet.
    pub fn new(wanted: Origin, found: Found) -> Self {
        Self { wanted, found, passed_over: Vec::new(), more: 0 }
    }

    /// A connection was looked at and is not used.
    pub fn pass_over(&mut self, info: &ConnInfo, why: NotUsed) {
        if self.passed_over.len() >= Self::MOST_LISTED {
            self.more += 1;
            return;
        }
        let opened_for = info.route.target.origin().clone();
        self.passed_over.push(PassedOver { connection: info.id, opened_for, wanted: self.wanted.clone(), why });
    }

    /// This one, and what came of it when it went on.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        let free = Self::MOST_LISTED.saturating_sub(self.passed_over.len());
        self.more += later.more + later.passed_over.len().saturating_sub(free);
        self.passed_over.extend(later.passed_over.into_iter().take(free));
        Self { found: later.found, ..self }
    }

    /// Whether it says more than how the connection was [acquired](crate::EventKind::Acquired).
    pub fn is_news(&self) -> bool {
        let plain = matches!(self.found, Found::Idle | Found::Stream { .. } | Found::Opens { .. });
        !(plain && self.passed_over.is_empty())
    }
}

names! {
    Found {
        Self::Idle => "idle",
        Self::Stream { .. } => "stream",
        Self::Coalesced => "coalesced",
        Self::Forwarded => "forwarded",
        Self::Opens { .. } => "opens",
        Self::Joins => "joins",
        Self::Refused(_) => "refused",
        Self::Waits(Waits::Turn) => "waits_for_turn",
        Self::Waits(Waits::Stream) => "waits_for_stream",
        Self::Waits(Waits::Settings) => "waits_for_settings",
        Self::Waits(Waits::OriginLimit(_)) => "waits_at_origin_limit",
        Self::Waits(Waits::ConnectLimit(_)) => "waits_at_connect_limit",
        Self::Waits(Waits::PoolLimit(_)) => "waits_at_pool_limit",
        Self::Waits(Waits::Backoff(_)) => "waits_for_backoff",
    }
    NotUsed {
        Self::Busy => "busy",
        Self::StreamsInUse(_) => "streams_in_use",
        Self::BeforeSettings(_) => "before_settings",
        Self::NoStreams => "no_streams",
        Self::Suspect => "suspect",
        Self::UsedUp => "used_up",
        Self::Draining(_) => "draining",
        Self::Ended(_) => "ended",
        Self::NotReady => "not_ready",
        Self::Misdirected => "misdirected",
        Self::TooManyNames => "too_many_names",
        Self::SharingOff => "sharing_off",
        Self::TooOld => "too_old",
        Self::Stays => "stays",
        Self::Options(Differs::HttpVersions) => "other_http_versions",
        Self::Options(Differs::Ech) => "other_ech",
        Self::Options(Differs::Partition) => "other_partition",
        Self::Options(Differs::Proxies) => "other_proxies",
        Self::Options(Differs::Dial) => "other_dial",
        Self::Options(Differs::ServerName) => "other_server_name",
        Self::Options(Differs::Egress) => "other_egress",
        Self::Coalesced(NotCoalesced::NotHttp2) => "coalesce_not_http2",
        Self::Coalesced(NotCoalesced::NotHttps) => "coalesce_not_https",
        Self::Coalesced(NotCoalesced::Port) => "coalesce_port",
        Self::Coalesced(NotCoalesced::Partition) => "coalesce_partition",
        Self::Coalesced(NotCoalesced::Egress) => "coalesce_egress",
        Self::Coalesced(NotCoalesced::HttpVersions) => "coalesce_http_versions",
        Self::Coalesced(NotCoalesced::Proxy) => "coalesce_proxy",
        Self::Coalesced(NotCoalesced::Override) => "coalesce_override",
        Self::Coalesced(NotCoalesced::Generation) => "coalesce_generation",
        Self::Coalesced(NotCoalesced::ClientAuth) => "coalesce_client_auth",
        Self::Coalesced(NotCoalesced::Identity) => "coalesce_identity",
        Self::Coalesced(NotCoalesced::Trust) => "coalesce_trust",
        Self::Coalesced(NotCoalesced::Expired) => "coalesce_expired",
        Self::Coalesced(NotCoalesced::Address) => "coalesce_address",
        Self::Coalesced(NotCoalesced::NotCovered) => "coalesce_not_covered",
        Self::Coalesced(NotCoalesced::Pins) => "coalesce_pins",
        Self::Forwarded(NotForwarded::Tunnel) => "forward_tunnel",
        Self::Forwarded(NotForwarded::NotHttp) => "forward_not_http",
        Self::Forwarded(NotForwarded::Proxies) => "forward_proxies",
        Self::Forwarded(NotForwarded::Options) => "forward_options",
        Self::Forwarded(NotForwarded::Egress) => "forward_egress",
        Self::Forwarded(NotForwarded::Address) => "forward_address",
    }
}

// === impl Differs ===

impl Differs {
    /// The first of the options that differs; `None` when they are equal.
    pub fn between(one: &ConnectOptions, other: &ConnectOptions) -> Option<Self> {
        let ConnectOptions { http_versions, ech, partition, proxies, dial, server_name, egress } = one;
        let differ = [
            (*http_versions != other.http_versions, Self::HttpVersions),
            (*ech != other.ech, Self::Ech),
            (*partition != other.partition, Self::Partition),
            (*proxies != other.proxies, Self::Proxies),
            (*dial != other.dial, Self::Dial),
            (*server_name != other.server_name, Self::ServerName),
            (*egress != other.egress, Self::Egress),
        ];
        differ.into_iter().find(|(differs, _)| *differs).map(|(_, which)| which)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::OriginRef;
    use http::Uri;

    /// Each connection of a pool speaks some version, so that no pool tells of one that doesn't.
    #[test]
    fn a_rule_that_no_pool_comes_to_is_said_in_a_sentence_too() {
        let origin = |uri: &'static str| OriginRef::of(&Uri::from_static(uri)).unwrap().to_owned().unwrap();
        let (opened_for, wanted) = (origin("http://a.test"), origin("http://b.test"));
        let why = NotUsed::Forwarded(NotForwarded::NotHttp);
        let passed = PassedOver { connection: None, opened_for, wanted, why };
        let expected = "connection without a number to a.test passed over: nobody has said which version of HTTP it \
                        speaks";
        assert_eq!((passed.to_string().as_str(), why.name()), (expected, "forward_not_http"));
    }

    #[test]
    fn names_are_told_apart() {
        for names in [Found::NAMES, NotUsed::NAMES] {
            let unique: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len());
        }
    }
}
