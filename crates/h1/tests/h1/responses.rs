//! How a response is read from the wire.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::{
    handshake::{H1, cause},
    suite::support::{TestBody, World, get, ready, send, world},
};
use bytes::Bytes;
use http::{Response, Version};
use http_body_util::BodyExt;
use skybridge_core::{CloseReason, Error};
use skybridge_h1::{FieldSpelling, H1Error, HeadError, ReasonPhrase};
use skybridge_testkit::executor::run_until_idle;

async fn answered(world: &mut World<TestBody>, answer: &str) -> Response<Bytes> {
    world.exchange(get("http://a.test/"), answer).await.1
}

/// The error of a response that is refused, and its connection closed.
async fn refused(h1: H1<TestBody>, answer: &str) -> Error {
    let mut world = world(h1).await;
    let server = async {
        world.peer.request().await;
        let _ = world.peer.try_send(answer).await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, get("http://a.test/")), server);
    let error = answer.unwrap_err().error;
    run_until_idle().await;
    world.status.assert_closed(CloseReason::Protocol);
    error
}

/// Each fold is one space (RFC 9112, section 5.2).
#[tokio::test(start_paused = true)]
async fn a_folded_line_arrives_unfolded() {
    let mut world = world(H1::new()).await;
    let answer = "HTTP/1.1 200 OK\r\nx-a: 1\r\n  2\r\n\t3\r\nx-b: 4\r\ncontent-length: 2\r\n\r\nok";
    let response = answered(&mut world, answer).await;
    assert_eq!(
        (response.headers()["x-a"].as_bytes(), response.headers()["x-b"].as_bytes()),
        (&b"1 2 3"[..], &b"4"[..])
    );
    assert_eq!(response.body(), "ok");
}

