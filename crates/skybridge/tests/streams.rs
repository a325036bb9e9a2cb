//! How many streams of a connection are taken, as the peer counts them.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{Client, ConnectOptions, HttpVersions, RequestBody};
use skybridge_testkit::{
    executor::run_until_idle,
    h2::{Peer, setting},
    net::Network,
};
use std::time::Duration;

/// One stream at a time, three bytes of window.
const NARROW: [(u16, u32); 2] = [(setting::MAX_CONCURRENT_STREAMS, 1), (setting::INITIAL_WINDOW_SIZE, 3)];

#[tokio::test(start_paused = true)]
async fn a_request_answered_early_takes_its_stream_until_all_of_it_is_sent() {
    let net = Network::new();
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let listener = net.listen("192.0.2.1:80".parse().unwrap());
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = HttpVersions::Http2;
    let client =
        Client::builder().resolver(net.resolver()).dialer(net.dialer()).connect_options(connect_options).build();
    let body = RequestBody::from("withheld");
    let calls = async {
        let first = client.request(Request::post("http://a.test/").body(body).unwrap()).await.unwrap();
        assert_eq!(first.into_body().text().await.unwrap(), "early");
        run_until_idle().await;
        assert_eq!(client.stats().active, 1, "the connection is still in use");
        assert_eq!(client.get("http://a.test/").await.unwrap().status(), 204);
        run_until_idle().await;
        assert_eq!((client.stats().active, client.stats().idle), (0, 2));
    };
    let server = async {
        let mut first = Peer::accept_with(listener.accept().await.0, &NARROW).await;
        let stream = first.request().await.stream;
        first.respond(stream, 200, "early").await;
        // On the first one it would be a stream too many.
        let mut second = Peer::accept_with(listener.accept().await.0, &NARROW).await;
        let next = second.request().await.stream;
        second.respond(next, 204, "").await;
        first.window_update(stream, 100).await;
        assert_eq!(first.body(stream).await, "withheld");
        (first, second)
    };
    let both = async { tokio::join!(calls, server) };
    tokio::time::timeout(Duration::from_secs(1), both).await.expect("the second request waits for the first");
}
