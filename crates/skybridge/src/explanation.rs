//! What a request would come to, in words.

use skybridge_core::{
    ConnInfo, ConnectError, ConnectOptions, Dial, EchMode, EgressRefused, Endpoint, Error, HttpVersions, Key, Outline,
    Phase, Protocol, Proxy, ProxyKind, RecentFailure, Rounded, Route, Scheme, Search,
};
use skybridge_tcp::RaceLayer;
#[cfg(feature = "tls")]
use skybridge_tls::{ConnectionSpec, EchOutline, SpecOutline, TlsOutline, TlsVersion, TrustOutline};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// What a request would come to, as of when [`Client::explain`](crate::Client::explain) was asked. It prints as lines
/// for people, one for each of these.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What decides which connections may carry it: its origin, and what is asked of the connection.
    pub key: Arc<Key>,
    /// What the pool would do, and which connections it would pass over.
    pub search: Search,
    /// The connection that would carry it, if there is one.
    pub connection: Option<Arc<ConnInfo>>,
    /// How a new connection would be opened. `None` where one of its own key would be used or waited for: nothing is
    /// looked up then.
    pub opening: Option<Opening>,
}

/// How a connection would be opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opening {
    /// All ways, in the order in which they would be tried: the proxies of each, none for a direct connection.
    pub ways: Vec<Arc<[Proxy]>>,
    /// The hops of the first way: its proxies, and the origin at last.
    pub hops: Vec<Hop>,
    /// The addresses of the first hop that are known, in the order in which they would be tried.
    pub addresses: Vec<Address>,
    /// The addresses of the origin that the last proxy would be told, where it is told no name.
    pub told: Vec<Endpoint>,
    /// Whether the last proxy would forward the requests, instead of giving a tunnel.
    pub forwarded: bool,
    /// What would be offered and asked for in TLS with the origin; `None` in cleartext.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsOutline>,
}

/// One hop of a way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Hop {
    /// Where it leads, without credentials: `http://proxy.test:3128`, `a.test:443`.
    pub to: String,
    /// Who resolves that name.
    pub resolved_by: ResolvedBy,
    /// Whether it is a proxy that we have credentials for.
    pub credentials: bool,
}

/// Who resolves the name of a hop.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResolvedBy {
    /// Nobody: it is an address, or addresses are set for it.
    Nobody,
    /// This client.
    Client,
    /// The [connector](crate::ClientBuilder::connector), by itself: the client
    /// [asks nobody](crate::ClientBuilder::unresolved).
    Connector,
    /// This proxy, which is told the name.
    Proxy(String),
}

/// An address of the first hop.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Address {
    /// The address.
    pub endpoint: Endpoint,
    /// How it failed recently, for which it is tried after the others, and how long ago that was.
    pub failed: Option<(RecentFailure, Duration)>,
    /// Whether it goes first, as it overtook another recently.
    pub overtook: bool,
    /// Whether the egress policy refuses it: no connection would go there.
    pub refused: bool,
}

/// What a client must know of its layers to explain what they would do.
pub(crate) struct Explainer {
    pub(crate) race: RaceLayer,
    #[cfg(feature = "tls")]
    pub(crate) tls: skybridge_tls::TlsLayer,
}

// === impl Explainer ===

impl Explainer {
    /// # Errors
    /// Where a request would fail before anything is connected to.
    pub(crate) async fn explain(
        &self,
        explained: skybridge_pool::Explanation,
        now: Instant,
    ) -> Result<Explanation, Error> {
        let skybridge_pool::Explanation { key, search, connection, outline, .. } = explained;
        let opening = match outline {
            Some(outline) => self.opening(outline, now).await.map(Some),
            None => Ok(None),
        };
        let opening = opening.map_err(|error| Error::from(error).to(&key.origin))?;
        Ok(Explanation { key, search, connection, opening })
    }

