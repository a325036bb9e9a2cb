use crate::TlsInfo;
use http::{HeaderMap, StatusCode, Version};
use std::fmt;

/// What is said to a proxy on the way to a tunnel, and what it says.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyStep<'a> {
    /// There is TLS with it: of the facts of a connection only those with the origin are kept.
    Tls(&'a TlsInfo),
    /// A request for a tunnel (CONNECT, RFC 9110, section 9.3.6).
    Request {
        /// What it is asked to connect to, as `host:port`.
        target: &'a str,
        /// The version of HTTP.
        version: Version,
        /// All fields. Credentials are among them, and [sensitive](http::HeaderValue::is_sensitive); so may others be
        /// that the caller has set.
        headers: &'a HeaderMap,
    },
    /// The answer to it: a tunnel (2xx), a challenge (407) or a refusal. Interim ones (1xx) aren't told.
    Response {
        /// Its status.
        status: StatusCode,
        /// The version of HTTP.
        version: Version,
        /// Its fields.
        headers: &'a HeaderMap,
        /// Its head byte by byte; `None` over HTTP/2.
        head: Option<&'a [u8]>,
    },
    /// A step of SOCKS.
    Socks(SocksStep<'a>),
}

/// A step of SOCKS4, 4a, 5 or 5h (RFC 1928).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SocksStep<'a> {
    /// SOCKS5 begins: no authentication is offered, and with credentials also user and password.
    Offered {
        /// Whether there are credentials.
        password: bool,
    },
    /// The proxy wants user and password, or nothing.
    Chosen {
        /// Whether it wants them.
        password: bool,
    },
    /// The proxy has accepted user and password (RFC 1929).
    Authenticated,
    /// It is asked to connect to this `host:port`.
    Asked {
        /// The host and its port.
        target: &'a str,
    },
    /// It has connected.
    Granted,
}

impl ProxyStep<'_> {
    /// The name for logs and reports, in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tls(_) => "proxy_tls",
            Self::Request { .. } => "proxy_request",
            Self::Response { .. } => "proxy_response",
            Self::Socks(_) => "proxy_socks",
        }
    }
}

impl fmt::Display for SocksStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offered { password: false } => f.write_str("no authentication offered"),
            Self::Offered { password: true } => f.write_str("no authentication offered, and user and password"),
            Self::Chosen { password: false } => f.write_str("it wants no authentication"),
            Self::Chosen { password: true } => f.write_str("it wants user and password"),
            Self::Authenticated => f.write_str("it accepts them"),
            Self::Asked { target } => write!(f, "asked for {target}"),
            Self::Granted => f.write_str("granted"),
        }
    }
}
