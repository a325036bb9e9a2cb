use crate::{ProxyAuth, ProxyRequest};
use http::{HeaderMap, HeaderValue};
use std::fmt;

/// User and password for a proxy: by the Basic scheme (RFC 7617) to an HTTP proxy, by RFC 1929 to a SOCKS5 proxy, and
/// the user alone to a SOCKS4 proxy.
///
/// They are sent with the first request, without waiting for a challenge. A proxy that answers with a challenge has
/// refused them.
///
/// ```
/// use skybridge_core::BasicAuth;
///
/// let auth = BasicAuth::new("Aladdin", "open sesame");
/// assert_eq!(auth.header().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// assert_eq!(format!("{auth:?}"), "BasicAuth(..)");
/// ```
#[derive(Clone)]
pub struct BasicAuth {
    identity: Box<[u8]>,
    user: Box<str>,
    password: Box<str>,
    header: Option<HeaderValue>,
}

impl BasicAuth {
    /// Credentials of this user. A user name with a colon works with SOCKS proxies only (RFC 7617, section 2): nothing
    /// is sent to an HTTP proxy.
    pub fn new(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        let (user, password) = (user.into(), password.into());
        let header = if user.contains(':') { None } else { header(&user, &password) };
        // With the length, `a` + `bc` and `ab` + `c` differ.
        let length = user.len().to_be_bytes();
        let identity = [&length, user.as_bytes(), password.as_bytes()].concat().into();
        Self { identity, user, password, header }
    }

    /// The value of `proxy-authorization`, marked as sensitive; `None` where the scheme can't say it.
    pub fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }
}

fn header(user: &str, password: &str) -> Option<HeaderValue> {
    let value = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl ProxyAuth for BasicAuth {
    fn identity(&self) -> &[u8] {
        &self.identity
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        if challenge.is_some() { None } else { self.header.clone() }
    }

    fn schemes(&self) -> &'static str {
        "Basic"
    }

    fn user_password(&self) -> Option<(&str, &str)> {
        Some((&self.user, &self.password))
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicAuth(..)")
    }
}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let sextet = (bits >> (18 - 6 * at) & 63) as usize;
            text.push(if at <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Proxy, ProxyKind};
    use http::Method;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let rows =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (plain, encoded) in rows {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn they_are_sent_once_and_marked_as_sensitive() {
        let proxy = Proxy::new(ProxyKind::Http, "proxy.test", 80);
        let request = ProxyRequest::new(&proxy, &Method::CONNECT, &"a.test:443");
        let auth = BasicAuth::new("u", "p");
        assert!(auth.authorize(&request, None).unwrap().is_sensitive());
        assert_eq!(auth.authorize(&request, Some(&HeaderMap::new())), None);
        assert_eq!(BasicAuth::new("u:v", "p").authorize(&request, None), None);
    }

    #[test]
    fn other_credentials_have_another_identity() {
        let of = |user: &str, password: &str| BasicAuth::new(user, password).identity;
        assert_eq!(of("a", "b"), of("a", "b"));
        assert_ne!(of("a", "bc"), of("ab", "c"));
        assert_ne!(of("a:b", "c"), of("a", "b:c"));
    }
}