    async fn opening(&self, outline: Outline, now: Instant) -> Result<Opening, ConnectError> {
        let Outline { mut route, ways, told, .. } = outline;
        route.proxy_target = told.first().cloned();
        let refused = |refused: EgressRefused| ConnectError::new(Phase::Tcp, refused).fatal().on_route(&route);
        route.check_proxied().map_err(refused)?;
        let addresses: Vec<_> =
            self.race.order_of(&route).into_iter().map(|endpoint| address(endpoint, &route, now)).collect();
        if addresses.iter().all(|address| address.refused)
            && let Some(Address { endpoint, .. }) = addresses.first()
            && let Err(refused) = check(&route, endpoint)
        {
            // As whoever races them says it.
            return Err(route.attempt(endpoint.clone()).failed(ConnectError::new(Phase::Tcp, refused).fatal()));
        }
        Ok(Opening {
            ways,
            hops: hops(&route),
            addresses,
            told,
            forwarded: route.is_forwarded(),
            #[cfg(feature = "tls")]
            tls: self.outline(&route).await?,
        })
    }

    #[cfg(feature = "tls")]
    async fn outline(&self, route: &Route) -> Result<Option<skybridge_tls::TlsOutline>, ConnectError> {
        if route.target.origin().scheme() == Scheme::Https {
            self.tls.prepare(route.ctx()).await?;
        }
        self.tls.outline(route)
    }
}

fn check(route: &Route, endpoint: &Endpoint) -> Result<(), EgressRefused> {
    let (origin, egress) = (route.target.origin(), &route.target.connect_options().egress);
    if route.proxies.is_empty() { egress.check(origin, endpoint) } else { egress.check_proxy(origin, endpoint) }
}

fn address(endpoint: Endpoint, route: &Route, now: Instant) -> Address {
    let feedback = route.feedback.as_ref();
    let failed = feedback.and_then(|feedback| feedback.recent_failure(&endpoint));
    let failed = failed.map(|failure| {
        let ago = now.saturating_duration_since(failure.at);
        (failure, ago)
    });
    let overtook = failed.is_none() && feedback.is_some_and(|feedback| feedback.overtook_recently(&endpoint));
    let refused = check(route, &endpoint).is_err();
    Address { endpoint, failed, overtook, refused }
}

/// Each is resolved by the one before it, unless that wants an address.
fn hops(route: &Route) -> Vec<Hop> {
    let (origin, dial) = (route.target.origin(), route.target.connect_options().dial.as_ref());
    let is_name = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Name { .. });
    let is_unresolved = route.endpoints.snapshot().iter().any(is_name);
    let by = |before: Option<&Proxy>, is_address: bool| match before {
        _ if is_address => ResolvedBy::Nobody,
        None if is_unresolved => ResolvedBy::Connector,
        None => ResolvedBy::Client,
        Some(proxy) if matches!(proxy.kind, ProxyKind::Socks4 | ProxyKind::Socks5) => ResolvedBy::Client,
        Some(proxy) => ResolvedBy::Proxy(proxy.to_string()),
    };
    let mut hops: Vec<_> = Vec::new();
    let mut before = None;
    for proxy in &*route.proxies {
        let resolved_by = by(before, proxy.ip().is_some());
        hops.push(Hop { to: proxy.to_string(), resolved_by, credentials: proxy.auth.is_some() });
        before = Some(proxy);
    }
    let (to, is_address) = match (dial.and_then(Dial::host), dial.and_then(Dial::endpoints)) {
        (Some((name, port)), _) => (format!("{name}:{port}"), false),
        (None, Some(_)) => (format!("{}:{}", origin.host(), origin.port()), true),
        (None, None) => (format!("{}:{}", origin.host(), origin.port()), origin.ip().is_some()),
    };
    hops.push(Hop { to, resolved_by: by(before, is_address), credentials: false });
    hops
}

// === impl Explanation ===

