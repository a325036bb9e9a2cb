mod body_length;
mod hop_by_hop;
mod options;
mod replays;

pub use self::{
    body_length::BodyLength,
    hop_by_hop::{NextHop, is_hop_by_hop, strip_hop_by_hop},
    options::RequestOptions,
    replays::{Asked, Asking, Replay, Replays},
};

use crate::{OriginError, OriginRef, Scheme};
use http::{HeaderMap, HeaderName, Method, Request, header};
use http_body::{Body, SizeHint};
use std::fmt;

/// What is wrong with a request that nobody could send. Found before anything is opened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// Its URI names no origin.
    Origin(OriginError),
    /// Its URI could not be read.
    Uri(Box<str>),
    /// `content-length` is not a number, or stands there twice with different values (RFC 9110, section 8.6).
    ContentLength(Box<str>),
    /// `content-length` says one thing and the body another.
    BodySize {
        /// What the header says, in bytes.
        declared: u64,
        /// The least that the body will have.
        at_least: u64,
        /// The most that the body may have.
        at_most: Option<u64>,
    },
    /// A header that the message's framing forbids, and why.
    Header(Box<str>, &'static str),
    /// A method that this stack doesn't speak.
    Method(Box<str>),
}

/// Checks what every connection would have to refuse.
///
/// # Errors
/// When `content-length` is unreadable or contradicts the body, `transfer-encoding` isn't `chunked`, `host` is not
/// [one authority](host_field), or the method is `CONNECT`.
#[inline]
pub fn check<B: Body>(request: &Request<B>) -> Result<(), RequestError> {
    if *request.method() == Method::CONNECT {
        return Err(RequestError::Method("CONNECT".into()));
    }
    let headers = request.headers();
    if !is_delicate(headers) {
        return Ok(());
    }
    host_field(headers)?;
    let body = request.body();
    check_framing(headers, &if body.is_end_stream() { SizeHint::with_exact(0) } else { body.size_hint() })
}

/// Whether it has headers that say where a message ends, or whose it is. Looking at a few names is cheaper than looking one up.
#[inline]
fn is_delicate(headers: &HeaderMap) -> bool {
    let delicate = |name: &HeaderName| {
        *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING || *name == header::HOST
    };
    if headers.keys_len() <= 8 {
        headers.keys().any(delicate)
    } else {
        [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST].iter().any(|name| headers.contains_key(name))
    }
}

/// The authority in `host`, if a request brings one of its own (RFC 9110, section 7.2).
///
/// # Errors
/// When it stands there twice: of two the peer may see one, and what is before it the other (RFC 9112, section 3.2).
/// When it names a user, or is no host with or without a port: it is what virtual hosts, caches and routers go by.
pub fn host_field(headers: &HeaderMap) -> Result<Option<&str>, RequestError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let refused = |why| RequestError::Header("host".into(), why);
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(refused("it stands there twice"));
    }
    if host.as_bytes().contains(&b'@') {
        return Err(refused("a user has no place in it"));
    }
    // Which scheme it is for makes no difference: ports are as good in both.
    let origin = host.to_str().ok().map(|host| (host, OriginRef::parse(Scheme::Http, host).and_then(OriginRef::check)));
    match origin {
        Some((host, Ok(()))) => Ok(Some(host)),
        _ => Err(refused("it is not an authority")),
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
            Self::Origin(_) => f.write_str("its URI names no origin"),
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
            Self::Method(method) => write!(f, "method {method} is not spoken by this stack"),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Origin(error) => Some(error),
            _ => None,
        }
    }
}
