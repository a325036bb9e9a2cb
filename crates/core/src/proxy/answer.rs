use crate::{ConnInfo, Proxy, ProxyRequest};
use http::{HeaderMap, HeaderValue, Request, Uri, header::PROXY_AUTHORIZATION};
use std::fmt;

/// The answer to the challenge (407) of a proxy that forwards requests. It is in the extensions of the request that is
/// sent again, and for that proxy alone: another one, and the origin, never see it.
///
/// A connection asks for the [credentials](Self::credentials) of each request that it has forwarded.
#[derive(Clone)]
pub struct ProxyAnswer {
    proxy: Proxy,
    value: HeaderValue,
    /// How many challenges were answered for this request, those of other proxies too.
    answered: usize,
}

/// The target of a request that is forwarded: its URI, without user and password (RFC 9110, section 4.2.4).
struct Absolute<'a>(&'a Uri);

impl ProxyAnswer {
    /// The most challenges that are answered for one request, by whichever proxies it is forwarded, and to each proxy
    /// for one tunnel, whether its connections are kept or closed. The next one is final: a request is sent 21 times at
    /// most, as with OkHttp.
    pub const LIMIT: usize = 20;

    /// What this request shows the proxy that forwards it. `None` on a connection that isn't forwarded.
    pub fn credentials<B>(request: &Request<B>, info: &ConnInfo) -> Option<HeaderValue> {
        let proxy = forwarding_proxy(info)?;
        match request.extensions().get::<Self>() {
            Some(answer) if answer.proxy == *proxy => Some(answer.value.clone()),
            _ => ProxyRequest::new(proxy, request.method(), &Absolute(request.uri()))
                .for_partition(info.route.target.connect_options().partition.as_ref())
                .authorize(None),
        }
    }

    /// Puts the answer to a challenge with this head into the request that was challenged, having shown these
    /// credentials. False if there is none, or there were [too many](Self::LIMIT), or the request brings credentials of
    /// its own: then the 407 is the response.
    #[cold]
    pub(crate) fn put<B>(
        request: &mut Request<B>,
        shown: Option<&HeaderValue>,
        challenge: &HeaderMap,
        info: &ConnInfo,
    ) -> bool {
        let Some(proxy) = forwarding_proxy(info) else { return false };
        // Of whichever proxy: two that take turns would go on for ever.
        let answered = request.extensions().get::<Self>().map_or(0, |earlier| earlier.answered);
        if answered == Self::LIMIT || request.headers().contains_key(PROXY_AUTHORIZATION) {
            return false;
        }
        let target = Absolute(request.uri());
        let asked = ProxyRequest::new(proxy, request.method(), &target)
            .for_partition(info.route.target.connect_options().partition.as_ref())
            .refused(shown);
        let Some(value) = asked.authorize(Some(challenge)) else { return false };
        let answer = Self { proxy: proxy.clone(), value, answered: answered + 1 };
        request.extensions_mut().insert(answer);
        true
    }
}

fn forwarding_proxy(info: &ConnInfo) -> Option<&Proxy> {
    info.route.proxies.last().filter(|_| info.forwarded)
}

impl fmt::Display for Absolute<'_> {
    /// As HTTP/1.1 writes it (RFC 9112, section 3.2.2): `*` is addressed to the origin (section 3.2.4).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(scheme), Some(authority)) = (self.0.scheme_str(), self.0.authority()) {
            let host = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
            write!(f, "{scheme}://{host}")?;
            if self.0.path() == "*" {
                return Ok(());
            }
        }
        let path = self.0.path_and_query().map_or("", |path| path.as_str());
        let slash = if path.starts_with('/') || path == "*" { "" } else { "/" };
        write!(f, "{slash}{path}")
    }
}

impl fmt::Debug for ProxyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyAnswer")
            .field("proxy", &format_args!("{}", self.proxy))
            .field("answered", &self.answered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_written_as_in_the_request_line() {
        for (uri, target) in [
            ("http://a.test", "http://a.test/"),
            ("http://user:pw@a.test:8080/p?q", "http://a.test:8080/p?q"),
            ("http://a.test?q", "http://a.test/?q"),
            ("/p?q", "/p?q"),
            ("*", "*"),
        ] {
            assert_eq!(Absolute(&uri.parse().unwrap()).to_string(), target);
        }
    }
}
