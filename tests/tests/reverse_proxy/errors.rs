//! What goes wrong is a status that tells whose fault it is, and nothing of what is inside.

use super::Front;
use skybridge::PoolConfig;
use skybridge_testkit::h1::Script;
use skybridge_tests::World;
use std::time::Duration;

const GET: &str = "GET / HTTP/1.1\r\nhost: p.test\r\n\r\n";

/// The whole answer.
async fn answer(front: &Front, request: &str) -> String {
    let mut client = front.sends(request).await;
    let head = client.head().await;
    let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
    let body = client.take(length).await;
    format!("{}{}", head.head(), String::from_utf8(body.to_vec()).unwrap())
}

fn assert_says(answer: &str, status: &str) {
    let whole = (format!("HTTP/1.1 {status}\r\n"), format!("\r\n\r\n{status}\n"));
    assert!(answer.starts_with(&whole.0) && answer.ends_with(&whole.1), "{status}: {answer}");
    for inside in ["192.0.2.1", "a.test", "refused", "skybridge"] {
        assert!(!answer.contains(inside), "{inside}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_upstream_is_a_502_without_addresses() {
    let front = Front::new();
    assert_says(&answer(&front, GET).await, "502 Bad Gateway");
    let listener = front.world.listen();
    let closes = async { drop(Script::new(listener.accept().await.0).request().await) };
    let post = "POST / HTTP/1.1\r\nhost: p.test\r\ncontent-length: 0\r\n\r\n";
    let ((), answered) = tokio::join!(closes, answer(&front, post));
    assert_says(&answered, "502 Bad Gateway");
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_is_a_504_after_a_minute() {
    for (limit, seconds) in [(None, 60), (Some(Duration::from_secs(5)), 5)] {
        let front = Front::with(World::new(), World::client, |proxy| match limit {
            Some(limit) => proxy.head_limit(limit),
            None => proxy,
        });
        let listener = front.world.listen();
        let begin = front.world.executor.runtime().now();
        let silent = async {
            let mut upstream = Script::new(listener.accept().await.0);
            upstream.request().await;
            upstream.expect_close().await;
        };
        let both = async { tokio::join!(silent, answer(&front, GET)) };
        let ((), answered) = tokio::time::timeout(Duration::from_secs(3600), both).await.unwrap();
        assert_says(&answered, "504 Gateway Timeout");
        assert_eq!((front.world.executor.runtime().now() - begin).as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_this_side_is_a_503() {
    let config = PoolConfig::new().max_per_origin(1).max_waiting_per_origin(1);
    let front = Front::with(World::new(), |world| world.builder().pool(config).build(), |proxy| proxy);
    let listener = front.world.listen();
    let _first = front.sends(GET).await;
    let mut upstream = Script::new(listener.accept().await.0);
    upstream.request().await;
    let _second = front.sends(GET).await;
    while front.client.stats().waiting < 1 {
        tokio::task::yield_now().await;
    }
    assert_says(&answer(&front, GET).await, "503 Service Unavailable");
}

#[tokio::test(start_paused = true)]
async fn what_no_upstream_is_asked_for() {
    let front = Front::new();
    for (request, status) in [
        ("TRACE / HTTP/1.1\r\nhost: p.test\r\n\r\n", "501 Not Implemented"),
        ("OPTIONS * HTTP/1.1\r\nhost: p.test\r\n\r\n", "501 Not Implemented"),
        ("CONNECT a.test:80 HTTP/1.1\r\nhost: a.test:80\r\n\r\n", "501 Not Implemented"),
        ("OPTIONS / HTTP/1.1\r\nhost: p.test\r\nmax-forwards: 0\r\n\r\n", "204 No Content"),
    ] {
        let answered = answer(&front, request).await;
        assert!(answered.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answered}");
    }
    assert_eq!(front.world.net.opened(), 4, "the clients'");
}

/// Who asks whom would differ from one server to the next (RFC 9112, section 3.2).
#[tokio::test(start_paused = true)]
async fn a_request_for_two_hosts_or_for_none_that_can_be_is_a_400() {
    let front = Front::new();
    for host in ["a.test\r\nhost: b.test", "a.test, b.test", "a.test/x", "user@a.test"] {
        let answered = answer(&front, &format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_says(&answered, "400 Bad Request");
    }
}

/// Its content would come to the upstream as what it is not (RFC 9112, section 6.1).
#[tokio::test(start_paused = true)]
async fn a_transfer_coding_besides_chunked_is_a_501() {
    let front = Front::new();
    for coding in ["gzip, chunked", "chunked, chunked", "identity\r\ntransfer-encoding: chunked"] {
        let request = format!("POST / HTTP/1.1\r\nhost: p.test\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n");
        assert_says(&answer(&front, &request).await, "501 Not Implemented");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_with_a_508() {
    let front = Front::new();
    let again = "via: 1.1 skybridge, 1.0 edge, 2 skybridge (again)\r\n".repeat(8);
    let answered = answer(&front, &format!("GET / HTTP/1.1\r\nhost: p.test\r\n{again}\r\n")).await;
    assert!(answered.starts_with("HTTP/1.1 508 Loop Detected\r\n"), "{answered}");
}
