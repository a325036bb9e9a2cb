use crate::SocksReply;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use skybridge_core::{BoxError, ConnectError, Phase, Proxy};
use std::{error::Error, fmt, io};

/// Why a proxy gave no tunnel.
#[non_exhaustive]
pub enum TunnelError {
    /// An HTTP proxy's answer to CONNECT was none of 2xx. Neither headers nor body are shown by `Debug` or `Display`.
    Refused {
        /// Its status; 407 when it wants (other) credentials.
        status: StatusCode,
        /// Its headers.
        headers: Box<HeaderMap>,
        /// The first 16 KiB of its body, or as much as came.
        body: Bytes,
        /// Credentials were sent.
        authorized: bool,
    },
    /// A SOCKS proxy's answer.
    Socks(SocksReply),
    /// A SOCKS5 proxy takes none of the ways to prove who we are, or refused user and password (RFC 1929).
    CredentialsRefused,
    /// A SOCKS5 proxy wants credentials, and there are none.
    CredentialsWanted,
    /// User or password can't be said to a SOCKS proxy: empty, with a zero byte (SOCKS4), or longer than 255 bytes.
    CredentialsUnfit,
    /// The next host can't be said to a SOCKS proxy: a name of more than 255 bytes, or for SOCKS4 an IPv6 address, one of
    /// 0.0.0.0/24, or without 4a any name.
    HostUnfit,
    /// An HTTP proxy's answer is none.
    NotHttp(BoxError),
    /// A SOCKS proxy's answer begins with this byte, which is none of its version.
    NotSocks(u8),
    /// The proxy hung up before its answer was complete.
    Closed,
    /// The stream to the proxy failed.
    Io(BoxError),
    /// The proxy is spoken to over TLS, and the layer was given nothing that [seals](crate::TunnelLayer::proxy_tls).
    NoTls,
}

/// Which of several proxies it was.
#[derive(Debug)]
pub(crate) struct AtHop {
    proxy: Box<str>,
    error: TunnelError,
}

// === impl TunnelError ===

impl TunnelError {
    /// No other way would help before the configuration is changed: credentials that are refused aren't shown around.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Refused { status, authorized, .. } => {
                *authorized && *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            }
            Self::CredentialsRefused | Self::CredentialsUnfit | Self::NoTls => true,
            _ => false,
        }
    }

    /// As the stack tells it; the proxy is named when there are several.
    pub(crate) fn told(self, several: Option<&Proxy>) -> ConnectError {
        let fatal = self.is_fatal();
        let error = match several {
            Some(proxy) => ConnectError::new(Phase::Tunnel, AtHop { proxy: proxy.to_string().into(), error: self }),
            None => ConnectError::new(Phase::Tunnel, self),
        };
        if fatal { error.fatal() } else { error }
    }
}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Io(error.into()) }
    }
}

impl From<hyper::Error> for TunnelError {
    fn from(error: hyper::Error) -> Self {
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Self::Closed;
        }
        if error.is_parse() { Self::NotHttp(error.into()) } else { Self::Io(error.into()) }
    }
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, .. } => write!(f, "the proxy refused the tunnel with {status}"),
            Self::Socks(reply) => write!(f, "the proxy refused the tunnel: {reply}"),
            Self::CredentialsRefused => f.write_str("the proxy refused the credentials"),
            Self::CredentialsWanted => f.write_str("the proxy wants credentials"),
            Self::CredentialsUnfit => f.write_str("the user or password can't be told to a SOCKS proxy"),
            Self::HostUnfit => f.write_str("the host can't be told to a SOCKS proxy"),
            Self::NotHttp(_) => f.write_str("the proxy does not speak HTTP/1.1"),
            Self::NotSocks(byte) => write!(f, "the proxy does not speak SOCKS: its answer begins with {byte:#04x}"),
            Self::Closed => f.write_str("the proxy hung up before it answered"),
            Self::Io(_) => f.write_str("the connection to the proxy failed"),
            Self::NoTls => f.write_str("the proxy is spoken to over TLS, and this stack's TunnelLayer was given no sealer (`TunnelLayer::proxy_tls`)"),
        }
    }
}

impl fmt::Debug for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, headers, body, authorized } => {
                let (headers, body) = (headers.len(), body.len());
                write!(f, "Refused {{ status: {status}, headers: {headers}, body: {body} bytes, ")?;
                write!(f, "authorized: {authorized} }}")
            }
            Self::Socks(reply) => f.debug_tuple("Socks").field(reply).finish(),
            Self::CredentialsRefused => f.write_str("CredentialsRefused"),
            Self::CredentialsWanted => f.write_str("CredentialsWanted"),
            Self::CredentialsUnfit => f.write_str("CredentialsUnfit"),
            Self::HostUnfit => f.write_str("HostUnfit"),
            Self::NotHttp(error) => f.debug_tuple("NotHttp").field(error).finish(),
            Self::NotSocks(byte) => f.debug_tuple("NotSocks").field(byte).finish(),
            Self::Closed => f.write_str("Closed"),
            Self::Io(error) => f.debug_tuple("Io").field(error).finish(),
            Self::NoTls => f.write_str("NoSeal"),
        }
    }
}

impl Error for TunnelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotHttp(error) | Self::Io(error) => Some(&**error),
            _ => None,
        }
    }
}

// === impl AtHop ===

impl fmt::Display for AtHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no tunnel through {}", self.proxy)
    }
}

impl Error for AtHop {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
