use crate::{ConnInfo, Route};
use std::fmt;

/// Why a connection to a proxy may not carry another target: the first rule that forbids it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NotForwarded {
    /// One of the two isn't forwarded: it is direct, or has a tunnel of its own.
    Tunnel,
    /// Nobody has said which version of HTTP the connection speaks.
    NotHttp,
    /// The proxies differ, or what they are shown, or the settings of TLS with them were replaced.
    Proxies,
    /// What is asked of the connection differs, as the partition.
    Options,
    /// The egress policy refuses the proxy, or what it is asked for.
    Egress,
    /// The proxy has moved: the connection's address is not one of those known for it.
    Address,
}

/// Whether a connection to a proxy that forwards requests (RFC 9110, section 7.6), opened for one origin, may carry
/// those of another: there the proxy is the peer, and each request names its origin (RFC 9112, section 3.2.2; RFC 9113,
/// section 8.3.1). Over HTTP/1.1 they come one after the other, over HTTP/2 together. A pure function of facts.
///
/// `route` is that of the other origin, with the addresses of the proxy that are known by now. What only the pool
/// knows, as whether the connection is in use, the pool checks itself.
///
/// # Errors
/// The first rule that forbids it.
pub fn can_forward(info: &ConnInfo, route: &Route) -> Result<(), NotForwarded> {
    let own = &info.route;
    let (origin, options) = (route.target.origin(), route.target.connect_options());
    let rule = |holds: bool, otherwise: NotForwarded| if holds { Ok(()) } else { Err(otherwise) };

    rule(info.forwarded && own.is_forwarded() && route.is_forwarded(), NotForwarded::Tunnel)?;
    rule(info.protocol.is_some(), NotForwarded::NotHttp)?;
    rule(own.proxies == route.proxies && info.proxy_settings.is_current(), NotForwarded::Proxies)?;
    rule(own.target.connect_options() == options, NotForwarded::Options)?;
    let egress = options.egress.check_proxy(origin, &info.remote).and_then(|()| route.check_proxied());
    rule(egress.is_ok(), NotForwarded::Egress)?;
    rule(route.endpoints.contains(&info.remote), NotForwarded::Address)
}

impl fmt::Display for NotForwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tunnel => "one of the two is not forwarded by a proxy",
            Self::NotHttp => "nobody has said which version of HTTP the connection speaks",
            Self::Proxies => "the proxies differ, or what they are shown",
            Self::Options => "what is asked of the connection differs",
            Self::Egress => "the egress policy refuses the proxy, or what it is asked for",
            Self::Address => "its address is not one of the proxy",
        })
    }
}
