//! What a server may answer that is not as it should be, or not when: content types, statuses, and ends of streams.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{EchoClient, World, serve};
use http::Response;
use skybridge::{Delivery, Partition, PoolConfig, RequestOptions};
use skybridge_testkit::{drop_walk::drop_walk, h1::Script, h2::Peer, net::Conn, origin::Origin};
use skybridge_tonic::{Tonic, error_of};
use std::{error::Error, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, metadata::MetadataValue};

const GRPC: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];
const MESSAGE: &[u8] = b"\0\0\0\0\x02ok";

async fn answer(peer: &mut Peer<Conn>, stream: u32) {
    peer.headers(stream, &GRPC, false).await;
    peer.data(stream, MESSAGE, false).await;
    peer.headers(stream, &[("grpc-status", "0")], true).await;
}

/// As the gRPC specification of HTTP/2 has it, and RFC 9110: in any case, with parameters.
#[tokio::test(start_paused = true)]
async fn content_is_grpcs_by_its_media_type_and_not_by_how_it_begins() {
    let rows = [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc+json", true),
        ("application/grpc;charset=utf-8", true),
        ("application/grpc ; charset=utf-8", true),
        ("Application/gRPC+Proto", true),
        // Its trailers are in its body: it would be decoded as messages.
        ("application/grpc-web", false),
        ("application/grpc-web+proto", false),
        ("application/grpcfoo", false),
        ("application/json", false),
        ("", false),
    ];
    for (content, is_grpc) in rows {
        let world = World::new();
        let mut echo = EchoClient::new(world.tonic());
        let server = async {
            let mut peer = Peer::accept(world.accept().await).await;
            let request = peer.request().await;
            peer.headers(request.stream, &[(":status", "200"), ("content-type", content)], false).await;
            peer.data(request.stream, MESSAGE, false).await;
            peer.headers(request.stream, &[("grpc-status", "0")], true).await;
        };
        let (answered, ()) = tokio::join!(echo.unary("hello".to_owned()), server);
        match answered {
            Ok(answer) => assert!(is_grpc && answer.into_inner() == "ok", "{content}"),
            Err(status) => {
                assert!(!is_grpc && status.code() == Code::Unknown, "{content}: {status:?}");
                assert!(status.message().contains("not gRPC"), "{status:?}");
            }
        }
    }
}

/// A proxy that says anything doesn't fill a log.
#[tokio::test(start_paused = true)]
async fn a_status_quotes_no_endless_content_type() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let page = |_| async move {
        Response::builder().header("content-type", "a/".to_owned() + &"b".repeat(5_000)).body(String::new()).unwrap()
    };
    let _origin = Origin::h2c().handle(page).serve_on(world.listener);
    let status = echo.unary("hello".to_owned()).await.unwrap_err();
    assert!(status.message().len() < 300, "{}", status.message().len());
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_status_is_no_success() {
    let no_trailers: &[(&str, &str)] = &[];
    let others: &[(&str, &str)] = &[("x-more", "more")];
    let unreadable: &[(&str, &str)] = &[("grpc-status", "fine")];
    for trailers in [no_trailers, others, unreadable] {
        let world = World::new();
        let mut echo = EchoClient::new(world.tonic());
        let server = async {
            let mut peer = Peer::accept(world.accept().await).await;
            for _ in 0..2 {
                let request = peer.request().await;
                peer.headers(request.stream, &GRPC, false).await;
                peer.data(request.stream, MESSAGE, trailers.is_empty()).await;
                if !trailers.is_empty() {
                    peer.headers(request.stream, trailers, true).await;
                }
            }
            let request = peer.request().await;
            peer.headers(request.stream, &GRPC, true).await;
        };
        let calls = async {
            let status = echo.unary("hello".to_owned()).await.unwrap_err();
            assert_eq!(status.code(), Code::Unknown, "{trailers:?}: {status:?}");
            let mut answers = echo.server_stream("hello".to_owned()).await.unwrap().into_inner();
            assert_eq!(answers.message().await.unwrap().as_deref(), Some("ok"));
            assert_eq!(answers.message().await.unwrap_err().code(), Code::Unknown);
            // The head alone.
            let status = echo.unary("hello".to_owned()).await.unwrap_err();
            assert_ne!(status.code(), Code::Ok, "{status:?}");
        };
        tokio::join!(calls, server);
    }
}

