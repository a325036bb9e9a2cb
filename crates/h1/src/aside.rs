use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING},
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use http_body::Body;
use skybridge_core::{ConnInfo, OriginRef, RequestError};
use std::mem;

/// What a request loses on its way to the wire, laid aside so that one that comes back is as it came down. Moved, never cloned.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// The path, where another was put in its place.
    path: Option<PathAndQuery>,
    version: Version,
    host_added: bool,
    chunked_added: bool,
    credentials_added: bool,
    stripped: Vec<(HeaderName, HeaderValue)>,
}

/// What stands in a request's headers, found in one walk over their names.
#[derive(Clone, Copy, Default)]
struct Found {
    host: bool,
    connection: bool,
    hop_by_hop: bool,
}

/// Whether the connection may be used again after the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum After {
    Reuse,
    Close,
}

impl Aside {
    /// Makes a request fit for the wire: request target (RFC 9112, section 3.2), `host`, framing, no fields of other hops, and for the proxy that
    /// forwards it `credentials`.
    ///
    /// # Errors
    /// When it has so many headers that these have no place. It is to be undone then.
    #[inline]
    pub(crate) fn prepare<B: Body>(
        &mut self,
        request: &mut Request<B>,
        host: &HeaderValue,
        credentials: Option<&HeaderValue>,
        info: &ConnInfo,
    ) -> Result<After, RequestError> {
        let forwarded = info.forwarded;
        // A hint from above: the connection knows what it speaks.
        self.version = mem::replace(request.version_mut(), Version::HTTP_11);
        self.chunk(request);
        let found = Found::look(request.headers());
        if !found.host {
            let host = host_of(request.uri(), host, info);
            self.host_added = true;
            request
                .headers_mut()
                .try_insert(HOST, host)
                .map_err(|_| RequestError::Header("host".into(), "too many headers"))?;
        }
        if found.hop_by_hop {
            self.strip(request.headers_mut(), forwarded);
        }
        if forwarded {
            self.absolute_form(request);
            self.authorize(request.headers_mut(), credentials)?;
        } else {
            self.origin_form(request);
        }
        Ok(if found.connection { after(request.headers()) } else { After::Reuse })
    }

    #[inline]
    fn origin_form<B>(&mut self, request: &mut Request<B>) {
        if request.uri().scheme().is_none() {
            return;
        }
        let Parts { scheme, authority, path_and_query, .. } = mem::take(request.uri_mut()).into_parts();
        (self.scheme, self.authority) = (scheme, authority);
        match path_and_query {
            // Empty looks like this too, but isn't written so; and `/` is what `take` left behind.
            Some(path) if path.as_str() == "/" => self.path = Some(path),
            Some(path) => *request.uri_mut() = path.into(),
            None => {}
        }
    }

    /// The absolute form is what came down, but `*` has no place in it.
    fn absolute_form<B>(&mut self, request: &mut Request<B>) {
        if request.uri().path() != "*" || request.uri().scheme().is_none() {
            return;
        }
        let mut parts = mem::take(request.uri_mut()).into_parts();
        self.path = parts.path_and_query.replace(PathAndQuery::from_static("/"));
        set_uri(request, parts);
    }

    /// A request that has its own keeps them.
    fn authorize(&mut self, headers: &mut HeaderMap, credentials: Option<&HeaderValue>) -> Result<(), RequestError> {
        let Some(credentials) = credentials.filter(|_| !headers.contains_key(PROXY_AUTHORIZATION)) else {
            return Ok(());
        };
        self.credentials_added = true;
        let added = headers.try_insert(PROXY_AUTHORIZATION, credentials.clone());
        added.map(drop).map_err(|_| RequestError::Header("proxy-authorization".into(), "too many headers"))
    }

    /// hyper sends no body of unknown length with these methods, and says nothing.
    #[inline]
    fn chunk<B: Body>(&mut self, request: &mut Request<B>) {
        if matches!(*request.method(), Method::GET | Method::HEAD)
            && !request.body().is_end_stream()
            && request.body().size_hint().exact().is_none()
            && !request.headers().contains_key(CONTENT_LENGTH)
            && !request.headers().contains_key(TRANSFER_ENCODING)
        {
            let chunked = HeaderValue::from_static("chunked");
            self.chunked_added = request.headers_mut().try_insert(TRANSFER_ENCODING, chunked).is_ok();
        }
    }

    #[cold]
    fn strip(&mut self, headers: &mut HeaderMap, forwarded: bool) {
        let names: Vec<_> = headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned().collect();
        for name in names {
            if forwarded && name == PROXY_AUTHORIZATION {
                continue;
            }
            let values: Vec<_> = headers.get_all(&name).iter().cloned().collect();
            headers.remove(&name);
            self.stripped.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
    }

    /// Gives back all that was laid aside.
    #[cold]
    pub(crate) fn undo<B>(&mut self, request: &mut Request<B>) {
        *request.version_mut() = mem::take(&mut self.version);
        let headers = request.headers_mut();
        if mem::take(&mut self.host_added) {
            headers.remove(HOST);
        }
        if mem::take(&mut self.credentials_added) {
            headers.remove(PROXY_AUTHORIZATION);
        }
        if mem::take(&mut self.chunked_added) {
            headers.remove(TRANSFER_ENCODING);
        }
        for (name, value) in self.stripped.drain(..) {
            // Not more than there were before.
            let _ = headers.try_append(name, value);
        }
        let mut parts = mem::take(request.uri_mut()).into_parts();
        parts.scheme = self.scheme.take().or(parts.scheme);
        parts.authority = self.authority.take().or(parts.authority);
        parts.path_and_query = self.path.take().or(parts.path_and_query);
        set_uri(request, parts);
    }

    /// Forgets it: the request won't come back.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.scheme = None;
        self.authority = None;
        self.path = None;
        self.host_added = false;
        self.chunked_added = false;
        self.credentials_added = false;
        self.stripped.clear();
    }
}

fn set_uri<B>(request: &mut Request<B>, parts: Parts) {
    // It was one before: this can't fail.
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// The connection's own, as a rule.
#[inline]
fn host_of(uri: &Uri, own: &HeaderValue, info: &ConnInfo) -> HeaderValue {
    match uri.authority() {
        Some(authority) if authority.as_str().as_bytes() != own.as_bytes() => another_host(uri, authority, own, info),
        _ => own.clone(),
    }
}

/// One forwarding connection carries requests for many origins (RFC 9112, section 3.2.2: `host` repeats the target's authority), and a layer
/// above may have connected to another origin than the request's.
#[cold]
fn another_host(uri: &Uri, authority: &Authority, own: &HeaderValue, info: &ConnInfo) -> HeaderValue {
    let host = if info.forwarded {
        HeaderValue::from_str(authority.as_str()).ok()
    } else {
        let origin = OriginRef::of(uri).ok().filter(|origin| *origin != info.route.target.origin().as_ref());
        origin.and_then(|origin| HeaderValue::try_from(origin.to_owned().ok()?.authority()).ok())
    };
    host.unwrap_or_else(|| own.clone())
}

#[cold]
fn after(headers: &HeaderMap) -> After {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let close = values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"));
    if close { After::Close } else { After::Reuse }
}

/// Fields between a client and a proxy, or relics, that no origin should see (RFC 9110, section 7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(name, "keep-alive" | "proxy-connection" | "proxy-authorization")
}

impl Found {
    #[inline]
    fn look(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "host" => found.host = true,
                "connection" => found.connection = true,
                name if is_hop_by_hop(name) => found.hop_by_hop = true,
                _ => {}
            }
        }
        found
    }
}
