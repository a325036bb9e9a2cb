//! Reading a proxy from a URL.

use crate::{BasicAuth, OriginError, OriginRef, Proxy, ProxyKind, Reference, Scheme};
use std::{fmt, str::FromStr};

/// Why a text is not the URL of a proxy. No message repeats userinfo.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProxyError {
    /// The scheme is not `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h`. Empty where it may be a user
    /// name.
    Scheme(Box<str>),
    /// The host is not valid.
    Host(OriginError),
    /// The port is not a number from 1 to 65535. It is not repeated: it may be the password of a URL without a host.
    Port,
    /// The user or password is not percent-encoded UTF-8.
    UserInfo,
    /// There is a path, a query or a fragment.
    Path,
}

impl Proxy {
    /// Reads `scheme://user:password@host:port`. Without a scheme it is an HTTP proxy; without a port, the port is 80,
    /// 443 (`https`) or 1080 (SOCKS). User and password are percent-decoded.
    ///
    /// ```
    /// use skybridge_core::{Proxy, ProxyKind};
    ///
    /// let proxy = Proxy::parse("socks5h://alice:s%40cret@proxy.test")?;
    /// assert_eq!((proxy.kind, &*proxy.host, proxy.port), (ProxyKind::Socks5h, "proxy.test", 1080));
    /// assert_eq!(proxy.to_string(), "socks5h://proxy.test:1080");
    /// # Ok::<_, skybridge_core::ProxyError>(())
    /// ```
    ///
    /// # Errors
    /// When the text is not the URL of a proxy.
    pub fn parse(url: &str) -> Result<Self, ProxyError> {
        let reference = Reference::typed(url);
        let kind = match reference.scheme() {
            Some(scheme) => kind(scheme, reference)?,
            None => ProxyKind::Http,
        };
        let has_more = reference.query().is_some() || reference.fragment().is_some();
        if !matches!(reference.path(), "" | "/") || has_more {
            return Err(ProxyError::Path);
        }
        let authority = reference.authority().unwrap_or_default();
        // The last `@`: in a password that isn't encoded, one must not be taken for the end of the userinfo.
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = host_and_port(kind, host)?;
        let mut proxy = Self::new(kind, host, port);
        if let Some(user) = user {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            proxy = proxy.auth(BasicAuth::new(decode(user)?, decode(password)?));
        }
        Ok(proxy)
    }
}

fn kind(scheme: &str, reference: Reference<'_>) -> Result<ProxyKind, ProxyError> {
    Ok(match scheme.to_ascii_lowercase().as_str() {
        "http" => ProxyKind::Http,
        "https" => ProxyKind::Https,
        "socks4" => ProxyKind::Socks4,
        "socks4a" => ProxyKind::Socks4a,
        "socks5" => ProxyKind::Socks5,
        "socks5h" => ProxyKind::Socks5h,
        // It may be a user name, with a password that begins with two slashes.
        _ if reference.has_at() => return Err(ProxyError::Scheme("".into())),
        other => return Err(ProxyError::Scheme(other.into())),
    })
}

fn host_and_port(kind: ProxyKind, authority: &str) -> Result<(String, u16), ProxyError> {
    let names_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
    let origin =
        OriginRef::parse(Scheme::Http, authority).and_then(OriginRef::to_owned).map_err(|error| match error {
            OriginError::Port(_) => ProxyError::Port,
            error => ProxyError::Host(error),
        })?;
    let port = if names_port { origin.port() } else { kind.default_port() };
    Ok((origin.name().to_owned(), port))
}