/// RFC 9113, section 8.1: the server has all that it wants to know.
#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_before_the_request_is_sent_counts_and_frees_the_stream() {
    for code in [0, 8] {
        let world = World::new();
        let client = world.builder().pool(PoolConfig::new().max_per_origin(1).max_streams(1)).build();
        let mut echo = EchoClient::new(Tonic::new(client, support::URL).unwrap());
        let (messages, rest) = mpsc::channel(4);
        let server = async {
            let mut peer = Peer::accept(world.accept().await).await;
            let request = peer.request().await;
            peer.headers(
                request.stream,
                &[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "7")],
                true,
            )
            .await;
            peer.reset(request.stream, code).await;
            let next = peer.request().await;
            answer(&mut peer, next.stream).await;
        };
        let calls = async {
            let status = echo.client_stream(ReceiverStream::new(rest)).await.unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{code}: {status:?}");
            // Nobody reads them any more.
            messages.closed().await;
            assert_eq!(echo.unary("hello".to_owned()).await.unwrap().into_inner(), "ok");
        };
        tokio::join!(calls, server);
    }
}

#[tokio::test(start_paused = true)]
async fn a_complete_answer_stays_one_when_its_stream_is_reset_without_an_error() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let (messages, rest) = mpsc::channel::<String>(4);
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        answer(&mut peer, request.stream).await;
        peer.reset(request.stream, 0).await;
        // The client stays connected.
        let next = peer.request().await;
        answer(&mut peer, next.stream).await;
    };
    let calls = async {
        assert_eq!(echo.client_stream(ReceiverStream::new(rest)).await.unwrap().into_inner(), "ok");
        messages.closed().await;
        assert_eq!(echo.unary("hello".to_owned()).await.unwrap().into_inner(), "ok");
    };
    tokio::join!(calls, server);
}

/// Those above the last stream go to another connection, if they are at hand; those below it are answered.
#[tokio::test(start_paused = true)]
async fn a_goaway_ends_no_call_that_it_names_and_moves_those_that_it_does_not() {
    let world = World::new();
    let tonic = world.tonic();
    let (messages, rest) = mpsc::channel(4);
    messages.send("first".to_owned()).await.unwrap();
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push(peer.request().await.stream);
        }
        peer.goaway(streams[0], 0, "").await;
        // The one that may be sent again comes by another connection, while the first one is still answered.
        let mut other = Peer::accept(world.accept().await).await;
        let moved = other.request().await;
        assert_eq!(other.body(moved.stream).await, b"\0\0\0\0\x05moved"[..]);
        answer(&mut other, moved.stream).await;
        answer(&mut peer, streams[0]).await;
        peer.expect_close().await;
    };
    let calls = async {
        let (mut one, mut two, mut three) =
            (EchoClient::new(tonic.clone()), EchoClient::new(tonic.clone()), EchoClient::new(tonic.clone()));
        let (one, two, three) = tokio::join!(
            one.unary("stays".to_owned()),
            two.unary("moved".to_owned()),
            three.client_stream(ReceiverStream::new(rest)),
        );
        assert_eq!((one.unwrap().into_inner(), two.unwrap().into_inner()), ("ok".to_owned(), "ok".to_owned()));
        let status = three.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert_eq!(error_of(&status).unwrap().delivery(), Delivery::Refused);
    };
    tokio::join!(calls, server);
    drop(messages);
}

#[tokio::test(start_paused = true)]
async fn more_calls_than_streams_wait_for_each_other_and_all_are_answered() {
    let world = World::new();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1)).build();
    let tonic = Tonic::new(client, support::URL).unwrap();
    let origin = Origin::h2c().max_concurrent_streams(10).handle(serve).serve_on(world.listener);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let mut echo = EchoClient::new(tonic.clone());
        calls.spawn(async move { echo.unary(number.to_string()).await.unwrap().into_inner() == number.to_string() });
    }
    while let Some(is_its_own) = calls.join_next().await {
        assert!(is_its_own.unwrap());
    }
    assert_eq!((origin.requests().len(), origin.connections()), (100, 1));
}

