//! What a request looks like on the wire.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::support::{
    amended, empty, forwarded, forwarded_with_headers, frames, full, get, ready, send, stream, world,
};
use crate::handshake::H1;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use http_body::Frame;
use skybridge_core::{Capacity, Connection};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn the_target_is_in_origin_form_and_the_host_is_the_origins() {
    let mut world = world(H1::new()).await;
    for (uri, target) in [
        ("http://a.test/x?y=1", "/x?y=1"),
        ("http://A.test:80/x", "/x"),
        ("http://a.test", "/"),
        ("http://a.test?y", "/?y"),
        ("http://a.test/*", "/*"),
    ] {
        let mut request = get(uri);
        *request.version_mut() = Version::HTTP_2;
        let (head, response) = world.exchange(request, OK).await;
        assert_eq!(head, format!("GET {target} HTTP/1.1\r\nhost: a.test\r\n\r\n"), "{uri}");
        assert_eq!(response.body(), "ok");
    }
    assert_eq!((world.net.opened(), world.conn.capacity()), (1, Capacity::Streams(1)));
    assert!(world.conn.share().is_none());
}

/// A layer between pool and route connected elsewhere: the origin is told who was asked for.
#[tokio::test(start_paused = true)]
async fn the_host_is_the_requests_also_when_the_connections_is_another() {
    let mut world = world(H1::new()).await;
    let (head, _) = world.exchange(get("http://B.test:80/x"), OK).await;
    assert_eq!(head, "GET /x HTTP/1.1\r\nhost: b.test\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_not_the_schemes_own_is_in_the_host() {
    use skybridge_core::{Connector as _, Handshake as _};
    let (executor, net) = (skybridge_testkit::executor::Executor::new(), skybridge_testkit::net::Network::new());
    let listener = net.listen("192.0.2.1:8080".parse().unwrap());
    let route = skybridge_testkit::fixtures::route("http://[2001:DB8::1]:8080", ["192.0.2.1:8080"], executor.ctx());
    let link = net.connector().connect(route).await.unwrap();
    let mut conn = H1::new().handshake(link, &executor.ctx()).await.unwrap();
    let mut peer = skybridge_testkit::h1::Script::new(listener.accept().await.0);
    let server = async {
        assert_eq!(peer.request().await.header("host"), Some("[2001:db8::1]:8080"));
        peer.respond(200, "").await;
    };
    let (response, ()) = tokio::join!(send(&mut conn, get("http://[2001:DB8::1]:8080/")), server);
    response.unwrap();
}

#[tokio::test(start_paused = true)]
async fn options_for_the_server_as_a_whole() {
    let mut world = world(H1::new()).await;
    let uri = Uri::builder().scheme("http").authority("a.test").path_and_query("*").build().unwrap();
    let request = Request::builder().method(Method::OPTIONS).uri(uri).body(empty()).unwrap();
    let (head, _) = world.exchange(request, OK).await;
    assert_eq!(head, "OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_host_stays() {
    let mut world = world(H1::new()).await;
    let mut request = get("http://a.test/");
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("b.test"));
    let (head, _) = world.exchange(request, OK).await;
    assert_eq!(head, "GET / HTTP/1.1\r\nhost: b.test\r\n\r\n");
}

/// The header lines of what a request with these becomes, in alphabetical order.
async fn sent(fields: &[(&'static str, &'static str)], forwarded: bool) -> Vec<String> {
    let mut world = amended(H1::new(), move |info| info.forwarded = forwarded).await;
    let mut request = get("http://a.test/");
    for (name, value) in fields {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    let (head, _) = world.exchange(request, OK).await;
    let mut lines: Vec<_> = head.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(start_paused = true)]
async fn what_is_for_another_hop_stays_here() {
    let fields = [
        ("connection", "X-Hop, keep-alive"),
        ("connection", "x-more"),
        ("x-hop", "1"),
        ("x-more", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-connection", "twice"),
        ("proxy-authenticate", "Basic"),
        ("proxy-authorization", "Basic c2VjcmV0"),
        ("te", "gzip"),
        ("upgrade", "echo"),
        ("http2-settings", "AAMAAABk"),
        ("x-mine", "1"),
    ];
    assert_eq!(sent(&fields, false).await, ["host: a.test", "x-mine: 1"]);
    let forwarded = ["connection: close", "host: a.test", "proxy-authorization: Basic c2VjcmV0", "x-mine: 1"];
    assert_eq!(sent(&fields, true).await, forwarded);
}

/// What is for the next hop is named as such (RFC 9110, section 7.6.1).
#[tokio::test(start_paused = true)]
async fn what_is_for_the_next_hop_is_told_to_it() {
    type Row = (&'static [(&'static str, &'static str)], &'static [&'static str]);
    let rows: &[Row] = &[
        (&[("connection", "foo, Close")], &["connection: close", "host: a.test"]),
        (&[("te", "gzip, Trailers;q=0.5"), ("te", "trailers")], &["connection: te", "host: a.test", "te: trailers"]),
        (&[("connection", "Upgrade"), ("upgrade", "echo")], &["connection: upgrade", "host: a.test", "upgrade: echo"]),
        (
            &[("connection", "close, te, upgrade"), ("te", "trailers"), ("upgrade", "echo/2")],
            &["connection: close, upgrade, te", "host: a.test", "te: trailers", "upgrade: echo/2"],
        ),
    ];
    for (fields, lines) in rows {
        assert_eq!(sent(fields, false).await, *lines);
    }
}

/// HTTP/2 in cleartext is spoken by prior knowledge (RFC 9113, section 3.1).
#[tokio::test(start_paused = true)]
async fn no_upgrade_to_http2_is_asked_for() {
    let fields = |upgrade| [("connection", "upgrade, http2-settings"), ("upgrade", upgrade), ("http2-settings", "AA")];
    assert_eq!(sent(&fields("h2c"), false).await, ["host: a.test"]);
    assert_eq!(sent(&fields("h2c, echo"), false).await, ["connection: upgrade", "host: a.test", "upgrade: echo"]);
}

/// It says where a message ends, and whose it is.
#[tokio::test(start_paused = true)]
async fn the_framing_is_not_named_away() {
    let mut world = world(H1::new()).await;
    for (name, value) in [("content-length", "5"), ("transfer-encoding", "chunked")] {
        let mut request = Request::put("http://a.test/").body(full("12345")).unwrap();
        request.headers_mut().insert("connection", HeaderValue::from_static("host, content-length, transfer-encoding"));
        request.headers_mut().insert("host", HeaderValue::from_static("b.test"));
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        let (head, _) = world.exchange(request, OK).await;
        let mut lines: Vec<_> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
        lines.sort_unstable();
        let mut wanted = [format!("{name}: {value}"), "host: b.test".to_owned()];
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
    }
    assert_eq!(world.peer.requests().iter().filter(|request| request.body() == "12345").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_no_authority_is_refused_and_the_connection_lives() {
    for forwarded in [false, true] {
        let mut world = amended(H1::new(), move |info| info.forwarded = forwarded).await;
        for host in ["", "a b", "a, b", "a/../admin", "me:secret@a.test", "a:b", "[::1"] {
            let mut request = get("http://a.test/");
            request.headers_mut().insert("host", HeaderValue::from_static(host));
            let failed = send(&mut world.conn, request).await.unwrap_err();
            assert!(failed.error.is_request(), "{host}: {:?}", failed.error);
            assert!(!format!("{:?}", failed.error).contains("secret"));
            let request = failed.into_request().unwrap();
            assert_eq!(request.headers()["host"], host);
            assert_eq!(request.uri(), "http://a.test/");
        }
        let mut request = get("http://a.test/");
        request.headers_mut().append("host", HeaderValue::from_static("a.test"));
        request.headers_mut().append("host", HeaderValue::from_static("b.test"));
        assert!(send(&mut world.conn, request).await.unwrap_err().error.is_request());
        world.exchange(get("http://a.test/"), OK).await;
    }
}

/// A proxy goes by the request target, and must not be told otherwise by what stands beside it (RFC 9112, section
/// 3.2.2).
#[tokio::test(start_paused = true)]
async fn through_a_forwarding_proxy_the_host_is_the_targets() {
    for (uri, own) in [
        ("http://a.test/", "b.test"),
        ("http://A.test:80/", "a.test"),
        ("http://a.test/", "a.test:80"),
        ("http://a.test/", "a.test"),
    ] {
        let mut world = amended(H1::new(), forwarded).await;
        let mut request = get(uri);
        request.headers_mut().insert("host", HeaderValue::from_static(own));
        let (head, _) = world.exchange(request, OK).await;
        let authority = uri.trim_start_matches("http://").trim_end_matches('/');
        assert!(head.starts_with(&format!("GET {uri} HTTP/1.1\r\n")), "{head}");
        assert_eq!(world.peer.requests()[0].count("host"), 1);
        assert_eq!(world.peer.requests()[0].header("host"), Some(authority), "{own}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forwarding_proxy_gets_the_absolute_form_and_each_targets_host() {
    let mut world = amended(H1::new(), forwarded).await;
    for (uri, host) in [("http://a.test/x", "a.test"), ("http://b.test:81/x", "b.test:81")] {
        let (head, _) = world.exchange(get(uri), OK).await;
        assert!(head.starts_with(&format!("GET {uri} HTTP/1.1\r\n")), "{head}");
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert!(head.contains("\r\nproxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n"), "{head}");
    }
}

/// They are no part of a request (RFC 9110, section 4.2.4).
#[tokio::test(start_paused = true)]
async fn user_and_password_are_not_sent() {
    for by_proxy in [false, true] {
        let mut world = amended(H1::new(), move |info| info.forwarded = by_proxy).await;
        let target = if by_proxy { "http://a.test/x" } else { "/x" };
        let (head, _) = world.exchange(get("http://me:secret@a.test/x"), OK).await;
        assert_eq!(head, format!("GET {target} HTTP/1.1\r\nhost: a.test\r\n\r\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_forwarding_proxy_gets_its_credentials_with_each_request_unless_the_request_has_its_own() {
    let mut world = amended(H1::new(), forwarded).await;
    for own in [None, None, Some("Basic eA==")] {
        let mut request = get("http://a.test/x");
        request.headers_mut().extend(own.map(|own| (header::PROXY_AUTHORIZATION, HeaderValue::from_static(own))));
        let (head, _) = world.exchange(request, OK).await;
        let credentials = own.unwrap_or("Basic YWxpY2U6c2VjcmV0");
        assert!(head.contains(&format!("\r\nproxy-authorization: {credentials}\r\n")), "{head}");
    }
}

/// In a tunnel, and without a proxy, nobody is told.
#[tokio::test(start_paused = true)]
async fn a_forwarding_proxy_gets_its_headers_with_each_request_but_those_that_the_request_has() {
    for by_proxy in [true, false] {
        let mut world = amended(H1::new(), move |info| {
            forwarded_with_headers(info);
            info.forwarded = by_proxy;
        })
        .await;
        for own in [None, Some("theirs"), None] {
            let mut request = get("http://a.test/x");
            request.headers_mut().extend(own.map(|own| (header::USER_AGENT, HeaderValue::from_static(own))));
            request
                .headers_mut()
                .extend(own.map(|own| (HeaderName::from_static("proxy-way"), HeaderValue::from_static(own))));
            let (head, _) = world.exchange(request, OK).await;
            let told = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(&format!("{name}: ")));
            let expected =
                if by_proxy { [Some("7"), Some(own.unwrap_or("ours")), Some("w")] } else { [None, own, None] };
            assert_eq!([told("x-session"), told("user-agent"), told("proxy-way")], expected, "{head}");
        }
    }
}

/// Credentials were sent with it: a proxy that asks for them has refused them.
#[tokio::test(start_paused = true)]
async fn a_forwarding_proxy_that_refuses_them_is_not_asked_again() {
    let mut world = amended(H1::new(), forwarded).await;
    let refusal = "HTTP/1.1 407 Who\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";
    let (_, response) = world.exchange(get("http://a.test/x"), refusal).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["proxy-authenticate"]),
        (407, &"Basic".parse().unwrap())
    );
    assert_eq!(world.peer.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn beyond_a_tunnel_nobody_gets_the_proxys_credentials() {
    let mut world = amended(H1::new(), |info| {
        forwarded(info);
        (info.forwarded, info.tunnelled) = (false, true);
    })
    .await;
    let (head, _) = world.exchange(get("http://a.test/x"), OK).await;
    assert_eq!(head, "GET /x HTTP/1.1\r\nhost: a.test\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_forwarding_proxy_gets_no_star_in_an_authority() {
    let mut world = amended(H1::new(), |info| info.forwarded = true).await;
    let uri = Uri::builder().scheme("http").authority("a.test").path_and_query("*").build().unwrap();
    let request = Request::builder().method(Method::OPTIONS).uri(uri).body(empty()).unwrap();
    let (head, _) = world.exchange(request, OK).await;
    assert!(head.starts_with("OPTIONS http://a.test") && !head.contains('*'), "{head}");
}

#[tokio::test(start_paused = true)]
async fn names_in_title_case_when_asked_for() {
    let mut world = world(H1::new().title_case()).await;
    let mut request = get("http://a.test/");
    request.headers_mut().insert("x-mine", HeaderValue::from_static("1"));
    let (head, _) = world.exchange(request, OK).await;
    assert!(head.contains("\r\nX-Mine: 1\r\n") && head.contains("\r\nHost: a.test\r\n"), "{head}");
}

#[tokio::test(start_paused = true)]
async fn a_known_length_is_declared_and_an_unknown_one_is_chunked() {
    let mut world = world(H1::new()).await;
    for method in [Method::POST, Method::PUT, Method::GET] {
        let request = |body| Request::builder().method(&method).uri("http://a.test/").body(body).unwrap();
        let (head, _) = world.exchange(request(full("12345")), OK).await;
        assert!(head.contains("\r\ncontent-length: 5\r\n"), "{method} {head}");
        let (head, _) = world.exchange(request(stream(vec![Ok("123"), Ok("45")])), OK).await;
        assert!(head.contains("\r\ntransfer-encoding: chunked\r\n"), "{method} {head}");
        assert!(!head.contains("content-length"), "{method} {head}");
    }
    let (bodies, _): (Vec<_>, Vec<_>) =
        world.peer.requests().iter().map(|request| (request.body().clone(), ())).unzip();
    assert_eq!(bodies, ["12345"; 6]);
}

#[tokio::test(start_paused = true)]
async fn trailers_pass_in_both_directions() {
    let mut world = world(H1::new()).await;
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("5"))]);
    let body = frames(vec![Ok(Frame::data(Bytes::from("123"))), Ok(Frame::trailers(trailers))]);
    let request = Request::post("http://a.test/").header("trailer", "x-sum").body(body).unwrap();
    let client = async {
        use http_body_util::BodyExt;
        let response = send(&mut world.conn, request).await.unwrap();
        let collected = response.into_body().collect().await.unwrap();
        (collected.trailers().unwrap()["x-end"].clone(), collected.to_bytes())
    };
    let server = async {
        let request = world.peer.request().await;
        assert_eq!(request.trailers(), [("x-sum".to_owned(), "5".to_owned())]);
        world.peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-end: 7\r\n\r\n").await;
    };
    let ((trailer, data), ()) = tokio::join!(client, server);
    assert_eq!((trailer.as_bytes(), &data[..]), (&b"7"[..], &b"ab"[..]));
}

#[tokio::test(start_paused = true)]
async fn answers_without_a_body_leave_the_connection_for_the_next() {
    let mut world = world(H1::new()).await;
    let head = Request::head("http://a.test/").body(empty()).unwrap();
    let (_, response) = world.exchange(head, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
    assert!(response.body().is_empty());
    for status in ["204 No Content", "304 Not Modified"] {
        let answer = format!("HTTP/1.1 {status}\r\n\r\n");
        let (_, response) = world.exchange(get("http://a.test/"), &answer).await;
        assert!(response.body().is_empty());
    }
    let (_, response) = world.exchange(get("http://a.test/"), OK).await;
    assert_eq!(response.body(), "ok");
}

#[tokio::test(start_paused = true)]
async fn interim_answers_pass_by() {
    let mut world = world(H1::new()).await;
    let mut request = Request::post("http://a.test/").body(full("12345")).unwrap();
    request.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
    let answer = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{OK}");
    let (head, response) = world.exchange(request, &answer).await;
    assert!(head.contains("\r\nexpect: 100-continue\r\n"), "{head}");
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"ok"[..]));
}

#[tokio::test(start_paused = true)]
async fn the_next_exchange_waits_until_both_halves_of_this_one_are_over() {
    let mut world = world(H1::new()).await;
    let client = send(&mut world.conn, get("http://a.test/"));
    let server = async {
        world.peer.request().await;
        world.peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha").await;
    };
    let (response, ()) = tokio::join!(client, server);
    let body = response.unwrap().into_body();
    let early = tokio::time::timeout(std::time::Duration::from_secs(1), ready(&mut world.conn)).await;
    assert!(early.is_err(), "half a body is still to come");
    world.peer.send("lf").await;
    use http_body_util::BodyExt;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "half");
    ready(&mut world.conn).await.unwrap();
}
