use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE},
    uri::{Authority, Parts, PathAndQuery, Scheme},
};
use http_body::{Body, SizeHint};
use skybridge_core::{
    BodyLength, ConnInfo, ConnectProtocol, NextHop, OriginRef, ProxyHeaders, RequestError, host_field, is_hop_by_hop,
    strip_hop_by_hop,
};
use std::mem;

/// What was changed in a request to make it fit for the wire, and what was there before, so that a request that comes
/// back is as it came down. The parts are moved, never cloned.
#[derive(Debug, Default)]
pub(crate) struct Rewrite {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// The path, where another was put in its place.
    path: Option<PathAndQuery>,
    version: Version,
    host_added: bool,
    chunked_added: bool,
    credentials_added: bool,
    /// The fields for the next hop were put together anew.
    rewritten: bool,
    stripped: Vec<(HeaderName, HeaderValue)>,
    /// Those for the proxy.
    added: Vec<HeaderName>,
}

/// What stands in a request's headers, found in one walk over their names.
#[derive(Clone, Copy, Default)]
struct Found {
    host: bool,
    hop_by_hop: bool,
    content_length: bool,
    transfer_encoding: bool,
}

/// What there is to know of a request that is fit for the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared {
    /// The connection carries nothing after it.
    pub(crate) last: bool,
    /// How long its body must be, if that is declared.
    pub(crate) length: Option<BodyLength>,
    /// Its body is sent to its own end, and its trailers with it.
    pub(crate) chunked: bool,
}

impl Rewrite {
    /// Makes a request fit for the wire: request target (RFC 9112, section 3.2), `host`, framing, no fields of other
    /// hops, and for the proxy that forwards it `credentials`.
    ///
    /// # Errors
    /// When its `host` or its `content-length` can't be sent, or it has so many headers that ours have no place. It is
    /// to be undone then.
    #[inline]
    pub(crate) fn apply<B: Body>(
        &mut self,
        request: &mut Request<B>,
        host: &HeaderValue,
        credentials: Option<&HeaderValue>,
        info: &ConnInfo,
    ) -> Result<Prepared, RequestError> {
        let forwarded = info.forwarded;
        // A hint from above: the connection knows what it speaks.
        self.version = mem::replace(request.version_mut(), Version::HTTP_11);
        if *request.method() == Method::CONNECT {
            ConnectProtocol::check_http1(request)?;
        }
        let found = Found::look(request.headers());
        let length = found.length(request)?;
        if request.uri().authority().is_some_and(|authority| authority.as_str().contains('@')) {
            self.without_user(request);
        }
        self.chunk(request, found);
        if found.host {
            self.check_host(request, forwarded)?;
        } else {
            let host = host_of(request.uri(), host, info);
            self.host_added = true;
            request.headers_mut().try_insert(HOST, host).map_err(|_| too_many("host"))?;
        }
        let last = found.hop_by_hop && self.strip(request.headers_mut(), forwarded)?;
        if forwarded {
            self.absolute_form(request);
            self.authorize(request.headers_mut(), credentials)?;
            if let Some(for_proxy) = ProxyHeaders::of_forwarding(info) {
                let added = &mut self.added;
                for_proxy.add_to(request.headers_mut(), |name| added.push(name.clone()))?;
            }
        } else {
            self.origin_form(request);
        }
        Ok(Prepared { last, length, chunked: found.transfer_encoding })
    }

    /// User and password are no part of what is sent (RFC 9110, section 4.2.4).
    #[cold]
    fn without_user<B>(&mut self, request: &mut Request<B>) {
        let mut parts = mem::take(request.uri_mut()).into_parts();
        let host = parts.authority.as_ref().and_then(|authority| authority.as_str().rsplit_once('@'));
        // What follows the user is an authority by itself.
        let host = host.and_then(|(_, host)| host.parse().ok());
        self.authority = mem::replace(&mut parts.authority, host);
        set_uri(request, parts);
    }

    #[inline]
    fn origin_form<B>(&mut self, request: &mut Request<B>) {
        if request.uri().scheme().is_none() {
            return;
        }
        let Parts { scheme, authority, path_and_query, .. } = mem::take(request.uri_mut()).into_parts();
        self.scheme = scheme;
        self.authority = self.authority.take().or(authority);
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
        added.map(drop).map_err(|_| too_many("proxy-authorization"))
    }

    /// hyper sends no body of unknown length with these methods, and says nothing.
    #[inline]
    fn chunk<B: Body>(&mut self, request: &mut Request<B>, found: Found) {
        if matches!(*request.method(), Method::GET | Method::HEAD)
            && !found.content_length
            && !found.transfer_encoding
            && !request.body().is_end_stream()
            && request.body().size_hint().exact().is_none()
        {
            let chunked = HeaderValue::from_static("chunked");
            self.chunked_added = request.headers_mut().try_insert(TRANSFER_ENCODING, chunked).is_ok();
        }
    }

