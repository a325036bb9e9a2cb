use crate::{ConnInfo, Endpoint, Key, Protocol, Scheme, Trust};
use std::{fmt, time::Instant};

/// Why a connection may not carry another target: the first rule that forbids it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum NotCoalesced {
    /// The connection doesn't speak HTTP/2, so it can't be shared.
    NotHttp2,
    /// One of the two targets is not `https`.
    NotHttps,
    /// The ports differ.
    Port,
    /// The partitions differ.
    Partition,
    /// The egress policies differ, or refuse this target at the connection's address.
    Egress,
    /// The target asks for HTTP/1.1.
    HttpVersions,
    /// One of the two targets is reached through a proxy.
    Proxy,
    /// One of the two targets sets the endpoints to dial, or the server name.
    Override,
    /// The trusted roots or the client's certificate were replaced after the connection was made, or those for a proxy
    /// that it goes through.
    Generation,
    /// The client has sent the peer a certificate.
    ClientAuth,
    /// A connection of the target's own might show the peer another client certificate.
    Identity,
    /// The peer was not verified by the stack's own verifier.
    Trust,
    /// A certificate of the peer's path has expired.
    Expired,
    /// The address of the connection is not one of the target.
    Address,
    /// The certificate isn't valid for the host.
    NotCovered,
    /// The certificate is valid for the host, and the host's pins don't match.
    Pins,
}

/// Whether a connection that was opened for one origin may carry another (RFC 9113, section 9.1.1). A pure function of
/// facts.
///
/// `direct` is true when the target's route has no proxies, `endpoints` are the addresses known for it, and `now` is
/// the runtime's time. What only the pool knows, as whether the connection is draining or has answered this host with
/// 421, the pool checks itself.
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
    let egress = &key.connect_options.egress;
    let may_go_there = || egress.check(&key.origin, &info.remote).is_ok();
    rule(own.connect_options.egress == *egress && may_go_there(), NotCoalesced::Egress)?;
    rule(key.connect_options.http_versions != crate::HttpVersions::Http1, NotCoalesced::HttpVersions)?;
    rule(direct && info.route.proxies.is_empty() && !key.connect_options.wants_proxies(), NotCoalesced::Proxy)?;
    rule(!overrides(own) && !overrides(key), NotCoalesced::Override)?;
    let tls = tls.ok_or(NotCoalesced::NotHttps)?;
    can_still_coalesce(info, || now)?;
    rule(!tls.client_auth, NotCoalesced::ClientAuth)?;
    rule(!tls.covers.identity_differs(&key.origin), NotCoalesced::Identity)?;
    rule(tls.trust == Trust::Verified, NotCoalesced::Trust)?;
    rule(endpoints.contains(&info.remote), NotCoalesced::Address)?;
    let not_covered = || if tls.covers.names(&key.origin) { NotCoalesced::Pins } else { NotCoalesced::NotCovered };
    if tls.covers.covers(&key.origin) { Ok(()) } else { Err(not_covered()) }
}

/// Whether a connection that [could carry](can_coalesce) another origin still may. Checks the rules whose result can
/// change while it is open, because a certificate expires or the trusted roots are replaced. To be called before each
/// request of the other origin: the certificate must pass the checks of a new connection (RFC 9113, section 9.1.1).
///
/// `now` is called only when the certificate has an expiry date.
///
/// # Errors
/// The first rule that forbids it.
pub fn can_still_coalesce(info: &ConnInfo, now: impl FnOnce() -> Instant) -> Result<(), NotCoalesced> {
    if !info.proxy_settings.is_current() {
        return Err(NotCoalesced::Generation);
    }
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
            Self::NotHttp2 => "the connection is not HTTP/2",
            Self::NotHttps => "one of the two is not https",
            Self::Port => "the ports differ",
            Self::Partition => "the partitions differ",
            Self::Egress => "the egress policies differ, or refuse this target there",
            Self::HttpVersions => "the target asks for HTTP/1.1",
            Self::Proxy => "one of the two goes through a proxy",
            Self::Override => "one of the two overrides the address or the server name",
            Self::Generation => "the TLS configuration has changed since it was made",
            Self::ClientAuth => "a client certificate was sent",
            Self::Identity => "the host may be shown another client certificate",
            Self::Trust => "the peer was not verified by the stack's own verifier",
            Self::Expired => "a certificate has expired",
            Self::Address => "its address is not one of the target",
            Self::NotCovered => "its certificate is not valid for the host",
            Self::Pins => "the host's pins don't match",
        })
    }
}
