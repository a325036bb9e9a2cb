use crate::{ConnInfo, Endpoint, Key, Protocol, Scheme, Trust};
use std::{fmt, time::Instant};

/// The first rule by which a connection may not carry another target.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NotCoalesced {
    /// It is not shared: not HTTP/2.
    NotHttp2,
    /// One of the two is not `https`.
    NotHttps,
    /// The ports differ.
    Port,
    /// The partitions differ.
    Partition,
    /// The egress policies differ.
    Egress,
    /// The target asks for HTTP/1.1.
    HttpVersions,
    /// One of the two goes through a proxy.
    Proxy,
    /// One of the two dials an endpoint of its own, or names its server otherwise.
    Override,
    /// Made under another configuration of trust.
    Generation,
    /// We showed the peer a certificate.
    ClientAuth,
    /// Not verified by the stack's own verifier.
    Trust,
    /// A certificate on its path has expired.
    Expired,
    /// Its remote address is not among the target's.
    Address,
    /// Its certificate or the target's pins don't cover the host.
    NotCovered,
}

/// Whether a connection opened for one origin may carry another (RFC 9113, section 9.1.1): one pure function of facts.
///
/// `direct` is true when the target's plan has no hops, `endpoints` are the addresses known for it, `now` is the runtime's. What only the pool knows - whether it is draining, or has answered this host with 421 - the pool asks itself.
///
/// # Errors
/// The first rule that forbids it.
pub fn can_coalesce(
    info: &ConnInfo,
    key: &Key,
    direct: bool,
    endpoints: &[Endpoint],
    now: Instant,
) -> Result<(), NotCoalesced> {
    let own = &*info.route.target.key;
    let tls = info.tls.as_ref();
    let rule = |holds: bool, otherwise: NotCoalesced| if holds { Ok(()) } else { Err(otherwise) };
    let https = |key: &Key| key.origin.scheme() == Scheme::Https;
    let overrides = |key: &Key| key.connect_options.dial.is_some() || key.connect_options.server_name.is_some();

    rule(info.protocol == Some(Protocol::Http2), NotCoalesced::NotHttp2)?;
    rule(https(own) && https(key), NotCoalesced::NotHttps)?;
    rule(own.origin.port() == key.origin.port(), NotCoalesced::Port)?;
    rule(own.connect_options.partition == key.connect_options.partition, NotCoalesced::Partition)?;
    rule(own.connect_options.egress == key.connect_options.egress, NotCoalesced::Egress)?;
    rule(key.connect_options.http_versions != crate::HttpVersions::Http1, NotCoalesced::HttpVersions)?;
    rule(direct && info.route.proxies.is_empty() && !key.connect_options.wants_proxies(), NotCoalesced::Proxy)?;
    rule(!overrides(own) && !overrides(key), NotCoalesced::Override)?;
    let tls = tls.ok_or(NotCoalesced::NotHttps)?;
    can_still_coalesce(info, || now)?;
    rule(!tls.client_auth, NotCoalesced::ClientAuth)?;
    rule(tls.trust == Trust::Verified, NotCoalesced::Trust)?;
    rule(endpoints.contains(&info.remote), NotCoalesced::Address)?;
    rule(tls.covers.covers(&key.origin), NotCoalesced::NotCovered)
}

/// Whether a connection that [may carry](can_coalesce) another origin still may: the rules whose answer can change while
/// it is open, as a certificate expires or the trust it was verified against is replaced. To be asked before each
/// request of the other origin, since the certificate must pass the checks that a new connection would make (RFC 9113,
/// section 9.1.1).
///
/// `now` is called only when the certificate has an expiry date.
///
/// # Errors
/// The first rule that forbids it.
pub fn can_still_coalesce(info: &ConnInfo, now: impl FnOnce() -> Instant) -> Result<(), NotCoalesced> {
    let Some(tls) = &info.tls else { return Ok(()) };
    if !tls.covers.is_current() {
        return Err(NotCoalesced::Generation);
    }
    match tls.valid_until {
        Some(until) if now() >= until => Err(NotCoalesced::Expired),
        _ => Ok(()),
    }
}

impl fmt::Display for NotCoalesced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp2 => "it is not HTTP/2",
            Self::NotHttps => "not both are https",
            Self::Port => "the ports differ",
            Self::Partition => "the partitions differ",
            Self::Egress => "the egress policies differ",
            Self::HttpVersions => "HTTP/1.1 is wanted",
            Self::Proxy => "a proxy is on the way",
            Self::Override => "an address or a server name is overridden",
            Self::Generation => "it was made under another TLS configuration",
            Self::ClientAuth => "it showed a client certificate",
            Self::Trust => "it was not verified by the stack's own verifier",
            Self::Expired => "a certificate has expired",
            Self::Address => "its address is not among the target's",
            Self::NotCovered => "its certificate or the pins don't cover the host",
        })
    }
}
