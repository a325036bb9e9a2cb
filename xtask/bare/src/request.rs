//! The requests that are measured. [`Shape::Plain`] is the least that can be asked: its URI was parsed once and is
//! cloned, it has no headers, and the answer to it has one. [`Shape::PlainTwelve`] clones twelve headers as well. Each
//! of the others parses its URI and builds its headers anew, as a caller does to whom every URL is new: that is a part
//! of what is counted, the same for everybody.

use crate::Over;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body::Body as HttpBody;
use http_body_util::Full;
use std::sync::LazyLock;

/// The body of a request.
pub type Body = Full<Bytes>;

/// How each body ends, by which a canned peer knows the end of a request.
pub(crate) const END: &[u8] = b"the end.";
const SMALL: &[u8] = b"and the end.";
const LARGE: [u8; 4096] = {
    let mut body = [b'.'; 4096];
    let mut at = 0;
    while at < END.len() {
        body[body.len() - END.len() + at] = END[at];
        at += 1;
    }
    body
};

/// What a browser sends along.
const TWELVE: [(&str, &str); 10] = [
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("authorization", "Bearer 0123456789abcdef0123456789abcdef"),
    ("cache-control", "no-cache"),
    ("content-type", "application/json"),
    ("if-none-match", "\"0123456789abcdef\""),
    ("origin", "http://example.test"),
    ("referer", "http://example.test/some/other/path"),
    ("x-request-id", "0123456789abcdef"),
    ("x-trace", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"),
];

const OWNED: [HeaderName; 3] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("x-tenant"), HeaderName::from_static("x-trace")];

/// What is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// GET without a body or any header, its URI at hand.
    Plain,
    /// GET without a body, its URI and twelve headers at hand.
    PlainTwelve,
    /// GET without a body, header values that cost nothing to copy.
    Get,
    /// GET with three header values of its own.
    GetOwned,
    /// GET with twelve headers, the values of ten of them its own.
    GetTwelve,
    /// POST with a body of a few bytes.
    Post,
    /// POST with a body of 4 KiB.
    PostLarge,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Plain, Self::PlainTwelve, Self::Get, Self::GetOwned, Self::GetTwelve, Self::Post, Self::PostLarge];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "GET, no headers",
            Self::PlainTwelve => "GET, 12 cloned headers",
            Self::Get => "GET, static headers",
            Self::GetOwned => "GET, 3 owned headers",
            Self::GetTwelve => "GET, 12 headers",
            Self::Post => "POST, 12 bytes",
            Self::PostLarge => "POST, 4 KiB",
        }
    }

    /// Header values that can't be copied without an allocation.
    pub fn owned_values(self) -> u64 {
        match self {
            Self::GetOwned => 3,
            Self::GetTwelve => 10,
            _ => 0,
        }
    }

    /// Its body.
    pub fn bytes(self) -> Bytes {
        match self {
            Self::Plain | Self::PlainTwelve | Self::Get | Self::GetOwned | Self::GetTwelve => Bytes::new(),
            Self::Post => Bytes::from_static(SMALL),
            Self::PostLarge => Bytes::from_static(&LARGE),
        }
    }

    /// Whether everything is at hand, and only cloned.
    pub fn is_plain(self) -> bool {
        matches!(self, Self::Plain | Self::PlainTwelve)
    }

    /// The request of a program that knows nothing of connections: an absolute URI, no `host`.
    pub fn request<B: HttpBody + From<Bytes>>(self, over: Over) -> Request<B> {
        let mut request = Request::new(B::from(self.bytes()));
        if self.is_plain() {
            *request.uri_mut() = ready_uri(over).clone();
            if self == Self::PlainTwelve {
                request.headers_mut().clone_from(&TWELVE_HEADERS);
            }
            return request;
        }
        *request.uri_mut() = uri(over);
        if matches!(self, Self::Post | Self::PostLarge) {
            *request.method_mut() = Method::POST;
        }
        let headers = request.headers_mut();
        usual(headers);
        match self {
            Self::GetOwned => headers.extend(OWNED.map(|name| (name, owned("0123456789abcdef")))),
            Self::GetTwelve => twelve(headers),
            _ => {}
        }
        request
    }
}

static TWELVE_HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::new();
    usual(&mut headers);
    twelve(&mut headers);
    headers
});

fn usual(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("skybridge-meter"));
}

fn twelve(headers: &mut HeaderMap) {
    headers.extend(TWELVE.map(|(name, value)| (HeaderName::from_static(name), owned(value))));
}

/// The URI of a program that asks for the same again and again.
fn ready_uri(over: Over) -> &'static Uri {
    static CLEAR: LazyLock<Uri> = LazyLock::new(|| uri(Over::Nothing));
    static SEALED: LazyLock<Uri> = LazyLock::new(|| uri(Over::Tls));
    match over {
        Over::Nothing => &CLEAR,
        Over::Tls => &SEALED,
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
