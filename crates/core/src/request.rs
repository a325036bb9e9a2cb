mod body_length;
mod connect_protocol;
mod deadline;
mod follow_up;
mod hop_by_hop;
mod informational;
mod options;
mod replays;

pub use self::{
    body_length::BodyLength,
    connect_protocol::ConnectProtocol,
    deadline::Deadline,
    follow_up::FollowUp,
    hop_by_hop::{NextHop, is_hop_by_hop, strip_hop_by_hop},
    informational::OnInformational,
    options::RequestOptions,
    replays::{Asked, Asking, Replay, Replays},
};

use crate::{HttpVersions, OriginError, OriginRef, Scheme};
use http::{HeaderMap, HeaderName, Method, Request, header};
use http_body::{Body, SizeHint};
use std::fmt;

/// Why a request is invalid, so that no connection could send it. Found before a connection is opened.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The URI has no origin that can be reached.
    Origin(OriginError),
    /// The URI could not be parsed.
    Uri(Box<str>),
    /// `content-length` is not a number, or occurs twice with different values (RFC 9110, section 8.6).
    ContentLength(Box<str>),
    /// `content-length` contradicts the size of the body.
    BodySize {
        /// The length that the header declares, in bytes.
        declared: u64,
        /// The least number of bytes that the body has.
        at_least: u64,
        /// The greatest number of bytes that the body has, if that is known.
        at_most: Option<u64>,
    },
    /// A header is not allowed, or has a value that is not: its name, and why.
    Header(Box<str>, &'static str),
    /// A method that is not supported.
    Method(Box<str>),
    /// A value could not be written as a body, or as a query: why.
    Value(Box<str>),
    /// An [extended CONNECT](ConnectProtocol) on a connection that can't carry one: why.
    ExtendedConnect(&'static str),
}

/// Checks a request for what no connection could send. Returns the version of HTTP that alone can carry it: HTTP/1.1
/// where it asks to switch to another protocol (`connection: upgrade`, RFC 9110, section 7.8), as HTTP/2 has no upgrade
/// (RFC 9113, section 8.6).
///
/// # Errors
/// When `content-length` is invalid or contradicts the body, when `transfer-encoding` isn't `chunked`, when `host` is
/// not [one authority](host_field), or when the method is `CONNECT`, unless it is an [extended one](ConnectProtocol).
#[inline]
pub fn validate_request<B: Body>(request: &Request<B>) -> Result<Option<HttpVersions>, RequestError> {
    let is_connect = *request.method() == Method::CONNECT;
    if is_connect && ConnectProtocol::of(request).is_none() {
        return Err(RequestError::Method("CONNECT".into()));
    }
    if !request.extensions().is_empty() {
        ConnectProtocol::check_absent(request)?;
    }
    let headers = request.headers();
    if !has_headers_to_check(headers) {
        return Ok(None);
    }
    host_field(headers)?;
    let body = request.body();
    check_framing(headers, &if body.is_end_stream() { SizeHint::with_exact(0) } else { body.size_hint() })?;
    // An extended CONNECT is what HTTP/2 has in place of an upgrade.
    Ok((!is_connect && hop_by_hop::asks_for_upgrade(headers)).then_some(HttpVersions::Http1))
}

/// Whether there are headers that delimit the message, name its host or ask for another protocol. To compare a few
/// names is cheaper than to hash one.
#[inline]
fn has_headers_to_check(headers: &HeaderMap) -> bool {
    const NAMES: [HeaderName; 4] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST, header::UPGRADE];
    if headers.keys_len() <= 8 {
        headers.keys().any(|name| {
            let [length, coding, host, upgrade] = &NAMES;
            name == length || name == coding || name == host || name == upgrade
        })
    } else {
        NAMES.iter().any(|name| headers.contains_key(name))
    }
}

/// The value of the `host` header (RFC 9110, section 7.2), if the request has one.
///
/// # Errors
/// When it occurs twice, because a proxy may use one and the origin the other (RFC 9112, section 3.2). When it contains
/// userinfo, or is not a host with or without a port, because virtual hosts, caches and routers depend on it.
pub fn host_field(headers: &HeaderMap) -> Result<Option<&str>, RequestError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let refused = |why| RequestError::Header("host".into(), why);
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(refused("it occurs more than once"));
    }
    if host.as_bytes().contains(&b'@') {
        return Err(refused("it must not contain userinfo"));
    }
    // The scheme makes no difference: the same authorities are valid in both.
    let origin = host.to_str().ok().map(|host| (host, OriginRef::parse(Scheme::Http, host).and_then(OriginRef::check)));
    match origin {
        Some((host, Ok(()))) => Ok(Some(host)),
        _ => Err(refused("it is not a host with an optional port")),
    }
}

fn check_framing(headers: &HeaderMap, size: &SizeHint) -> Result<(), RequestError> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (!coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some())
    {
        return Err(RequestError::Header("transfer-encoding".into(), "only `chunked` can be sent"));
    }
    BodyLength::declared(Some(headers), size).map(drop)
}

impl From<OriginError> for RequestError {
    fn from(error: OriginError) -> Self {
        Self::Origin(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(error) => error.fmt(f),
            Self::Uri(why) => write!(f, "its URI can't be read: {why}"),
            Self::ContentLength(value) => write!(f, "content-length `{value}` is not a length"),
            Self::BodySize { declared, at_least, at_most: Some(at_most) } if at_least == at_most => {
                write!(f, "content-length is {declared} and the body has {at_least} bytes")
            }
            Self::BodySize { declared, at_least, at_most } => {
                write!(f, "content-length is {declared} and the body has at least {at_least} bytes")?;
                at_most.map_or(Ok(()), |most| write!(f, " and at most {most}"))
            }
            Self::Header(name, why) => write!(f, "header `{name}`: {why}"),
            Self::Method(method) => write!(f, "the method {method} is not supported"),
            Self::Value(why) => write!(f, "a value can't be written: {why}"),
            Self::ExtendedConnect(why) => write!(f, "an extended CONNECT isn't possible here: {why}"),
        }
    }
}

impl fmt::Debug for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // It is said already, as all that there is to say.
            Self::Origin(error) => error.source(),
            _ => None,
        }
    }
}
