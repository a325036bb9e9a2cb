//! Between the types of `http` and those of the codec.

use crate::settings::Settings;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response,
    header::{CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING},
    uri::Authority,
};
use http_body::{Body, SizeHint};
use skybridge_core::{
    BodyLength, ConnInfo, ConnectProtocol, NextHop, OriginRef, ProxyHeaders, RequestError, host_field, is_hop_by_hop,
    strip_hop_by_hop,
};
use skybridge_h1_codec::{
    BodyFraming, ConnectionOptions, Encoded, FieldCase, FieldSpelling, RequestHead, RequestTarget, ResponseHead,
    http1_0,
};

/// What there is to know of a request whose head is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) framing: BodyFraming,
    /// How long its body must be, if that is declared.
    pub(crate) length: Option<BodyLength>,
    /// The connection carries nothing after it.
    pub(crate) close: bool,
    /// It asks for another protocol.
    pub(crate) upgrade: bool,
    /// The body is held back until the peer wants it.
    pub(crate) expects_continue: bool,
}

/// What stands in a request's headers, found in one walk over their names.
#[derive(Clone, Copy, Default)]
struct Found {
    host: bool,
    hop_by_hop: bool,
    content_length: bool,
}

/// Writes a request's head: request target (RFC 9112, section 3.2), `host`, its fields without those that are for
/// another hop, and its framing. The request stays as it is.
///
/// # Errors
/// When its `host` or its `content-length` can't be sent, or CONNECT has no target. Nothing may be sent of it then.
#[inline]
pub(crate) fn encode<B: Body>(
    request: &Request<B>,
    connection: &Fixed,
    info: &ConnInfo,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<Written, RequestError> {
    let found = Found::look(request.headers(), settings.http1_0);
    let (framing, length) = found.framing(request)?;
    if found.host {
        host_field(request.headers())?;
    }
    if *request.method() == Method::CONNECT {
        tunnel_target(request)?;
    }
    if found.hop_by_hop || ProxyHeaders::of_forwarding(info).is_some() {
        return encode_cleaned(request, found.host, framing, length, connection, info, settings, out);
    }
    let headers = request.headers();
    let next = NextHop::default();
    let encoded = write(request, headers, found.host, framing, &next, connection, info, settings, out);
    let expects_continue = encoded.expects_continue;
    Ok(Written { framing, length, close: false, upgrade: false, expects_continue })
}

/// Leaves nothing that is for another hop, tells the next one what it is asked, and a proxy what is for it.
#[cold]
#[allow(clippy::too_many_arguments, reason = "each is a part of the head")]
fn encode_cleaned<B: Body>(
    request: &Request<B>,
    has_host: bool,
    framing: BodyFraming,
    length: Option<BodyLength>,
    connection: &Fixed,
    info: &ConnInfo,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Result<Written, RequestError> {
    let mut headers = request.headers().clone();
    // The proxy's credentials are for the proxy. Who is asked for a tunnel is one (RFC 9110, section 9.3.6).
    let to_proxy = info.forwarded || *request.method() == Method::CONNECT;
    let kept = |name: &HeaderName| to_proxy && *name == PROXY_AUTHORIZATION;
    let mut next = strip_hop_by_hop(&mut headers, kept, |_, _| {});
    if settings.http1_0 {
        if framing == BodyFraming::Chunked {
            let why = "HTTP/1.0 has no chunks, and the length of the body isn't known";
            return Err(RequestError::Header(TRANSFER_ENCODING.as_str().into(), why));
        }
        (next.upgrade, next.trailers) = (None, false);
        headers.remove(EXPECT);
    }
    // By whose credentials a connection was used decides who may use it next, and no key has what a header says.
    next.close |= info.forwarded && headers.contains_key(PROXY_AUTHORIZATION);
    if let Some(for_proxy) = ProxyHeaders::of_forwarding(info) {
        for_proxy.add_to(&mut headers, |_| {})?;
    }
    let start = out.len();
    let encoded = write(request, &headers, has_host, framing, &next, connection, info, settings, out);
    if settings.http1_0 {
        http1_0(&mut out[start..]);
    }
    let (close, upgrade) = (next.close || settings.http1_0, next.upgrade.is_some());
    Ok(Written { framing, length, close, upgrade, expects_continue: encoded.expects_continue })
}

#[inline]
#[allow(clippy::too_many_arguments, reason = "each is a part of the head")]
fn write<B>(
    request: &Request<B>,
    headers: &HeaderMap,
    has_host: bool,
    body: BodyFraming,
    next: &NextHop,
    connection: &Fixed,
    info: &ConnInfo,
    settings: &Settings,
    out: &mut Vec<u8>,
) -> Encoded {
    let method = request.method();
    let another = another_host(request, has_host, &connection.host, info);
    let case = match request.extensions().get::<FieldSpelling>() {
        Some(spelling) => FieldCase::AsBefore(spelling),
        None if settings.title_case => FieldCase::Title,
        None => FieldCase::Lower,
    };
    let target = match *method {
        Method::CONNECT => RequestTarget::Authority(request.uri().authority().map_or("", without_user)),
        _ if info.forwarded => RequestTarget::Absolute(request.uri()),
        _ => RequestTarget::Origin(request.uri()),
    };
    let options = ConnectionOptions { close: next.close, upgrade: next.upgrade.as_ref(), trailers: next.trailers };
    let host = another.as_ref().unwrap_or(&connection.host);
    let credentials = connection.credentials.as_ref();
    RequestHead { method, target, host, headers, body, options, credentials, case }.encode(out)
}

impl Found {
    #[inline]
    fn look(headers: &HeaderMap, needs_cleaning: bool) -> Self {
        let mut found = Self { hop_by_hop: needs_cleaning, ..Self::default() };
        for name in headers.keys() {
            if *name == HOST {
                found.host = true;
            } else if *name == CONTENT_LENGTH {
                found.content_length = true;
            } else if is_hop_by_hop(name) {
                found.hop_by_hop = true;
            }
        }
        found
    }

    /// How a request's body is sent, and how long it must be: as `content-length` says, else as it says itself, else in
    /// chunks (RFC 9112, section 6.3). A request that names the coding itself is sent so.
    #[inline]
    fn framing<B: Body>(self, request: &Request<B>) -> Result<(BodyFraming, Option<BodyLength>), RequestError> {
        let body = request.body();
        let over = body.is_end_stream();
        if over && !self.content_length {
            return Ok((BodyFraming::Empty, None));
        }
        let size = if over { SizeHint::with_exact(0) } else { body.size_hint() };
        let chunked = !over && self.hop_by_hop && request.headers().contains_key(TRANSFER_ENCODING);
        let length = if self.content_length || !chunked {
            BodyLength::declared(Some(request.headers()).filter(|_| self.content_length), &size)?
        } else {
            None
        };
        Ok(match length {
            _ if over => (BodyFraming::Empty, None),
            Some(length) if !chunked => (BodyFraming::Length(length.declared_bytes()), Some(length)),
            length => (BodyFraming::Chunked, length),
        })
    }
}

/// What stands in each request of one connection.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) host: HeaderValue,
    /// For the proxy that forwards what is sent here: the present request's, or the last one's.
    pub(crate) credentials: Option<HeaderValue>,
}

/// What stands in `host`, where that isn't the connection's own: what the request says itself, or the authority of a
/// request that another origin's connection carries (RFC 9112, section 3.2).
#[inline]
fn another_host<B>(request: &Request<B>, has_host: bool, own: &HeaderValue, info: &ConnInfo) -> Option<HeaderValue> {
    if has_host
        && !info.forwarded
        && let Some(host) = request.headers().get(HOST)
    {
        return Some(host.clone());
    }
    let authority = request.uri().authority()?;
    if authority.as_str().as_bytes() == own.as_bytes() { None } else { host_of(request, authority, info) }
}

/// CONNECT names a host and a port; there is no port by default (RFC 9112, section 3.2.3).
#[cold]
fn tunnel_target<B>(request: &Request<B>) -> Result<(), RequestError> {
    ConnectProtocol::check_http1(request)?;
    match request.uri().authority() {
        Some(authority) if authority.port_u16().is_some() && !authority.host().is_empty() => Ok(()),
        _ => Err(RequestError::Uri("CONNECT needs a host and a port".into())),
    }
}

/// User and password are no part of what is sent (RFC 9110, section 4.2.4).
fn without_user(authority: &Authority) -> &str {
    let authority = authority.as_str();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cold]
fn host_of<B>(request: &Request<B>, authority: &Authority, info: &ConnInfo) -> Option<HeaderValue> {
    if info.forwarded || *request.method() == Method::CONNECT {
        return HeaderValue::from_str(without_user(authority)).ok();
    }
    let origin = OriginRef::of(request.uri()).ok().filter(|origin| *origin != info.route.target.origin().as_ref())?;
    HeaderValue::try_from(origin.to_owned().ok()?.authority()).ok()
}

#[inline]
pub(crate) fn response<T>(head: ResponseHead, body: T) -> Response<T> {
    let ResponseHead { status, version, headers, reason, spelling, .. } = head;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.version_mut() = version;
    *response.headers_mut() = headers;
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    if let Some(spelling) = spelling {
        response.extensions_mut().insert(*spelling);
    }
    response
}

/// The first clone of fresh bytes allocates their reference count: done here, each request finds them shared.
pub(crate) fn shared_host(authority: String) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let host = HeaderValue::try_from(authority)?;
    drop(host.clone());
    Ok(host)
}
