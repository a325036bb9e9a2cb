//! Turns a request's head into one of HTTP/2.

use http::{
    HeaderMap, HeaderValue, Method, Request, Uri, Version, header,
    uri::{Authority, PathAndQuery},
};
use http_body::SizeHint;
use skybridge_core::{BodyLength, NextHop, RequestError, host_field, is_hop_by_hop, strip_hop_by_hop};

/// Turns the head into one of HTTP/2, and returns the length that its body must have, if it is declared.
/// Connection-specific fields are removed (RFC 9113, section 8.2.2): `connection: close` means nothing on a shared
/// connection. A `host` becomes `:authority` (section 8.3.1): it takes precedence over the URI's, as on HTTP/1.1. An
/// exact size becomes `content-length`, unless it is 0 and the method expects no content.
///
/// # Errors
/// When `host` or `content-length` is invalid, or there are too many fields to add one.
#[inline]
pub(crate) fn prepare<B>(
    request: &mut Request<B>,
    size: &SizeHint,
    length: impl FnOnce(u64) -> HeaderValue,
) -> Result<Option<BodyLength>, RequestError> {
    let found = HeaderScan::of(request.headers());
    let declared = BodyLength::declared(if found.content_length { Some(request.headers()) } else { None }, size)?;
    if found.connection_specific {
        if let Some(host) = host_field(request.headers())? {
            let uri = with_authority(request.uri().clone(), host)?;
            *request.uri_mut() = uri;
        }
        if strip(request.headers_mut()).trailers {
            // There is room for it, since it was in the map before.
            let _ = request.headers_mut().try_insert(header::TE, HeaderValue::from_static("trailers"));
        }
    }
    if request.uri().path_and_query().is_some_and(|path| path.as_str().starts_with('?')) {
        *request.uri_mut() = with_root_path(std::mem::take(request.uri_mut()))?;
    }
    if let Some(exact) = size.exact()
        && !found.content_length
        && (exact != 0 || expects_content(request.method()))
    {
        let full = |_| RequestError::Header("content-length".into(), "too many headers");
        request.headers_mut().try_insert(header::CONTENT_LENGTH, length(exact)).map_err(full)?;
    }
    *request.version_mut() = Version::HTTP_2;
    Ok(declared)
}

/// What a header section contains, found in one pass over its names.
#[derive(Clone, Copy, Default)]
struct HeaderScan {
    /// A field that HTTP/2 doesn't allow.
    connection_specific: bool,
    content_length: bool,
}

impl HeaderScan {
    #[inline]
    fn of(headers: &HeaderMap) -> Self {
        if headers.is_empty() {
            return Self::default();
        }
        Self::of_some(headers)
    }

    fn of_some(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in headers.keys() {
            if *name == header::CONTENT_LENGTH {
                found.content_length = true;
            } else if *name == header::HOST || is_hop_by_hop(name) {
                found.connection_specific = true;
            }
        }
        found
    }
}

/// Removes connection-specific fields from trailers.
pub(crate) fn strip_trailers(trailers: &mut HeaderMap) {
    if HeaderScan::of(trailers).connection_specific {
        strip(trailers);
    }
}

fn expects_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cold]
fn with_authority(uri: Uri, host: &str) -> Result<Uri, RequestError> {
    let refused = || RequestError::Header("host".into(), "not an authority");
    let mut parts = uri.into_parts();
    let authority = Authority::try_from(host).map_err(|_| refused())?;
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).map_err(|_| refused())
}

/// `http://a.test?x` asks for `/?x`, but the h2 crate takes the path as it is, and one that doesn't begin with `/` is
/// malformed (RFC 9113, section 8.3.1).
#[cold]
fn with_root_path(uri: Uri) -> Result<Uri, RequestError> {
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.take().map(|path| format!("/{path}", path = path.as_str()));
    let refused = || RequestError::Uri("invalid query".into());
    parts.path_and_query = path.map(PathAndQuery::try_from).transpose().map_err(|_| refused())?;
    Uri::from_parts(parts).map_err(|_| refused())
}

