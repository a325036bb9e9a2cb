//! Time limits and events of whole calls, on virtual time over the network in memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http_body_util::BodyExt;
use skybridge::{Client, ClientBuilder, Phase, RequestBody, RequestOptions, Timeouts};
use skybridge_testkit::{
    executor::Executor,
    h1::Script,
    net::{Listener, Network},
    observe::Recorder,
    origin::Origin,
};
use std::time::Duration;
use tokio::time::Instant;

const ADDR: &str = "192.0.2.1:80";

struct Setup {
    net: Network,
    executor: Executor,
    listener: Listener,
}

fn setup() -> Setup {
    let net = Network::new();
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let listener = net.listen(ADDR.parse().unwrap());
    Setup { net, executor: Executor::new(), listener }
}

impl Setup {
    fn client(&self, configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        let builder = configure(Client::builder().runtime(self.executor.runtime()));
        builder.resolver(self.net.resolver()).dialer(self.net.dialer()).build()
    }
}

fn timeout(seconds: u64) -> Timeouts {
    let mut timeouts = Timeouts::new();
    timeouts.call = Some(Duration::from_secs(seconds));
    timeouts
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_its_limit_and_leaves_nothing_behind() {
    let setup = setup();
    let client = setup.client(|builder| builder.timeouts(timeout(3)));
    let start = Instant::now();
    let error = client.get("http://a.test/").await.unwrap_err();
    // A timer fires up to a millisecond late.
    assert!(start.elapsed() - Duration::from_secs(3) <= Duration::from_millis(1));
    assert!(error.is_timeout() && error.phase() == Phase::Call, "{error:?}");
    drop(client);
    setup.executor.assert_idle().await;
    assert_eq!(setup.net.live_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_limit_goes_on_through_the_body_and_a_request_can_have_its_own() {
    let setup = setup();
    let client = setup.client(|builder| builder.timeouts(timeout(3_600)));
    let mut request = http::Request::get("http://a.test/").body(RequestBody::empty()).unwrap();
    request.extensions_mut().insert(RequestOptions::new().timeouts(timeout(2)));
    let call = async {
        let start = Instant::now();
        let error = client.request(request).await.unwrap().into_body().bytes().await.unwrap_err();
        assert!(error.is_timeout() && error.phase() == Phase::Call && error.connection().is_some(), "{error:?}");
        assert!(start.elapsed() - Duration::from_secs(2) <= Duration::from_millis(1));
    };
    let server = async {
        let mut peer = Script::new(setup.listener.accept().await.0);
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
        peer.expect_close().await;
    };
    tokio::join!(call, server);
}

/// There is something to read whenever somebody reads, for ever.
#[tokio::test(start_paused = true)]
async fn the_limit_ends_a_body_that_never_ends_and_one_that_is_read_slowly() {
    let begun = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", 256 * 1024, "x".repeat(256 * 1024));
    for (answer, more) in [(begun, "4\r\nmore\r\n"), (whole, "")] {
        let setup = setup();
        let client = setup.client(|builder| builder.timeouts(timeout(1)));
        let call = async {
            let start = Instant::now();
            let mut body = client.get("http://a.test/").await.unwrap().into_body();
            let mut frames = 0;
            let error = loop {
                match body.frame().await {
                    Some(Ok(_)) => frames += 1,
                    ended => break ended.unwrap().unwrap_err(),
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            };
            assert!(error.is_timeout() && error.phase() == Phase::Call && error.connection().is_some(), "{error:?}");
            assert!(frames > 1 && start.elapsed() <= Duration::from_millis(1_201), "{frames} {:?}", start.elapsed());
            assert!(body.frame().await.is_none());
        };
        let server = async {
            let mut peer = Script::new(setup.listener.accept().await.0);
            peer.request().await;
            let _ = peer.try_send(&answer).await;
            while peer.try_send(more).await.is_ok() && !more.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::join!(call, server);
    }
}

/// Who has read all has it, though it comes to look a day later.
#[tokio::test(start_paused = true)]
async fn the_limit_cuts_nothing_that_is_over() {
    let setup = setup();
    let client = setup.client(|builder| builder.timeouts(timeout(1)));
    let _origin = Origin::h1().serve_on(setup.listener);
    let mut body = client.get("http://a.test/").await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hello");
    tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_call_names_it_and_a_call_given_up_says_so() {
    let setup = setup();
    let recorder = Recorder::new();
    let client = setup.client(|builder| builder.observer(recorder.clone()));
    setup.net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(10));
    let given_up = tokio::time::timeout(Duration::from_millis(5), client.get("http://a.test/")).await;
    assert!(given_up.is_err());
    assert_eq!((recorder.names().first(), recorder.count("call_dropped")), (Some(&"call_start"), 1));
    recorder.clear();

    let _origin = Origin::h1().serve_on(setup.listener);
    client.get("http://a.test/").await.unwrap().into_body().bytes().await.unwrap();
    let names = recorder.names();
    assert_eq!(names.first(), Some(&"call_start"));
    assert!(names.contains(&"call_end") && names.contains(&"connection_acquired"), "{names:?}");
    assert!(
        recorder.recorded().iter().filter_map(|event| event.call).all(|call| call.0 == 2),
        "{:?}",
        recorder.recorded()
    );
    recorder.assert_balanced();
}

#[tokio::test(start_paused = true)]
async fn without_limits_no_timer_cuts_a_slow_answer() {
    let setup = setup();
    let client = setup.client(|builder| builder);
    let call = async { client.get("http://a.test/").await.unwrap().into_body().text().await.unwrap() };
    let server = async {
        let mut peer = Script::new(setup.listener.accept().await.0);
        peer.request().await;
        tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
        peer.respond(200, "at last").await;
        peer
    };
    assert_eq!(tokio::join!(call, server).0, "at last");
}