fn decode(text: &str) -> Result<String, ProxyError> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    let digit = |rest: &mut std::str::Bytes<'_>| rest.next().and_then(|byte| char::from(byte).to_digit(16));
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => match (digit(&mut rest), digit(&mut rest)) {
                (Some(high), Some(low)) => (high << 4 | low) as u8,
                _ => return Err(ProxyError::UserInfo),
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| ProxyError::UserInfo)
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(url: &str) -> Result<Self, ProxyError> {
        Self::parse(url)
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(scheme) => {
                let scheme = if scheme.is_empty() { "" } else { &*format!(" `{scheme}`") };
                write!(f, "the proxy's scheme{scheme} is not http, https, socks4, socks4a, socks5 or socks5h")
            }
            Self::Host(_) => f.write_str("the proxy's host is not valid"),
            Self::Port => f.write_str("the proxy's port is not a number from 1 to 65535"),
            Self::UserInfo => f.write_str("the proxy's user or password is not percent-encoded UTF-8"),
            Self::Path => f.write_str("a proxy's URL must not have a path, a query or a fragment"),
        }
    }
}

impl fmt::Debug for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies() {
        let rows = [
            ("proxy.test", "http://proxy.test:80"),
            ("Proxy.Test:3128", "http://proxy.test:3128"),
            ("HTTP://proxy.test:3128/", "http://proxy.test:3128"),
            ("https://proxy.test", "https://proxy.test:443"),
            ("https://proxy.test:80", "https://proxy.test:80"),
            ("socks4://10.0.0.1", "socks4://10.0.0.1:1080"),
            ("socks4a://proxy.test:", "socks4a://proxy.test:1080"),
            ("socks5://[::1]", "socks5://[::1]:1080"),
            ("socks5h://[::1]:9050", "socks5h://[::1]:9050"),
            ("http://u:p@q@proxy.test.:1", "http://proxy.test:1"),
        ];
        for (url, shown) in rows {
            assert_eq!(Proxy::parse(url).map(|proxy| proxy.to_string()), Ok(shown.to_owned()), "{url}");
        }
    }

    #[test]
    fn userinfo_becomes_credentials_and_is_shown_nowhere() {
        let of = |url: &str| {
            let proxy = Proxy::parse(url).unwrap();
            let auth = proxy.auth.map(|auth| auth.0);
            auth.and_then(|auth| auth.user_password().map(|(user, password)| format!("{user} {password}")))
        };
        assert_eq!(of("http://proxy.test"), None);
        assert_eq!(of("http://alice@proxy.test").as_deref(), Some("alice "));
        assert_eq!(of("http://a%3Ab:c%2fd:e@proxy.test").as_deref(), Some("a:b c/d:e"));
        let proxy = Proxy::parse("http://alice:hidden@proxy.test").unwrap();
        assert!(!format!("{proxy:?} {proxy}").contains("alice"));
        assert_eq!(proxy, Proxy::parse("http://alice:hidden@proxy.test").unwrap());
        assert_ne!(proxy, Proxy::parse("http://alice:another@proxy.test").unwrap());
    }

    #[test]
    fn errors_repeat_no_secrets() {
        let rows = [
            ("ftp://proxy.test", ProxyError::Scheme("ftp".into())),
            ("hidden://alice@proxy.test", ProxyError::Scheme("".into())),
            ("alice:hidden@x://proxy.test", ProxyError::Path),
            ("alice:hidden@proxy.test?x=http://a.test", ProxyError::Path),
            ("http:alice:hidden@proxy.test", ProxyError::Path),
            ("http:", ProxyError::Host(OriginError::EmptyHost)),
            ("http://proxy.test/hidden", ProxyError::Path),
            ("http://proxy.test?hidden", ProxyError::Path),
            ("http://%zz:hidden@proxy.test", ProxyError::UserInfo),
            ("http://%ff:hidden@proxy.test", ProxyError::UserInfo),
            ("http://alice:hidden@", ProxyError::Host(OriginError::EmptyHost)),
            ("http://alice:hidden@proxy.test:0", ProxyError::Port),
            ("http://alice:hidden", ProxyError::Port),
            ("", ProxyError::Host(OriginError::EmptyHost)),
        ];
        for (url, expected) in rows {
            let error = Proxy::parse(url).unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!format!("{error:?} {error}").contains("hidden"), "{url}");
        }
    }
}
