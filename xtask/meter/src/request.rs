//! The requests that are measured: URI parsed and headers built anew each time, as any caller must.

use crate::peer::Over;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;

pub(crate) type Body = Full<Bytes>;

const OWNED: [HeaderName; 3] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("x-tenant"), HeaderName::from_static("x-trace")];

/// What is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// GET without a body, header values that cost nothing to copy.
    Get,
    /// GET with three header values of its own.
    GetOwned,
    /// POST with a body of bytes.
    Post,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Get, Self::GetOwned, Self::Post];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET, static headers",
            Self::GetOwned => "GET, 3 owned headers",
            Self::Post => "POST, Bytes body",
        }
    }

    /// Header values that can't be copied without an allocation.
    pub(crate) fn owned_values(self) -> u64 {
        match self {
            Self::GetOwned => 3,
            _ => 0,
        }
    }

    /// The request of a program that knows nothing of connections: an absolute URI, no `host`.
    pub(crate) fn request(self, over: Over) -> Request<Body> {
        let body = match self {
            Self::Post => Full::new(Bytes::from_static(b"twelve bytes")),
            _ => Full::default(),
        };
        let mut request = Request::new(body);
        *request.uri_mut() = uri(over);
        if self == Self::Post {
            *request.method_mut() = Method::POST;
        }
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static("skybridge-meter"));
        if self == Self::GetOwned {
            for name in OWNED {
                headers.insert(name, owned("0123456789abcdef"));
            }
        }
        request
    }
}

#[expect(clippy::unwrap_used, reason = "a constant URI parses")]
fn uri(over: Over) -> Uri {
    let text = match over {
        Over::Nothing => "http://example.test/some/path?and=query",
        Over::Tls => "https://example.test/some/path?and=query",
    };
    std::hint::black_box(text).parse().unwrap()
}

#[expect(clippy::unwrap_used, reason = "a constant is a header value")]
fn owned(text: &str) -> HeaderValue {
    HeaderValue::from_str(std::hint::black_box(text)).unwrap()
}