    /// The caller's own `host` stays, but a proxy that forwards the request is told the same by both: it goes by the
    /// request target, and what stands beside it must not say otherwise (RFC 9112, section 3.2.2).
    #[cold]
    fn check_host<B>(&mut self, request: &mut Request<B>, forwarded: bool) -> Result<(), RequestError> {
        let own = host_field(request.headers())?;
        let Some(authority) =
            request.uri().authority().filter(|authority| forwarded && own != Some(authority.as_str()))
        else {
            return Ok(());
        };
        if let Ok(host) = HeaderValue::from_str(authority.as_str())
            && let Ok(Some(own)) = request.headers_mut().try_insert(HOST, host)
        {
            self.stripped.push((HOST, own));
            self.host_added = true;
        }
        Ok(())
    }

    /// Leaves nothing that is for another hop, and tells the next one what it is asked. True when the connection is to
    /// carry nothing after this.
    #[cold]
    fn strip(&mut self, headers: &mut HeaderMap, forwarded: bool) -> Result<bool, RequestError> {
        // The framing is this connection's own, and the proxy's credentials are for the proxy.
        let kept = |name: &HeaderName| *name == TRANSFER_ENCODING || forwarded && *name == PROXY_AUTHORIZATION;
        let stripped = &mut self.stripped;
        let mut next = strip_hop_by_hop(headers, kept, |name, value| stripped.push((name, value)));
        // By whose credentials a connection was used decides who may use it next, and no key has what a header says.
        next.close |= forwarded && headers.contains_key(PROXY_AUTHORIZATION);
        self.rewritten = true;
        let mut tell = |name: HeaderName, value| match headers.try_insert(name, value) {
            Ok(_) => Ok(()),
            Err(_) => Err(too_many("connection")),
        };
        if let Some(options) = options(&next) {
            tell(CONNECTION, HeaderValue::from_static(options))?;
        }
        if next.trailers {
            tell(TE, HeaderValue::from_static("trailers"))?;
        }
        if let Some(upgrade) = next.upgrade {
            tell(UPGRADE, upgrade)?;
        }
        Ok(next.close)
    }

    /// Restores the request.
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
        if mem::take(&mut self.rewritten) {
            [CONNECTION, TE, UPGRADE].iter().for_each(|name| _ = headers.remove(name));
        }
        self.added.drain(..).for_each(|name| _ = headers.remove(name));
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
        self.rewritten = false;
        self.stripped.clear();
        self.added.clear();
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

/// One forwarding connection carries requests for many origins (RFC 9112, section 3.2.2: `host` repeats the target's
/// authority), and a layer above may have connected to another origin than the request's.
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

/// What `connection` says: an option for each field that is for the next hop (RFC 9110, sections 7.8 and 10.1.4).
fn options(next: &NextHop) -> Option<&'static str> {
    Some(match (next.close, next.upgrade.is_some(), next.trailers) {
        (false, false, false) => return None,
        (true, false, false) => "close",
        (false, true, false) => "upgrade",
        (false, false, true) => "te",
        (true, true, false) => "close, upgrade",
        (true, false, true) => "close, te",
        (false, true, true) => "upgrade, te",
        (true, true, true) => "close, upgrade, te",
    })
}

#[cold]
fn too_many(name: &str) -> RequestError {
    RequestError::Header(name.into(), "too many headers")
}

impl Found {
    #[inline]
    fn look(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in headers.keys() {
            if *name == HOST {
                found.host = true;
            } else if *name == CONTENT_LENGTH {
                found.content_length = true;
            } else if *name == TRANSFER_ENCODING {
                found.transfer_encoding = true;
            } else if is_hop_by_hop(name) {
                found.hop_by_hop = true;
            }
        }
        found
    }

    /// What the request's body is to be measured by. Chunked, it declares nothing unless its headers do.
    #[inline]
    fn length<B: Body>(self, request: &Request<B>) -> Result<Option<BodyLength>, RequestError> {
        let over = request.body().is_end_stream();
        if !self.content_length && (over || self.transfer_encoding) {
            return Ok(None);
        }
        let size = if over { SizeHint::with_exact(0) } else { request.body().size_hint() };
        BodyLength::declared(Some(request.headers()).filter(|_| self.content_length), &size)
    }
}

/// The first clone of fresh bytes allocates their reference count: done here, each request finds them shared.
pub(super) fn shared_host(authority: String) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let host = HeaderValue::try_from(authority)?;
    drop(host.clone());
    Ok(host)
}
