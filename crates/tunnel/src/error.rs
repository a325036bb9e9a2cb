#[cfg(feature = "digest")]
use crate::password_auth::has_unreadable_digest;
use crate::{
    SocksReply,
    offered_schemes::{offered_schemes, offers_unspoken_alone},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use skybridge_core::{Advice, BoxError, ConnectError, Phase, Proxy, ProxyAnswer, root_reason};
use std::{borrow::Cow, error::Error, fmt, io};

/// Why a tunnel through a proxy could not be established.
#[non_exhaustive]
pub enum TunnelError {
    /// An HTTP proxy answered CONNECT with a status other than 2xx. `Debug` and `Display` show neither headers nor
    /// body.
    Refused {
        /// Its status; 407 if credentials are missing or wrong.
        status: StatusCode,
        /// Its headers.
        headers: Box<HeaderMap>,
        /// Its body, up to 16 KiB, or as much as arrived.
        body: Bytes,
        /// Whether credentials were sent.
        authorized: bool,
        /// The [schemes](skybridge_core::ProxyAuth::schemes) by which they may be; empty if there are none, or that
        /// isn't known.
        allowed: &'static str,
    },
    /// An HTTP proxy has challenged 21 requests for one tunnel in a row (407), each but the first with an answer to the
    /// challenge before. The source is the last [refusal](Self::Refused).
    Challenged(Box<Self>),
    /// A SOCKS proxy refused with this reply.
    Socks(SocksReply),
    /// A SOCKS5 proxy accepts none of the offered authentication methods, or refused user and password (RFC 1929).
    CredentialsRefused,
    /// A SOCKS5 proxy requires credentials, and none are configured.
    CredentialsRequired,
    /// SOCKS can't encode the user or password: empty, with a zero byte (SOCKS4), or longer than 255 bytes.
    CredentialsUnsupported,
    /// SOCKS can't encode the host to connect to: a name of more than 255 bytes, or for SOCKS4 an IPv6 address, one of
    /// 0.0.0.0/24, or (without 4a) any name.
    HostUnsupported,
    /// An HTTP proxy's response is not HTTP/1.1.
    NotHttp(BoxError),
    /// The connection of HTTP/2 to the proxy failed, or it has reset the tunnel before it was one.
    Http2(BoxError),
    /// The proxy chose HTTP/2 by ALPN, and [`TunnelLayer::http2`](crate::TunnelLayer::http2) isn't on.
    NoHttp2,
    /// A SOCKS proxy's answer begins with this byte, which is not its protocol's version.
    NotSocks(u8),
    /// The proxy closed the connection before its answer was complete.
    Closed,
    /// The stream to the proxy failed.
    Io(BoxError),
    /// The proxy requires TLS, and the layer has no [TLS connector](crate::TunnelLayer::proxy_tls).
    NoTls,
}

/// Says at which proxy an error occurred.
#[derive(Debug)]
pub(crate) struct AtProxy {
    proxy: Box<str>,
    error: TunnelError,
}

// === impl TunnelError ===

impl TunnelError {
    /// Whether only a change of the configuration would help. Refused credentials count: they are not shown to other
    /// proxies.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Refused { status, authorized, .. } => {
                *authorized && *status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            }
            Self::Challenged(_)
            | Self::CredentialsRefused
            | Self::CredentialsUnsupported
            | Self::NoTls
            | Self::NoHttp2 => true,
            _ => false,
        }
    }

    /// What to do about it, as far as that can be told.
    fn advice(&self) -> Option<Cow<'static, str>> {
        let advice = match self {
            Self::Refused { status, authorized, headers, allowed, .. } => match status.as_u16() {
                407 => return Some(about_credentials(*authorized, headers, allowed)),
                403 => "its rules don't allow it",
                300..400 => "redirects of proxies aren't followed",
                405 | 501 => "it gives no tunnels to this port, or none at all",
                502 | 504 => "it can't reach what it was asked for",
                503 => "it is overloaded, or can't reach what it was asked for",
                _ => return None,
            },
            Self::NotHttp(_) => "it may be one of SOCKS, or want TLS (`https://`)",
            // Of `HTTP/1.1`.
            Self::NotSocks(b'H') => "it may be one of HTTP (`http://`)",
            Self::NotSocks(0 | 4 | 5) => "it may speak another version",
            Self::CredentialsRequired => "give it user and password",
            Self::HostUnsupported => "SOCKS4 takes no IPv6 address, SOCKS5 does",
            _ => return None,
        };
        Some(advice.into())
    }

    /// Why, in one line, with the schemes that a proxy asks for credentials by, and what is behind it.
    fn in_short(&self) -> String {
        match self {
            Self::Refused { status, headers, authorized, allowed, .. } if status.as_u16() == 407 => {
                let sent =
                    if *authorized { "does not accept the credentials" } else { "wants credentials, none were sent" };
                let unspoken = if offers_unspoken_alone(headers) { ", which isn't spoken here" } else { "" };
                let offers = offered_schemes(headers).map(|offered| format!(", and takes {offered}{unspoken}"));
                let only = match *allowed {
                    allowed if *authorized || allowed.is_empty() => String::new(),
                    allowed => format!("; they may be shown by {allowed} alone"),
                };
                let unread = if has_unreadable_digest(headers) { " (Digest in words that can't be read)" } else { "" };
                format!("the proxy {sent} (407){}{unread}{only}", offers.unwrap_or_default())
            }
            // As of other sockets, and without the number that the system has for it.
            Self::Io(error) => format!("{self}: {}", root_reason(&**error)),
            Self::NotHttp(error) | Self::Http2(error) => format!("{self}: {error}"),
            Self::Challenged(last) => format!("{self}: {}", last.in_short()),
            error => error.to_string(),
        }
    }

    /// What it means.
    fn meaning(&self) -> Option<Advice> {
        Some(match self {
            // No flag and no setting speaks those.
            Self::Refused { status, headers, .. } if status.as_u16() == 407 && offers_unspoken_alone(headers) => {
                Advice::ProxyRefused
            }
            Self::Refused { status, authorized: false, .. } if status.as_u16() == 407 => Advice::ProxyCredentials,
            Self::Refused { status, .. } if status.as_u16() == 407 => Advice::ProxyCredentialsRefused,
            // As tinyproxy answers wrong ones.
            Self::Refused { status, authorized: true, .. } if status.as_u16() == 401 => Advice::ProxyCredentialsRefused,
            Self::Refused { status, .. } if matches!(status.as_u16(), 502..=504) => Advice::BeyondProxy,
            Self::Socks(reply) if reply.is_about_host() => Advice::BeyondProxy,
            Self::Challenged(_) => Advice::ProxyCredentialsRefused,
            Self::CredentialsRequired | Self::CredentialsRefused | Self::CredentialsUnsupported => {
                Advice::SocksCredentials
            }
            Self::Refused { .. } | Self::Socks(_) => Advice::ProxyRefused,
            // A proxy that is spoken to in another protocol than its own may just end it.
            Self::NotHttp(_) | Self::NotSocks(_) | Self::Closed | Self::Io(_) => Advice::NotThatProxy,
            _ => return None,
        })
    }

    /// The error of the connecting stack, which names the proxy.
    pub(crate) fn into_connect_error(self, proxy: Option<&Proxy>) -> ConnectError {
        let (fatal, in_short, meaning) = (self.is_fatal(), self.in_short(), self.meaning());
        let error = match proxy {
            Some(proxy) => ConnectError::new(Phase::Tunnel, AtProxy { proxy: proxy.to_string().into(), error: self }),
            None => ConnectError::new(Phase::Tunnel, self),
        };
        let error = error.because(in_short);
        let error = if let Some(meaning) = meaning { error.advise(meaning) } else { error };
        if fatal { error.fatal() } else { error }
    }
}

