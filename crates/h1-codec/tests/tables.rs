//! What the RFCs show, what peers are known to send, and what attackers do, a row for each.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{End, Message, read_all};
use http::Method;
use skybridge_h1_codec::{BodyError, HeadError};

/// Whole and byte by byte.
fn read(method: &str, wire: &[u8]) -> (Vec<Message>, End) {
    let method: Method = method.parse().unwrap();
    let whole = read_all(&method, &[wire]);
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(read_all(&method, &bytes).0, whole.0, "{}", wire.escape_ascii());
    whole
}

struct Row {
    what: &'static str,
    method: &'static str,
    wire: &'static str,
    /// Status, body, and whether another request may follow, of each response.
    read: &'static [(u16, &'static str, bool)],
}

const fn row(
    what: &'static str,
    method: &'static str,
    wire: &'static str,
    read: &'static [(u16, &'static str, bool)],
) -> Row {
    Row { what, method, wire, read }
}

const READ: &[Row] = &[
    row(
        "RFC 9110, section 3.9: the example of a message exchange",
        "GET",
        "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\n\
         Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT\r\nETag: \"34aa387-d-1568eb00\"\r\nAccept-Ranges: bytes\r\n\
         Content-Length: 51\r\nVary: Accept-Encoding\r\nContent-Type: text/plain\r\n\r\n\
         Hello World! My content includes a trailing CRLF.\r\n",
        &[(200, "Hello World! My content includes a trailing CRLF.\r\n", true)],
    ),
    row(
        "RFC 9112, section 4: no reason, with its space",
        "GET",
        "HTTP/1.1 404 \r\ncontent-length: 0\r\n\r\n",
        &[(404, "", true)],
    ),
    row("no reason, and no space", "GET", "HTTP/1.1 404\r\ncontent-length: 0\r\n\r\n", &[(404, "", true)]),
    row(
        "RFC 9112, section 7.1.3: trailers behind the last chunk",
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Expires\r\n\r\n\
         4\r\nWiki\r\n5\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nExpires: never\r\n\r\n",
        &[(200, "Wikipedia in\r\n\r\nchunks.", true)],
    ),
    row(
        "RFC 9112, section 7.1.1: extensions with tokens and quoted strings",
        "GET",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a;b=c;d=\"e;f\\\"g\"\r\nok\r\n0;last\r\n\r\n",
        &[(200, "ok", true)],
    ),
    row(
        "RFC 9112, section 5.2: a folded field",
        "GET",
        "HTTP/1.1 200 OK\r\nx: one\r\n two\r\ncontent-length: 2\r\n\r\nok",
        &[(200, "ok", false)],
    ),
    row(
        "RFC 9112, section 9.6: close",
        "GET",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        &[(200, "ok", false)],
    ),
    row("a body until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nall of\r\n\r\nit", &[(200, "all of\r\n\r\nit", false)]),
    row("an old server", "GET", "HTTP/1.0 200 OK\r\n\r\nall", &[(200, "all", false)]),
    row(
        "an old server that persists",
        "GET",
        "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok",
        &[(200, "ok", true)],
    ),
    row(
        "interim responses before one",
        "GET",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        &[(100, "", true), (103, "", true), (204, "", true)],
    ),
    row("HEAD: a length and no body", "HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", &[(200, "", true)]),
    row(
        "304: a length and no body",
        "GET",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        &[(304, "", true)],
    ),
    row(
        "pipelined",
        "GET",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         1\r\nb\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nc",
        &[(200, "a", true), (200, "b", true), (200, "c", true)],
    ),
    row(
        "the size in capitals and with zeros",
        "GET",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         000A\r\n0123456789\r\n00\r\n\r\n",
        &[(200, "0123456789", true)],
    ),
    row(
        "a size padded with spaces",
        "GET",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
         2  \r\nok\r\n0 \r\n\r\n",
        &[(200, "ok", true)],
    ),
    row(
        "trailers that would frame: they are left out",
        "GET",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 9\r\n\
         transfer-encoding: gzip\r\nconnection: close\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        &[(200, "", true), (204, "", true)],
    ),
    row("LF alone", "GET", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok", &[(200, "ok", false)]),
    row(
        "as many empty lines before as may be",
        "GET",
        "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        &[(204, "", false)],
    ),
    row("an empty line before", "GET", "\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", &[(200, "ok", false)]),
    row("an unknown status", "GET", "HTTP/1.1 799 ?\r\ncontent-length: 2\r\n\r\nok", &[(799, "ok", true)]),
    row("a field without a value", "GET", "HTTP/1.1 200 OK\r\nx:\r\ncontent-length: 2\r\n\r\nok", &[(200, "ok", true)]),
    row(
        "every character of a name",
        "GET",
        "HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~09aZ: x\r\ncontent-length: 2\r\n\r\nok",
        &[(200, "ok", true)],
    ),
];

#[test]
fn what_is_read() {
    for Row { what, method, wire, read: expected } in READ {
        let (messages, end) = read(method, wire.as_bytes());
        let facts: Vec<_> = messages
            .iter()
            .map(|message| (message.status, std::str::from_utf8(&message.body).unwrap(), message.reusable))
            .collect();
        assert_eq!(facts, *expected, "{what}");
        assert_eq!(end, End::Clean, "{what}");
    }
}

#[test]
fn what_follows_a_switch_is_left_alone() {
    for (method, head) in [
        ("GET", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\ncontent-length: 3\r\n\r\n"),
        ("CONNECT", "HTTP/1.1 200 OK\r\n\r\n"),
        ("CONNECT", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("CONNECT", "HTTP/1.0 200 Connection established\r\ntransfer-encoding: chunked\r\ncontent-length: x\r\n\r\n"),
        ("CONNECT", "HTTP/1.1 299 \r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n"),
    ] {
        let behind = b"HTTP/1.1 200 OK\r\n\r\n\0\xff";
        let (messages, end) = read(method, &[head.as_bytes(), behind].concat());
        assert_eq!((messages, end), (vec![], End::Upgrade(behind.to_vec())), "{head:?}");
    }
}

/// Where two readers may see two ends, there is none.
#[test]
fn what_is_refused_with_its_head() {
    for fields in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: 2,3\r\n",
        "content-length: 2\r\nContent-Length: 02x\r\n",
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
        "content-length: 0\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: deflate, chunked\r\n",
        "transfer-encoding: chunked;x\r\n",
        "transfer-encoding: ,chunked\r\n",
        "transfer-encoding: 'chunked'\r\n",
        "transfer-encoding: chunke\r\n d\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding: chunked\u{a0}\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding\r\n: chunked\r\n",
        "transfer-encoding\0: chunked\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "transfer-encoding: chunked\x0c\r\n",
        "transfer-encoding: chunked\r\r\n",
        " transfer-encoding: chunked\r\n",
        "\ttransfer-encoding: chunked\r\n",
        ":content-length: 2\r\n",
        "content-length\r\n",
        "content-length: \r\n",
        "content-length: -2\r\n",
        "content-length: +2\r\n",
        "content-length: 2.0\r\n",
        "content-length: 2e0\r\n",
        "content-length: 0x2\r\n",
        "content-length: 2 \r\n 2\r\n",
        "content-length: \u{0662}\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length: 2, \r\n",
        "x: \x7f\r\ncontent-length: 2\r\n",
        "x: a\rcontent-length: 2\r\n",
        "\r content-length: 2\r\n",
        "\u{e9}: 2\r\n",
        "x\ty: 2\r\n",
        "(x): 2\r\n",
        "x\": 2\r\n",
    ] {
        let wire = format!("HTTP/1.1 200 OK\r\n{fields}\r\n2\r\nok\r\n0\r\n\r\n");
        let (messages, end) = read("GET", wire.as_bytes());
        assert!(messages.is_empty() && matches!(end, End::Head(_)), "{fields:?}: {messages:?}, {end:?}");
    }
}

#[test]
fn what_is_no_status_line() {
    for line in [
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 2 OK",
        "HTTP/1.1 20x OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/11 200 OK",
        "HTTP/1.10 200 OK",
        "http/1.1 200 OK",
        "HTTPS/1.1 200 OK",
        " HTTP/1.1 200 OK",
        "ICY 200 OK",
        "200 OK",
        "GET / HTTP/1.1",
        "RTSP/1.0 200",
    ] {
        let (messages, end) = read("GET", format!("{line}\r\ncontent-length: 0\r\n\r\n").as_bytes());
        let refused = matches!(end, End::Head(HeadError::StatusLine | HeadError::NotHttp1 { .. }));
        assert!(messages.is_empty() && refused, "{line:?}: {messages:?}, {end:?}");
    }
}

/// What is no chunk, or no end of one.
#[test]
fn what_is_refused_with_its_body() {
    use BodyError::*;
    type Body = (&'static str, fn(&BodyError) -> bool);
    let table: &[Body] = &[
        ("2\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2\r\nok\n0\r\n\r\n", |error| matches!(error, ChunkEnd)),
        ("2\r\nok\r0\r\n\r\n", |error| matches!(error, ChunkEnd)),
        ("2\r\nokay\r\n0\r\n\r\n", |error| matches!(error, ChunkEnd)),
        ("3\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkEnd)),
        ("2\r\nok\r\n\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2\r\nok\r\n", |error| matches!(error, Incomplete { missing: None })),
        ("2\r\no", |error| matches!(error, Incomplete { missing: Some(1) })),
        ("2\r\nok\r\n0", |error| matches!(error, Incomplete { missing: None })),
        ("2\r\nok\r\n0\r\n", |error| matches!(error, Incomplete { missing: None })),
        ("2\r\nok\r\n0\r\nx: 1\r\n", |error| matches!(error, Incomplete { missing: None })),
        ("", |error| matches!(error, Incomplete { missing: None })),
        ("2;\0\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2;x\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2;x\r\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2 x\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2,2\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2h\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("0x2\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("\u{ff12}\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        (" 2\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("10000000000000002\r\nok\r\n0\r\n\r\n", |error| matches!(error, ChunkLine(_))),
        ("2\r\nok\r\n0\r\n\n\r\n\r\n", |error| matches!(error, Trailers(_))),
        ("2\r\nok\r\n0\r\nx\r\n\r\n", |error| matches!(error, Trailers(_))),
        ("2\r\nok\r\n0\r\nx: 1\r\n y\r\n\r\n", |error| matches!(error, Trailers(_))),
        ("2\r\nok\r\n0\r\nx: 1\ny: 2\r\n\r\n", |error| matches!(error, Trailers(_))),
        ("2\r\nok\r\n0\r\nx : 1\r\n\r\n", |error| matches!(error, Trailers(_))),
        ("2\r\nok\r\n0\r\n2\r\nok\r\n0\r\n\r\n", |error| matches!(error, Trailers(_))),
    ];
    for (body, is_it) in table {
        let wire = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}");
        let (messages, end) = read("GET", wire.as_bytes());
        assert!(messages.is_empty(), "{body:?}: {messages:?}");
        assert!(matches!(&end, End::Body(error) if is_it(error)), "{body:?}: {end:?}");
    }
    let (_, end) = read("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel");
    assert_eq!(end, End::Body(Incomplete { missing: Some(2) }));
}
