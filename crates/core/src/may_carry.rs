use crate::{ConnInfo, Endpoint, Key, Protocol, Scheme, Trust};
use std::{fmt, time::Instant};

/// The first rule by which a connection may not carry another target.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NotCarried {
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
    Want,
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
pub fn may_carry(
    info: &ConnInfo,
    key: &Key,
    direct: bool,
    endpoints: &[Endpoint],
    now: Instant,
) -> Result<(), NotCarried> {
    let own = &*info.route.target.key;
    let tls = info.tls.as_ref();
    let rule = |holds: bool, otherwise: NotCarried| if holds { Ok(()) } else { Err(otherwise) };
    let https = |key: &Key| key.origin.scheme() == Scheme::Https;
    let overrides = |key: &Key| key.terms.dial.is_some() || key.terms.server_name.is_some();

    rule(info.protocol == Some(Protocol::Http2), NotCarried::NotHttp2)?;
    rule(https(own) && https(key), NotCarried::NotHttps)?;
    rule(own.origin.port() == key.origin.port(), NotCarried::Port)?;
    rule(own.terms.partition == key.terms.partition, NotCarried::Partition)?;
    rule(own.terms.egress == key.terms.egress, NotCarried::Egress)?;
    rule(key.terms.want != crate::Want::Http1, NotCarried::Want)?;
    rule(direct && info.route.hops.is_empty(), NotCarried::Proxy)?;
    rule(!overrides(own) && !overrides(key), NotCarried::Override)?;
    let tls = tls.ok_or(NotCarried::NotHttps)?;
    may_still_carry(info, || now)?;
    rule(!tls.client_auth, NotCarried::ClientAuth)?;
    rule(tls.trust == Trust::Verified, NotCarried::Trust)?;
    rule(endpoints.contains(&info.remote), NotCarried::Address)?;
    rule(tls.covers.covers(&key.origin), NotCarried::NotCovered)
}

/// Whether a connection that [may carry](may_carry) another origin still may: the rules whose answer can change while
/// it is open, as a certificate expires or the trust it was verified against is replaced. To be asked before each
/// request of the other origin, since the certificate must pass the checks that a new connection would make (RFC 9113,
/// section 9.1.1).
///
/// `now` is called only when the certificate has an expiry date.
///
/// # Errors
/// The first rule that forbids it.
pub fn may_still_carry(info: &ConnInfo, now: impl FnOnce() -> Instant) -> Result<(), NotCarried> {
    let Some(tls) = &info.tls else { return Ok(()) };
    if !tls.covers.is_current() {
        return Err(NotCarried::Generation);
    }
    match tls.valid_until {
        Some(until) if now() >= until => Err(NotCarried::Expired),
        _ => Ok(()),
    }
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp2 => "it is not HTTP/2",
            Self::NotHttps => "not both are https",
            Self::Port => "the ports differ",
            Self::Partition => "the partitions differ",
            Self::Egress => "the egress policies differ",
            Self::Want => "HTTP/1.1 is wanted",
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
