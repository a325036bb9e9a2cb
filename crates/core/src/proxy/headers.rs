//! Header fields for one proxy.

use crate::{ConnInfo, RequestError, is_hop_by_hop};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::{fmt, sync::Arc};

/// Header fields for one HTTP proxy, sent with each request for a tunnel (CONNECT) and with each request that it
/// forwards; in a tunnel nobody sees them. A request that is forwarded and has a field of the same name keeps its own.
///
/// A proxy that forwards requests passes on to the origin what it doesn't take for its own: what is secret is said in a
/// field whose name it knows. They are compared by value, so that proxies with other fields never share connections.
/// SOCKS proxies have none.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use skybridge_core::{Proxy, ProxyHeaders};
///
/// let mut fields = HeaderMap::new();
/// fields.insert("x-session", HeaderValue::from_static("7"));
/// let proxy = Proxy::parse("http://proxy.test:3128")?.headers(ProxyHeaders::new(&fields)?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct ProxyHeaders(Option<Arc<[(HeaderName, HeaderValue)]>>);

/// A field that [`ProxyHeaders`] can't have.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProxyHeaderError {
    /// Its name.
    pub name: HeaderName,
}

impl ProxyHeaders {
    /// These fields, in this order.
    ///
    /// # Errors
    /// When one of them is not for the caller to say: `host`, those that frame a message or are about the connection
    /// (`content-length`, `transfer-encoding`, `trailer`, `te`, `connection`, `proxy-connection`, `keep-alive`,
    /// `upgrade`, `http2-settings`, `expect`), and `proxy-authorization`, which [`Proxy::auth`](crate::Proxy::auth)
    /// has.
    pub fn new(fields: &HeaderMap) -> Result<Self, ProxyHeaderError> {
        if let Some(name) = fields.keys().find(|name| why_not(name).is_some()) {
            return Err(ProxyHeaderError { name: name.clone() });
        }
        let fields: Arc<[_]> = fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Self((!fields.is_empty()).then_some(fields)))
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().flat_map(|fields| fields.iter()).map(|(name, value)| (name, value))
    }

    /// What the proxy is told that forwards the requests of this connection; `None` where it is told nothing, or
    /// nothing is forwarded.
    #[inline]
    pub fn of_forwarding(info: &ConnInfo) -> Option<&Self> {
        if !info.forwarded {
            return None;
        }
        info.route.proxies.last().map(|proxy| &proxy.headers).filter(|headers| !headers.is_empty())
    }

    /// Adds those whose names aren't there. Calls `added` with the name of each.
    ///
    /// # Errors
    /// When there are too many fields already.
    #[cold]
    pub fn add_to(&self, headers: &mut HeaderMap, mut added: impl FnMut(&HeaderName)) -> Result<(), RequestError> {
        let missing: Vec<_> = self.iter().filter(|(name, _)| !headers.contains_key(*name)).collect();
        for (name, value) in missing {
            let too_many = |_| RequestError::Header(name.as_str().into(), "too many headers");
            headers.try_append(name, value.clone()).map_err(too_many)?;
            added(name);
        }
        Ok(())
    }
}

/// Why a field can't be among those for a proxy.
fn why_not(name: &HeaderName) -> Option<&'static str> {
    Some(match *name {
        header::HOST => "it names what is asked for",
        header::PROXY_AUTHORIZATION => "credentials are set by `Proxy::auth`",
        header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::TRAILER | header::EXPECT => {
            "it says how the message is framed"
        }
        // Any `proxy-` field but those: it is said to a proxy, which these are for.
        header::PROXY_AUTHENTICATE => "it is about the connection",
        _ if name.as_str() == "proxy-connection" => "it is about the connection",
        _ if is_hop_by_hop(name) && !name.as_str().starts_with("proxy-") => "it is about the connection",
        _ => return None,
    })
}

impl fmt::Debug for ProxyHeaders {
    /// The names alone: a value may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name.as_str())).finish()
    }
}

impl fmt::Display for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = why_not(&self.name).unwrap_or("it is not allowed");
        write!(f, "the header `{}` can't be added to requests to a proxy: {why}", self.name)
    }
}

impl fmt::Debug for ProxyHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for ProxyHeaderError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Proxy;
    use std::hash::{BuildHasher, RandomState};

    fn fields(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in of {
            fields.append(*name, HeaderValue::from_static(value));
        }
        fields
    }

    fn proxy(of: &[(&'static str, &'static str)]) -> Proxy {
        Proxy::parse("http://p.test").unwrap().headers(ProxyHeaders::new(&fields(of)).unwrap())
    }

    #[test]
    fn what_is_not_the_callers_to_say_is_refused_by_name() {
        let names = [
            "host",
            "proxy-authorization",
            "content-length",
            "transfer-encoding",
            "trailer",
            "expect",
            "connection",
            "te",
            "upgrade",
            "keep-alive",
            "proxy-connection",
            "http2-settings",
            "proxy-authenticate",
        ];
        for name in names {
            let error = ProxyHeaders::new(&fields(&[("x", "y"), (name, "1")])).unwrap_err();
            assert_eq!(error.name, name);
            assert!(
                error.to_string().starts_with(&format!("the header `{name}` can't be added to requests to a proxy: "))
            );
        }
        assert!(ProxyHeaders::new(&fields(&[("user-agent", "x"), ("cookie", "y"), ("proxy-session", "z")])).is_ok());
    }

    #[test]
    fn proxies_with_other_headers_are_others_and_show_no_values() {
        let rows = [
            proxy(&[]),
            proxy(&[("x", "hidden")]),
            proxy(&[("x", "another")]),
            proxy(&[("y", "hidden")]),
            proxy(&[("x", "hidden"), ("x", "another")]),
            proxy(&[("x", "another"), ("x", "hidden")]),
        ];
        let state = RandomState::new();
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate() {
                assert_eq!(a == b, i == j);
            }
            assert_eq!(state.hash_one(a), state.hash_one(a.clone()));
            assert!(!format!("{a:?} {a}").contains("hidden"), "{a:?}");
        }
        assert_eq!(proxy(&[]), Proxy::parse("http://p.test").unwrap());
    }

    #[test]
    fn a_request_keeps_its_own_field_of_a_name() {
        let ours = ProxyHeaders::new(&fields(&[("x", "1"), ("x", "2"), ("y", "3"), ("z", "")])).unwrap();
        let (mut headers, mut added) = (fields(&[("y", "own")]), Vec::new());
        ours.add_to(&mut headers, |name| added.push(name.to_string())).unwrap();
        assert_eq!(headers, fields(&[("y", "own"), ("x", "1"), ("x", "2"), ("z", "")]));
        assert_eq!(added, ["x", "x", "z"]);
    }
}