/// It is how responses are split (RFC 9112, section 6.3).
#[tokio::test(start_paused = true)]
async fn a_response_with_two_framings_is_refused() {
    for fields in [
        "content-length: 2\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 2",
        "Transfer-Encoding: chunked\r\ncontent-length: 2\r\ncontent-length: 2",
    ] {
        let error = refused(H1::new(), &format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n0\r\n\r\n")).await;
        assert!(matches!(cause(&error), H1Error::Head(HeadError::LengthAndCoding)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_coding_that_can_not_be_read_is_named() {
    for coding in ["gzip", "gzip, chunked", "chunked, identity", "chunked, chunked"] {
        let error = refused(H1::new(), &format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n")).await;
        assert!(cause(&error).to_string().contains(coding), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_thousand_headers_are_read_and_one_more_is_refused_with_the_limit() {
    let head = |fields: usize| format!("HTTP/1.1 204 No Content\r\n{}\r\n", "x-a: 1\r\n".repeat(fields));
    let mut world = world(H1::new()).await;
    for fields in [0, 1, 63, 64, 65, 100, 101, 2000] {
        assert_eq!(answered(&mut world, &head(fields)).await.headers().len(), fields);
    }
    let error = refused(H1::new(), &head(2001)).await;
    assert!(cause(&error).to_string().contains("more than 2000 headers"), "{error:?}");
    for limit in [0, 3, 64, 100] {
        let error = refused(H1::new().max_headers(limit), &head(limit + 1)).await;
        assert!(matches!(cause(&error), H1Error::Head(HeadError::TooManyFields { limit: told }) if *told == limit));
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_large_names_the_limit() {
    let error = refused(H1::new().head_limit(64), &format!("HTTP/1.1 200 OK\r\nx-a: {}\r\n\r\n", "1".repeat(64))).await;
    assert!(cause(&error).to_string().contains("larger than 64 bytes"), "{error:?}");
}

/// What only HTTP/1.1 knows of a response is a fact in its extensions.
#[tokio::test(start_paused = true)]
async fn a_phrase_that_is_not_the_usual_one_is_kept() {
    let mut world = world(H1::new()).await;
    for (line, phrase) in [("200 OK", None), ("200 Fine", Some("Fine")), ("299 Why not", Some("Why not"))] {
        let response = answered(&mut world, &format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n")).await;
        let kept = response.extensions().get::<ReasonPhrase>();
        assert_eq!(kept.map(ReasonPhrase::as_bytes), phrase.map(str::as_bytes), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn how_names_are_spelled_is_kept_when_that_is_asked_for() {
    for (h1, kept) in [(H1::new(), false), (H1::new().keep_case(), true)] {
        let mut world = world(h1).await;
        let response = answered(&mut world, "HTTP/1.1 200 OK\r\nX-MiXed: 1\r\nContent-Length: 0\r\n\r\n").await;
        let spelling = response.extensions().get::<FieldSpelling>().cloned();
        assert_eq!(spelling.is_some(), kept);
        // Given to a request, it is written so.
        let Some(spelling) = spelling else { continue };
        assert_eq!(spelling.head(), "HTTP/1.1 200 OK\r\nX-MiXed: 1\r\nContent-Length: 0\r\n\r\n");
        let mut request = get("http://a.test/");
        request.headers_mut().insert("x-mixed", "2".parse().unwrap());
        request.extensions_mut().insert(spelling);
        let (head, _) = world.exchange(request, "HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(head.contains("\r\nX-MiXed: 2\r\n"), "{head}");
    }
}

/// It persists if it says so (RFC 9112, section 9.3).
#[tokio::test(start_paused = true)]
async fn http_1_0_is_kept_alive_only_by_its_word() {
    for (fields, persists) in [
        ("content-length: 2\r\nconnection: keep-alive", true),
        ("content-length: 2\r\nConnection: Keep-Alive", true),
        ("content-length: 2", false),
        ("content-length: 2\r\nconnection: keep-alive, close", false),
    ] {
        let mut world = world(H1::new()).await;
        let response = answered(&mut world, &format!("HTTP/1.0 200 OK\r\n{fields}\r\n\r\nok")).await;
        assert_eq!((response.version(), response.body()), (Version::HTTP_10, &Bytes::from("ok")));
        assert_eq!(ready(&mut world.conn).await.is_ok(), persists, "{fields}");
        if persists {
            answered(&mut world, "HTTP/1.1 204 No Content\r\n\r\n").await;
        } else {
            world.status.assert_closed(CloseReason::PeerFin);
        }
    }
}

/// There is no other end to it (RFC 9112, section 6.3), and without TLS nobody can tell whether it is whole.
#[tokio::test(start_paused = true)]
async fn a_body_without_a_length_goes_on_until_the_connection_ends() {
    for version in ["1.0", "1.1"] {
        let mut world = world(H1::new()).await;
        let server = async {
            world.peer.request().await;
            world.peer.send(format!("HTTP/{version} 200 OK\r\n\r\nall ")).await;
            run_until_idle().await;
            world.peer.send("of it").await;
            world.peer.fin().await;
        };
        let client = async {
            let response = send(&mut world.conn, get("http://a.test/")).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        };
        assert_eq!(tokio::join!(client, server).0, "all of it");
        assert!(ready(&mut world.conn).await.is_err());
        world.status.assert_closed(CloseReason::PeerFin);
    }
}

/// Cut at every position, it is the same response.
#[tokio::test(start_paused = true)]
async fn a_response_may_come_in_any_pieces() {
    let answer = "HTTP/1.1 200 OK\r\nx-a: 1\r\n 2\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nx-end: 7\r\n\r\n";
    for cut in 1..answer.len() {
        let mut world = world(H1::new()).await;
        let server = async {
            world.peer.request().await;
            world.peer.send(&answer[..cut]).await;
            run_until_idle().await;
            world.peer.send(&answer[cut..]).await;
        };
        let client = async {
            let response = send(&mut world.conn, get("http://a.test/")).await.unwrap();
            assert_eq!(response.headers()["x-a"], "1 2", "{cut}");
            response.into_body().collect().await.unwrap()
        };
        let collected = tokio::join!(client, server).0;
        assert_eq!(collected.trailers().unwrap()["x-end"], "7", "{cut}");
        assert_eq!(collected.to_bytes(), "abc0123456789", "{cut}");
        assert!(ready(&mut world.conn).await.is_err(), "a folded line is not strictly HTTP/1.1");
    }
}
