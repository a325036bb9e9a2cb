use http::Version;
use skybridge_core::{ConnInfo, ConnectionId, Endpoint, Protocol, TlsInfo};
use std::{fmt, net::SocketAddr, sync::Arc};

/// The facts of a connection. Unlike its [`ConnInfo`] they hold nothing of the client, so that a recorder can keep
/// them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// Its id.
    pub id: Option<ConnectionId>,
    /// The host and port it was opened for.
    pub origin: Box<str>,
    /// Our address.
    pub local_addr: Option<SocketAddr>,
    /// The endpoint that answered.
    pub remote: Endpoint,
    /// The proxies on the way, without credentials.
    pub proxies: Vec<Box<str>>,
    /// The version of HTTP.
    pub protocol: Option<Protocol>,
    /// The facts of its TLS.
    pub tls: Option<TlsFacts>,
}

/// The facts of a connection's TLS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsFacts {
    /// `1.2`, `1.3`.
    pub version: Option<&'static str>,
    /// The cipher suite.
    pub cipher: Option<&'static str>,
    /// The name that was sent.
    pub sni: Option<Arc<str>>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Whether the name was encrypted.
    pub ech: skybridge_core::EchStatus,
    /// The name of the spec by which it was spoken, where that is known.
    pub spec: Option<Box<str>>,
    /// Whether the peer has stapled what the issuer says of its certificate.
    pub stapled: bool,
    /// The number of the settings that it was made by, where these can be replaced.
    pub generation: Option<u64>,
}

/// A version of HTTP, as `network.protocol.version` of OpenTelemetry has it.
pub(crate) fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

impl Facts {
    pub(crate) fn of(info: &ConnInfo) -> Self {
        Self {
            id: info.id,
            origin: info.route.target.origin().authority().into(),
            local_addr: info.local_addr,
            remote: info.remote.clone(),
            proxies: info.route.proxies.iter().map(|proxy| proxy.to_string().into()).collect(),
            protocol: info.protocol,
            tls: info.tls.as_ref().map(TlsFacts::of),
        }
    }

    /// `h1` or `h2`.
    pub fn protocol(&self) -> Option<&'static str> {
        match self.protocol? {
            Protocol::Http1 => Some("h1"),
            Protocol::Http2 => Some("h2"),
            _ => None,
        }
    }
}

impl TlsFacts {
    fn of(tls: &TlsInfo) -> Self {
        let TlsInfo { version, cipher, ref sni, resumed, ech, .. } = *tls;
        let (sni, spec) = (sni.clone(), tls.spec().map(Into::into));
        let (stapled, generation) = (tls.is_stapled(), tls.generation());
        Self { version, cipher, sni, resumed, ech, spec, stapled, generation }
    }
}

impl fmt::Display for Facts {
    /// For people, such as `h2, TLS 1.3 resumed, 192.0.2.1:443 via http://proxy.test:3128`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(protocol) = self.protocol() {
            write!(f, "{protocol}, ")?;
        }
        if let Some(tls) = &self.tls {
            write!(f, "{tls}, ")?;
        }
        match self.proxies.as_slice() {
            [] => write!(f, "{}", self.remote),
            proxies => write!(f, "{} via {}", self.origin, proxies.join(", ")),
        }
    }
}

impl fmt::Display for TlsFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS {}", self.version.unwrap_or("?"))?;
        f.write_str(if self.resumed { " resumed" } else { "" })
    }
}
