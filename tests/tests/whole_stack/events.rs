//! The events that an observer sees of a call, in order.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel, Full};
use skybridge::RequestBody;
use skybridge_testkit::{
    executor::run_until_idle,
    h1::Script,
    origin::{Incoming, Origin},
};
use skybridge_tests::{World, addr, get, h2, post, read};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_cold_call_and_a_warm_one() {
    for over_h2 in [false, true] {
        let world = World::new();
        let origin = if over_h2 { Origin::h2c() } else { Origin::h1() }.serve_on(world.listen());
        let client = world.client();
        let request = || if over_h2 { h2(get("/")) } else { get("/") };

        read(client.request(request())).await.unwrap();
        run_until_idle().await;
        assert_eq!(
            world.recorder.lines(),
            [
                "call_start",
                "acquire_start",
                "resolve_start",
                "addresses_found a.test 192.0.2.1:80 (resolver)",
                "resolve_end",
                "connect_start a1",
                "connect_end a1",
                "handshake_start a1",
                "handshake_end a1",
                "connection_created a1 c1",
                "connection_acquired c1 new",
                "acquire_end c1",
                "send_start c1",
                "send_end c1",
                "wait_start c1",
                "response_head c1 200",
                "wait_end c1",
                "body_start c1",
                "response_body c1 5",
                "body_end c1",
                "connection_released c1",
                "call_end",
            ],
            "h2: {over_h2}"
        );
        world.recorder.assert_balanced();

        world.recorder.clear();
        read(client.request(request())).await.unwrap();
        run_until_idle().await;
        assert_eq!(
            world.recorder.lines(),
            [
                "call_start",
                "acquire_start",
                "connection_acquired c1 reused",
                "acquire_end c1",
                "send_start c1",
                "send_end c1",
                "wait_start c1",
                "response_head c1 200",
                "wait_end c1",
                "body_start c1",
                "response_body c1 5",
                "body_end c1",
                "connection_released c1",
                "call_end",
            ],
            "h2: {over_h2}"
        );
        assert!(world.recorder.recorded().iter().all(|event| event.call.is_some_and(|call| call.0 == 2)));

        world.recorder.clear();
        drop(origin);
        run_until_idle().await;
        assert_eq!(world.recorder.names().last(), Some(&"connection_closed"), "{:?}", world.recorder.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_says_why() {
    let world = World::new();
    let client = world.client();
    read(client.request(get("/"))).await.unwrap_err();
    let lines = world.recorder.lines();
    assert!(lines.iter().any(|line| line.starts_with("connect_failed a1")), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("call_failed http://a.test: TCP to 192.0.2.1:80 failed"), "{lines:?}");
    world.recorder.assert_balanced();
}

/// What is observed from the first byte of a request on.
fn exchange(world: &World) -> Vec<String> {
    let lines = world.recorder.lines();
    lines.into_iter().skip_while(|line| !line.starts_with("send_start")).collect()
}

/// From the one event to the other.
fn between(world: &World, start: &str, end: &str) -> Duration {
    let at = |name| world.recorder.recorded().iter().find(|event| event.name == name).unwrap().at;
    at(end) - at(start)
}

/// A reader that takes 100 kB in two seconds, and answers a second later.
#[tokio::test(start_paused = true)]
async fn an_upload_to_a_slow_reader_is_not_the_wait_for_its_answer() {
    let second = Duration::from_secs(1);
    for over_h2 in [false, true] {
        let world = World::new();
        world.net.at(addr()).window(4096).bandwidth(50_000);
        let origin = if over_h2 { Origin::h2c() } else { Origin::h1() };
        let origin = origin.handle(move |request: Request<Incoming>| async move {
            request.into_body().collect().await.unwrap();
            tokio::time::sleep(second).await;
            Response::new(Full::new(Bytes::from("thanks")))
        });
        let _origin = origin.serve_on(world.listen());
        let request = post(vec![0; 100_000]);
        let client = world.client();
        read(client.request(if over_h2 { h2(request) } else { request })).await.unwrap();
        run_until_idle().await;
        let expected = [
            "send_start c1",
            "request_body c1 100000",
            "send_end c1",
            "wait_start c1",
            "response_head c1 200",
            "wait_end c1",
            "body_start c1",
            "response_body c1 6",
            "body_end c1",
            "connection_released c1",
            "call_end",
        ];
        assert_eq!(exchange(&world), expected, "h2: {over_h2}");
        let (send, wait) = (between(&world, "send_start", "send_end"), between(&world, "wait_start", "wait_end"));
        assert!(send > second && send < 3 * second, "h2: {over_h2}: {send:?}");
        assert!(wait >= second && wait < 2 * second, "h2: {over_h2}: {wait:?}");
        world.recorder.assert_balanced();
    }
}

/// OkHttp's sequences: a body that is empty, read, not read, or not whole, and a head that doesn't come. What is not
/// read is thrown away by the connection, which is released after the call's end. Unlike OkHttp's, a connection is
/// released before it is decided whether the request is sent again: the pool is below who decides.
#[tokio::test(start_paused = true)]
async fn a_call_ends_once_and_last_however_its_exchange_ends() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    let rows: [(&str, bool, &[&str]); 5] = [
        (
            "HTTP/1.1 204 No Content\r\n\r\n",
            true,
            &["wait_start", "response_head", "wait_end", "body_start", "body_end", "connection_released", "call_end"],
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nand so on",
            true,
            &[
                "wait_start",
                "response_head",
                "wait_end",
                "body_start",
                "response_body",
                "body_end",
                "connection_released",
                "call_end",
            ],
        ),
        (
            head,
            false,
            &[
                "wait_start",
                "response_head",
                "wait_end",
                "body_start",
                "body_dropped",
                "call_end",
                "connection_released",
            ],
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
            true,
            &[
                "wait_start",
                "response_head",
                "wait_end",
                "body_start",
                "response_body",
                "body_failed",
                "connection_released",
                "call_failed",
            ],
        ),
        ("", true, &["wait_start", "wait_failed", "connection_released", "retry_decision", "call_failed"]),
    ];
    for (answer, reads, expected) in rows {
        let world = World::new();
        let listener = world.listen();
        let client = world.client();
        let call = async {
            let Ok(response) = client.request(post("x")).await else { return };
            if reads {
                let _ = response.into_body().text().await;
            } else {
                drop(response);
            }
            run_until_idle().await;
        };
        let server = async {
            let mut peer = Script::new(listener.accept().await.0);
            peer.request().await;
            peer.send(answer).await;
            run_until_idle().await;
        };
        tokio::join!(call, server);
        run_until_idle().await;
        let kept: Vec<_> = world.recorder.names().into_iter().skip_while(|name| *name != "wait_start").collect();
        let kept: Vec<_> = kept.into_iter().filter(|name| *name != "connection_closed").collect();
        assert_eq!(kept, expected, "{answer:?}");
        world.recorder.assert_balanced();
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_while_it_is_sent_fails_the_sending_and_one_without_a_length_has_no_number() {
    for fails in [false, true] {
        let world = World::new();
        let _origin = Origin::h1().serve_on(world.listen());
        let client = world.client();
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        let upload = async {
            sender.send_data("piece".into()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            if fails {
                sender.abort(std::io::Error::other("the disk is gone"));
            }
        };
        let (answer, ()) = tokio::join!(read(client.request(post(RequestBody::wrap(body)))), upload);
        assert_eq!(answer.is_err(), fails);
        run_until_idle().await;
        let lines = exchange(&world);
        if fails {
            assert_eq!(lines[2], "send_failed c1 the disk is gone", "{lines:?}");
            assert!(lines.last().unwrap().starts_with("call_failed"), "{lines:?}");
        } else {
            assert_eq!(lines[1..3], ["request_body c1 ?", "send_end c1"], "{lines:?}");
        }
        let sent = between(&world, "send_start", if fails { "send_failed" } else { "send_end" });
        assert!(sent >= Duration::from_secs(1), "{sent:?}");
        world.recorder.assert_balanced();
    }
}