/// What to do about a 407.
fn about_credentials(authorized: bool, headers: &HeaderMap, allowed: &str) -> Cow<'static, str> {
    match (authorized, offered_schemes(headers), allowed) {
        (true, None, _) => "user or password is wrong, or it wants another scheme".into(),
        (true, Some(offered), _) => {
            format!("user or password is wrong, or it wants another scheme: it offers {offered}").into()
        }
        (false, ..) if has_unreadable_digest(headers) => {
            "it wants credentials by Digest, in words that can't be read".into()
        }
        (false, None, _) => "it wants credentials".into(),
        (false, Some(offered), "") => format!("it wants credentials by {offered}").into(),
        (false, Some(offered), allowed) => {
            format!("it wants credentials by {offered}, and they may be shown by {allowed} alone").into()
        }
    }
}

#[cfg(not(feature = "digest"))]
fn has_unreadable_digest(_: &HeaderMap) -> bool {
    false
}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Io(error.into()) }
    }
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, .. } => write!(f, "the proxy refused the tunnel with {status}"),
            Self::Challenged(_) => {
                write!(f, "the proxy challenged {} requests for one tunnel in a row", ProxyAnswer::LIMIT + 1)
            }
            Self::Socks(reply) => write!(f, "the proxy refused the tunnel: {reply}"),
            Self::CredentialsRefused => f.write_str("the proxy refused the credentials"),
            Self::CredentialsRequired => f.write_str("the proxy requires credentials"),
            Self::CredentialsUnsupported => f.write_str("SOCKS can't encode the user or password"),
            Self::HostUnsupported => f.write_str("SOCKS can't encode the host"),
            Self::NotHttp(_) => f.write_str("the proxy does not speak HTTP/1.1"),
            Self::Http2(_) => f.write_str("the connection of HTTP/2 to the proxy failed"),
            Self::NoHttp2 => f.write_str("the proxy chose HTTP/2, and the TunnelLayer doesn't (`TunnelLayer::http2`)"),
            Self::NotSocks(byte) => write!(f, "the proxy does not speak SOCKS: its answer begins with {byte:#04x}"),
            Self::Closed => f.write_str("the proxy closed the connection before it answered"),
            Self::Io(_) => f.write_str("the connection to the proxy failed"),
            Self::NoTls => f.write_str(
                "the proxy requires TLS, and the TunnelLayer has no TLS connector (`TunnelLayer::proxy_tls`)",
            ),
        }?;
        self.advice().map_or(Ok(()), |advice| write!(f, "; {advice}"))
    }
}

impl fmt::Debug for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for TunnelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Challenged(last) => Some(&**last),
            Self::NotHttp(error) | Self::Io(error) | Self::Http2(error) => Some(&**error),
            _ => None,
        }
    }
}

// === impl AtHop ===

impl fmt::Display for AtProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no tunnel through {}", self.proxy)
    }
}

impl Error for AtProxy {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