#[cold]
fn strip(headers: &mut HeaderMap) -> NextHop {
    headers.remove(header::HOST);
    strip_hop_by_hop(headers, |_| false, |_, _| {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, request::Parts};

    fn prepared(request: http::request::Builder, size: u64) -> Parts {
        let mut request = request.body(()).unwrap();
        prepare(&mut request, &SizeHint::with_exact(size), HeaderValue::from).unwrap();
        request.into_parts().0
    }

    #[test]
    fn connection_specific_fields_are_removed() {
        let parts = prepared(
            Request::get("http://a.test/x")
                .header("connection", "close, X-Hop")
                .header("x-hop", "1")
                .header("keep-alive", "timeout=5")
                .header("proxy-authorization", "secret")
                .header("proxy-connection", "keep-alive")
                .header("transfer-encoding", "chunked")
                .header("upgrade", "h2c")
                .header("http2-settings", "AAMAAABk")
                .header("te", "gzip, Trailers")
                .header("accept", "*/*"),
            0,
        );
        let left: Vec<_> =
            parts.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        assert_eq!(left, ["accept: */*", "te: trailers"]);
        assert_eq!(parts.version, Version::HTTP_2);
    }

    #[test]
    fn te_without_trailers_is_removed() {
        assert!(prepared(Request::get("http://a.test/").header("te", "gzip"), 0).headers.is_empty());
    }

    #[test]
    fn host_becomes_the_authority() {
        let parts = prepared(Request::get("http://a.test:81/x?y").header("host", "b.test"), 0);
        assert_eq!(parts.uri, "http://b.test/x?y");
        assert!(parts.headers.is_empty());
    }

    #[test]
    fn an_invalid_host_is_refused() {
        for host in ["a b", "user:secret@a.test", "a/b", "", "a, b", "a/../admin", "a:b"] {
            let mut request = Request::get("http://a.test/").header("host", host).body(()).unwrap();
            let error = prepare(&mut request, &SizeHint::with_exact(0), HeaderValue::from).unwrap_err();
            assert!(matches!(&error, RequestError::Header(name, _) if &**name == "host"), "{host}: {error}");
        }
    }

    #[test]
    fn a_query_without_a_path_gets_the_root_path() {
        assert_eq!(prepared(Request::get("http://a.test?x=y"), 0).uri.path_and_query().unwrap().as_str(), "/?x=y");
        let elsewhere = prepared(Request::get("http://a.test?x=y").header("host", "b.test"), 0);
        assert_eq!(elsewhere.uri.path_and_query().unwrap().as_str(), "/?x=y");
    }

    #[test]
    fn too_many_headers_to_add_one_are_refused() {
        let mut request = Request::post("http://a.test/").body(()).unwrap();
        let headers = request.headers_mut();
        let name = |n: usize| HeaderName::try_from(format!("x{n}")).unwrap();
        (0..).map(name).find(|name| headers.try_insert(name.clone(), HeaderValue::from_static("")).is_err());
        let error = prepare(&mut request, &SizeHint::with_exact(1), HeaderValue::from).unwrap_err();
        assert!(matches!(&error, RequestError::Header(name, _) if &**name == "content-length"), "{error}");
    }

    #[test]
    fn an_exact_size_becomes_content_length_where_content_is_expected() {
        let length = |method: &str, size| {
            let parts = prepared(Request::builder().method(method).uri("http://a.test/"), size);
            parts.headers.get("content-length").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(length("GET", 0), None);
        assert_eq!(length("DELETE", 0), None);
        assert_eq!(length("GET", 3), Some("3".to_owned()));
        assert_eq!(length("POST", 0), Some("0".to_owned()));
        let given = prepared(Request::post("http://a.test/").header("content-length", "7"), 7);
        assert_eq!(given.headers.len(), 1);
    }
}
