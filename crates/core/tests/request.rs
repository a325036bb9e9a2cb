//! Requests that no connection could send are refused before a connection is opened.

#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use http::{Method, Request, header};
use http_body_util::{Full, StreamBody};
use skybridge_core::{HttpVersions, RequestError, validate_request};

type Body = Full<&'static [u8]>;

fn post() -> http::request::Builder {
    Request::builder().method(Method::POST).uri("http://a.test/")
}

fn judged(builder: http::request::Builder, body: &'static [u8]) -> Result<(), RequestError> {
    validate_request::<Body>(&builder.body(Full::new(body)).unwrap()).map(drop)
}

#[test]
fn content_length_must_be_the_bodys() {
    let with = |length: &str, body| judged(post().header(header::CONTENT_LENGTH, length), body);
    assert_eq!(with("4", b"four"), Ok(()));
    let wrong = |declared| RequestError::BodySize { declared, at_least: 4, at_most: Some(4) };
    assert_eq!(with("3", b"four"), Err(wrong(3)));
    assert_eq!(with("5", b"four"), Err(wrong(5)));
    assert_eq!(wrong(5).to_string(), "content-length is 5 and the body has 4 bytes");
    for unreadable in ["", "+4", "4 ", "four", "-4", "99999999999999999999"] {
        assert_eq!(with(unreadable, b"four"), Err(RequestError::ContentLength(unreadable.into())), "{unreadable}");
    }
}

#[test]
fn content_length_may_occur_twice_only_with_one_value() {
    let twice = |a: &str, b: &str| judged(post().header("content-length", a).header("content-length", b), b"four");
    assert_eq!(twice("4", "4"), Ok(()));
    assert_eq!(twice("4", "5"), Err(RequestError::ContentLength("4".into())));
}

#[test]
fn a_body_of_unknown_size_may_be_declared() {
    let empty = StreamBody::new(futures_core_empty());
    let request = Request::builder().header("content-length", "9").body(empty).unwrap();
    assert_eq!(validate_request(&request), Ok(None));
}

fn futures_core_empty()
-> impl futures_core::Stream<Item = Result<http_body::Frame<&'static [u8]>, std::convert::Infallible>> {
    struct Nothing;
    impl futures_core::Stream for Nothing {
        type Item = Result<http_body::Frame<&'static [u8]>, std::convert::Infallible>;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Ready(None)
        }
    }
    Nothing
}

/// A body that has ended, and whose size hint doesn't say so.
struct Over;

impl http_body::Body for Over {
    type Data = &'static [u8];
    type Error = std::convert::Infallible;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<&'static [u8]>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
    fn is_end_stream(&self) -> bool {
        true
    }
}

/// If it were sent, the next request on the connection would be taken for its body.
#[test]
fn a_body_that_is_over_has_no_length() {
    let request = Request::builder().header("content-length", "9").body(Over).unwrap();
    assert_eq!(validate_request(&request), Err(RequestError::BodySize { declared: 9, at_least: 0, at_most: Some(0) }));
}

#[test]
fn there_is_one_host_header_and_it_is_an_authority() {
    for host in ["b.test", "B.test:81", "b_c.test", "b.test.", "192.0.2.1", "[2001:db8::1]:8080", "b.test:"] {
        assert_eq!(judged(post().header("host", host), b""), Ok(()), "{host}");
    }
    let none = [
        "",
        " ",
        "a b",
        "a, b",
        "a/../admin",
        "/",
        "a?b",
        "a#b",
        "a\\b",
        "a:b",
        ":80",
        "a:1:2",
        "a:0",
        "a:65536",
        "[::1",
        "::1",
        "a..b",
        "127.1",
        "a%20b",
        "a\tb",
        "http://a",
    ];
    for host in none {
        let error = judged(post().header("host", host), b"").expect_err(host);
        assert_eq!(error.to_string(), "header `host`: it is not a host with an optional port", "{host}");
    }
    let many = (0..9).fold(post(), |post, n| post.header(format!("x{n}"), "1"));
    let rows = [
        post().header("host", "b.test").header("host", "c.test"),
        post().header("host", "b.test").header("host", "b.test"),
        post().header("host", "me:secret@b.test"),
        many.header("host", "b.test").header("host", "c.test"),
        post().header("host", http::HeaderValue::from_bytes(b"b\xfc.test").unwrap()),
    ];
    for row in rows {
        let error = judged(row, b"").unwrap_err();
        assert!(matches!(&error, RequestError::Header(name, _) if &**name == "host"), "{error}");
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}

#[test]
fn framing_that_is_not_ours_and_methods_that_are_not_spoken_are_refused() {
    let coded = judged(post().header(header::TRANSFER_ENCODING, "gzip, chunked"), b"");
    assert!(matches!(coded, Err(RequestError::Header(name, _)) if &*name == "transfer-encoding"));
    assert_eq!(judged(post().header(header::TRANSFER_ENCODING, "Chunked"), b""), Ok(()));
    for second in ["chunked", "gzip"] {
        let twice = post().header("transfer-encoding", "chunked").header("transfer-encoding", second);
        assert!(matches!(judged(twice, b"x"), Err(RequestError::Header(name, _)) if &*name == "transfer-encoding"));
    }
    let connect = Request::builder().method(Method::CONNECT).uri("http://a.test/");
    assert_eq!(judged(connect, b""), Err(RequestError::Method("CONNECT".into())));
}

#[test]
fn a_framing_header_among_many_others_is_found() {
    let many = (0..40).fold(post(), |builder, i| builder.header(format!("x-{i}"), "v"));
    assert!(judged(many.header("content-length", "5"), b"four").is_err());
}

#[test]
fn only_http1_can_switch_to_another_protocol() {
    let rows = [
        (vec![("connection", "Upgrade"), ("upgrade", "websocket")], Some(HttpVersions::Http1)),
        (vec![("connection", "te, upgrade"), ("upgrade", "h2c, websocket")], Some(HttpVersions::Http1)),
        // The upgrade to HTTP/2 is obsolete, and one that `connection` doesn't name isn't asked for.
        (vec![("connection", "upgrade"), ("upgrade", "h2c")], None),
        (vec![("upgrade", "websocket")], None),
        (vec![("connection", "upgrade")], None),
    ];
    for (fields, version) in rows {
        let mut builder = Request::get("http://a.test/");
        for (name, value) in &fields {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Full::<bytes::Bytes>::default()).unwrap();
        assert_eq!(validate_request(&request), Ok(version), "{fields:?}");
    }
}