/// Dropped anywhere, it leaves its stream to the next one.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_at_any_time_frees_its_stream() {
    let build = async || {
        let world = World::new();
        let client = world.builder().pool(PoolConfig::new().max_per_origin(1).max_streams(1)).build();
        let tonic = Tonic::new(client, support::URL).unwrap();
        let World { net, executor, listener } = world;
        let origin = Origin::h2c().handle(serve).serve_on(listener);
        let mut echo = EchoClient::new(tonic.clone());
        let scenario = async move {
            let mut words = echo.server_stream("one two".to_owned()).await.unwrap().into_inner();
            while words.message().await.unwrap().is_some() {}
        };
        ((net, executor, origin, tonic), scenario)
    };
    let walk = drop_walk(build, async |(_net, _executor, _origin, tonic), _| {
        let next = async { EchoClient::new(tonic).unary("next".to_owned()).await.unwrap().into_inner() };
        assert_eq!(tokio::time::timeout(Duration::from_secs(1), next).await.unwrap(), "next");
    })
    .await;
    assert!(walk.polls >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_ends_the_call_and_frees_its_stream() {
    let world = World::new();
    let client = world.builder().pool(PoolConfig::new().max_per_origin(1).max_streams(1)).build();
    let mut echo = EchoClient::new(Tonic::new(client, support::URL).unwrap());
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        peer.headers(request.stream, &GRPC, false).await;
        peer.data(request.stream, b"\0\xff\xff\xff\xffbegins", false).await;
        assert_eq!(peer.expect_reset(request.stream).await, 8);
        let next = peer.request().await;
        answer(&mut peer, next.stream).await;
    };
    let calls = async {
        let status = echo.unary("hello".to_owned()).await.unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
        assert_eq!(echo.unary("hello".to_owned()).await.unwrap().into_inner(), "ok");
    };
    tokio::join!(calls, server);
}

/// By what it is, and not by bytes that make no sense; also by one that closes without a word.
#[tokio::test(start_paused = true)]
async fn a_server_of_http1_alone_is_refused_with_what_it_lacks() {
    for answers in [true, false] {
        let world = World::new();
        let mut echo = EchoClient::new(world.tonic());
        let _serving = world.listener.serve(move |_, conn| async move {
            let mut script = Script::new(conn);
            script.request().await;
            if answers {
                script.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        let status = echo.unary("hello".to_owned()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        let error = error_of(&status).unwrap();
        assert!(error.delivery() == Delivery::Unsent && error.report().to_string().contains("HTTP/2"), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn binary_metadata_comes_as_it_was_both_ways() {
    let world = World::new();
    let mut echo = EchoClient::new(world.tonic());
    let bytes: Vec<u8> = (0..=255).collect();
    let mut request = Request::new("hello".to_owned());
    request.metadata_mut().insert_bin("trace-bin", MetadataValue::from_bytes(&bytes));
    let server = async {
        let mut peer = Peer::accept(world.accept().await).await;
        let request = peer.request().await;
        let value = request.fields.get("trace-bin").unwrap().to_owned();
        peer.headers(request.stream, &GRPC, false).await;
        peer.data(request.stream, MESSAGE, false).await;
        peer.headers(request.stream, &[("grpc-status", "0"), ("trace-bin", &value)], true).await;
    };
    let (answer, ()) = tokio::join!(echo.unary(request), server);
    let answer = answer.unwrap();
    assert_eq!(answer.metadata().get_bin("trace-bin").unwrap().to_bytes().unwrap(), bytes);
}

/// Neither what a program logs of a status, nor what is behind it.
#[tokio::test(start_paused = true)]
async fn no_status_tells_secrets_of_the_request() {
    let world = World::new();
    world.net.at("192.0.2.1:80".parse().unwrap()).refuse();
    let mut request = Request::new("secret message".to_owned());
    request.metadata_mut().insert("authorization", "Bearer secret".parse().unwrap());
    let options = RequestOptions::new().partition(Partition::new("secret tenant"));
    request.extensions_mut().insert(options);
    let refused = EchoClient::new(world.tonic()).unary(request).await.unwrap_err();
    let origin = "http://me:secret@a.test".parse().unwrap();
    let userinfo = EchoClient::with_origin(world.tonic(), origin).unary("hello".to_owned()).await.unwrap_err();
    for status in [refused, userinfo] {
        let mut all = format!("{status} {status:?}");
        let mut source = status.source();
        while let Some(error) = source {
            all += &format!("{error} {error:?}");
            source = error.source();
        }
        assert!(!all.contains("secret") && error_of(&status).is_some(), "{all}");
    }
}
