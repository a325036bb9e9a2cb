//! What a search has looked at, in sentences for people.

use super::{Differs, Found, NotUsed, PassedOver, Search, Waits};
use crate::{NotCoalesced, NotForwarded, Rounded};
use std::fmt;

// === impl Search ===

impl fmt::Display for Search {
    /// What came of it, without what was passed over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.wanted.authority();
        match &self.found {
            Found::Idle => f.write_str("an idle connection is used"),
            Found::Stream { in_use, limit } => write!(f, "stream {in_use} of {limit} of a connection is used"),
            Found::Coalesced => {
                write!(f, "a connection of another origin is used: its address and certificate are those of {to} too")
            }
            Found::Forwarded => {
                write!(f, "a connection of another origin is used: the same proxy forwards the requests to {to}")
            }
            Found::Opens { open, limit: Some(limit) } => {
                write!(f, "a new connection is opened: {open} of {limit} to {to}")
            }
            Found::Opens { .. } => f.write_str("a new connection is opened"),
            Found::Joins => f.write_str("it waits for a connection that is being opened for another request"),
            Found::Waits(waits) => write!(f, "it waits: {}", waits.sentence(&to)),
            Found::Refused(full) => write!(f, "it may not wait: {} of {} is reached", full.what, full.limit),
        }
    }
}

// === impl Waits ===

impl Waits {
    fn sentence(&self, to: &str) -> String {
        match self {
            Self::Turn => format!("other requests to {to} come first"),
            Self::Stream => format!("all streams of the connections to {to} are in use, and no other is opened"),
            Self::Settings => format!("a connection to {to} is there, and its peer has yet to say how many it carries"),
            Self::OriginLimit(1) => format!("there may be no more than 1 connection to {to}"),
            Self::OriginLimit(limit) => format!("there may be no more than {limit} connections to {to}"),
            Self::ConnectLimit(1) => format!("no more than 1 connection to {to} may be opened at once"),
            Self::ConnectLimit(limit) => format!("no more than {limit} connections to {to} may be opened at once"),
            Self::PoolLimit(full) => format!("{} of {} is reached", full.what, full.limit),
            Self::Backoff(time) => {
                format!("connections to {to} have failed, and the next is opened after {}", Rounded(*time))
            }
        }
    }
}

// === impl PassedOver ===

impl fmt::Display for PassedOver {
    /// `connection 1 to a.test passed over: its certificate does not cover b.test`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection ")?;
        match self.connection {
            Some(id) => write!(f, "{id}")?,
            None => f.write_str("without a number")?,
        }
        write!(f, " to {} passed over: {}", self.opened_for.authority(), self.reason())
    }
}

impl PassedOver {
    /// The rule as a sentence.
    pub fn reason(&self) -> String {
        let wanted = self.wanted.authority();
        match self.why {
            NotUsed::Busy => "it carries another request".into(),
            NotUsed::StreamsInUse(1) => "it carries another request, and may carry no more".into(),
            NotUsed::StreamsInUse(limit) => format!("it carries {limit} requests, as many as it may"),
            NotUsed::BeforeSettings(1) => "it carries a request, and its peer has yet to say how many it allows".into(),
            NotUsed::BeforeSettings(count) => {
                format!("it carries {count} requests, and its peer has yet to say how many it allows")
            }
            NotUsed::NoStreams => "its peer allows no requests".into(),
            NotUsed::Suspect => "its peer was asked whether it is alive, and has not answered".into(),
            NotUsed::UsedUp => "it has had as many requests as it may".into(),
            NotUsed::Draining(reason) => format!("it takes no more requests: {}", reason.sentence()),
            NotUsed::Ended(reason) => format!("it had ended when it was to be used: {}", reason.sentence()),
            NotUsed::NotReady => "its last exchange is not over".into(),
            NotUsed::Options(differs) => differs.sentence().into(),
            NotUsed::Misdirected => format!("it has answered {wanted} with 421"),
            NotUsed::TooManyNames => "it carries as many other names as it may".into(),
            NotUsed::SharingOff => "connections of other origins are not used (coalesce is off)".into(),
            NotUsed::TooOld => "it is too old to be taken to another origin".into(),
            NotUsed::Stays => "it can't be taken to another origin".into(),
            NotUsed::Coalesced(rule) => rule.sentence(&wanted),
            NotUsed::Forwarded(rule) => rule.sentence(&wanted),
        }
    }
}

// === impl Differs ===

impl Differs {
    fn sentence(self) -> &'static str {
        match self {
            Self::HttpVersions => "other versions of HTTP were asked of it",
            Self::Ech => "it was asked to hide its name (ECH) in another way",
            Self::Partition => "it is of another partition",
            Self::Proxies => "other proxies were asked of it",
            Self::Dial => "it was asked to go to another address",
            Self::ServerName => "another server name was asked of it",
            Self::Egress => "another egress policy was asked of it",
        }
    }
}

impl NotCoalesced {
    fn sentence(self, wanted: &str) -> String {
        match self {
            Self::NotHttp2 => "it does not speak HTTP/2, so no other origin may use it".into(),
            Self::NotHttps => "one of the two is not https".into(),
            Self::Port => "its port is another".into(),
            Self::Partition => "it is of another partition".into(),
            Self::Egress => format!("its egress policy is another, or that of {wanted} refuses its address"),
            Self::HttpVersions => "the request asks for HTTP/1.1".into(),
            Self::Proxy => "one of the two goes through a proxy".into(),
            Self::Override => "an address or a server name is set for one of the two".into(),
            Self::Generation => "the TLS settings have changed since it was opened".into(),
            Self::ClientAuth => "a client certificate was shown on it".into(),
            Self::Identity => format!("{wanted} may be shown another client certificate"),
            Self::Trust => "its certificate was not verified by the stack's own verifier".into(),
            Self::Expired => "a certificate of its peer has expired".into(),
            Self::Address => format!("its address is not one of {wanted}"),
            Self::NotCovered => format!("its certificate does not cover {wanted}"),
            Self::Pins => format!("its keys are none of the pins of {wanted}"),
        }
    }
}

impl NotForwarded {
    fn sentence(self, wanted: &str) -> String {
        match self {
            Self::Tunnel => "one of the two is not forwarded by a proxy".into(),
            Self::NotHttp => "nobody has said which version of HTTP it speaks".into(),
            Self::Proxies => format!("it goes through other proxies than {wanted}, or shows them something else"),
            Self::Options => "something else was asked of it".into(),
            Self::Egress => format!("the egress policy of {wanted} refuses the proxy, or what it is asked for"),
            Self::Address => "its address is not one of the proxy".into(),
        }
    }
}