impl Explanation {
    /// What is asked of the connection besides its origin, in words; none where nothing is.
    pub fn asked(&self) -> Vec<String> {
        let ConnectOptions { http_versions, ech, partition, proxies, dial, server_name, egress, .. } =
            &self.key.connect_options;
        let mut asked = Vec::new();
        match http_versions {
            HttpVersions::Http1 => asked.push("HTTP/1.1 only".into()),
            HttpVersions::Http2 => asked.push("HTTP/2 only".into()),
            _ => {}
        }
        if let Some(proxies) = proxies {
            let names: Vec<_> = proxies.iter().map(ToString::to_string).collect();
            asked.push(if names.is_empty() { "no proxy".into() } else { format!("through {}", names.join(", ")) });
        }
        if let Some((name, port)) = dial.as_ref().and_then(Dial::host) {
            asked.push(format!("to {name}:{port} in its place"));
        }
        if let Some(endpoints) = dial.as_ref().and_then(Dial::endpoints) {
            let all: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
            asked.push(format!("to {}", all.join(", ")));
        }
        if let Some(name) = server_name {
            asked.push(format!("as {name} in TLS"));
        }
        match ech {
            None => {}
            Some(EchMode::Off) => asked.push("its name unencrypted".into()),
            Some(EchMode::Grease) => asked.push("its name unencrypted beside a decoy (ECH)".into()),
            Some(EchMode::Offer) => asked.push("its name hidden where possible (ECH)".into()),
            Some(EchMode::OfferOrGrease) => {
                asked.push("its name hidden where possible, and otherwise beside a decoy (ECH)".into());
            }
            Some(_) => asked.push("its name hidden (ECH)".into()),
        }
        if partition.is_some() {
            asked.push("in a partition".into());
        }
        if !egress.is_any() {
            asked.push("within an egress policy".into());
        }
        asked
    }

    /// Which version of HTTP would be spoken, as far as that is known before.
    pub fn protocol(&self) -> &'static str {
        let Key { origin, connect_options, .. } = &*self.key;
        match (self.connection.as_ref().and_then(|info| info.protocol), connect_options.http_versions) {
            (Some(Protocol::Http2), _) | (None, HttpVersions::Http2) => "HTTP/2",
            (Some(_), _) | (None, HttpVersions::Http1) => "HTTP/1.1",
            (None, _) if origin.scheme() == Scheme::Http => "HTTP/1.1",
            (None, _) => "HTTP/2 or HTTP/1.1, as the server chooses",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.asked();
        let asked = if asked.is_empty() { String::new() } else { format!(", {}", asked.join(", ")) };
        line(f, "request", format_args!("{}{asked}", self.key.origin))?;
        line(f, "pool", &self.search)?;
        if let Some(info) = &self.connection {
            line(f, "connection", info)?;
        }
        for passed in &self.search.passed_over {
            line(f, "", passed)?;
        }
        if self.search.more > 0 {
            line(f, "", format_args!("and {} more passed over", self.search.more))?;
        }
        if self.connection.is_none()
            && let Some(opening) = &self.opening
        {
            opening.fmt(f)?;
        }
        line(f, "protocol", self.protocol())
    }
}

/// A line, named in the first column.
fn line(f: &mut fmt::Formatter<'_>, name: &str, text: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<11}{text}")
}

/// The proxies of a way.
fn way(proxies: &[Proxy]) -> String {
    let names: Vec<_> = proxies.iter().map(ToString::to_string).collect();
    if names.is_empty() { "directly".into() } else { format!("through {}", names.join(", then ")) }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, proxies) in self.ways.iter().enumerate() {
            line(
                f,
                if at == 0 { "route" } else { "" },
                format_args!("{}{}", if at == 0 { "" } else { "or " }, way(proxies)),
            )?;
        }
        for (at, hop) in self.hops.iter().enumerate() {
            line(f, if at == 0 { "hops" } else { "" }, hop)?;
        }
        if self.forwarded {
            line(f, "", "the proxy forwards the requests, and can read them")?;
        }
        for (at, address) in self.addresses.iter().enumerate() {
            line(f, if at == 0 { "addresses" } else { "" }, address)?;
        }
        for endpoint in &self.told {
            line(f, "", format_args!("{endpoint}, which the last proxy is told"))?;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            line(f, "TLS", tls_text(tls))?;
            for (at, spec) in tls.specs.iter().enumerate().filter(|_| !is_usual(&tls.specs)) {
                match at {
                    0 => line(f, "", format_args!("by the spec {}", spec.name))?,
                    _ => line(
                        f,
                        "",
                        format_args!(
                            "or {} by the spec {}, if that handshake fails",
                            versions(&spec.versions),
                            spec.name
                        ),
                    )?,
                }
            }
            for skipped in &*tls.skipped_roots {
                line(f, "", format_args!("not trusted: {skipped}"))?;
            }
            for pin in &tls.pins {
                line(f, "", format_args!("pinned to {pin}"))?;
            }
            for pin in &tls.pins_not_enforced {
                line(
                    f,
                    "",
                    format_args!("pinned to {pin}, which refuses nobody: it has expired or is for report only"),
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to)?;
        match &self.resolved_by {
            ResolvedBy::Nobody => {}
            ResolvedBy::Client => f.write_str(", looked up here")?,
            ResolvedBy::Connector => f.write_str(", looked up by the connector")?,
            ResolvedBy::Proxy(proxy) => write!(f, ", looked up by {proxy}")?,
        }
        f.write_str(if self.credentials { ", with user and password" } else { "" })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.endpoint)?;
        if self.refused {
            f.write_str(", which the egress policy refuses")?;
        }
        if self.overtook {
            f.write_str(", which was faster than another recently")?;
        }
        if let Some((failure, ago)) = &self.failed {
            write!(f, ", tried last: {failure}, {} ago", Rounded(*ago))?;
        }
        Ok(())
    }
}

/// The one that there is where nobody has named any.
#[cfg(feature = "tls")]
fn is_usual(specs: &[SpecOutline]) -> bool {
    matches!(specs, [one] if *one.name == *ConnectionSpec::MODERN.name())
}

#[cfg(feature = "tls")]
fn versions(versions: &[TlsVersion]) -> String {
    let text = |version: &TlsVersion| if *version == TlsVersion::Tls13 { "1.3" } else { "1.2" };
    versions.iter().map(text).collect::<Vec<_>>().join(" or ")
}

#[cfg(feature = "tls")]
fn tls_text(tls: &TlsOutline) -> String {
    let trust = match tls.trust {
        TrustOutline::Roots(1) => "1 trusted root".into(),
        TrustOutline::Roots(count) => format!("{count} trusted roots"),
        TrustOutline::Platform => "trusted as the system says".into(),
        TrustOutline::Custom => "trusted as a verifier that was given says".into(),
        _ => "NOT VERIFIED".into(),
    };
    let pins = match (&*tls.pins, &*tls.pins_not_enforced) {
        ([], []) => ", no pins",
        ([], _) => ", no pins that refuse anybody",
        _ => "",
    };
    let identity = if tls.client_certificate { "a client certificate" } else { "no client certificate" };
    let ech = match tls.ech {
        // As of an address (RFC 6066, section 3).
        _ if tls.sni.is_none() => "no SNI",
        None => "SNI unencrypted",
        Some(EchOutline::Grease) => "SNI unencrypted beside a decoy (ECH)",
        Some(EchOutline::Encrypted) => "SNI encrypted (ECH)",
        Some(_) => "its name would have to be encrypted (ECH), and there are no keys: it fails",
    };
    format!(
        "{} as {}, ALPN {}, {trust}{pins}, {identity}, {ech}",
        versions(&tls.versions),
        tls.name,
        tls.alpn.join(" or ")
    )
}
