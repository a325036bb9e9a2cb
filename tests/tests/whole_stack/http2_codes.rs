//! What observers are told of addresses that nobody looks up, and of GOAWAY and RST_STREAM in both directions.

use skybridge::{Client, OverridesLayer, RequestBody, types::RequestOptions};
use skybridge_testkit::{
    executor::run_until_idle,
    gate::Gate,
    h2::{Peer, code},
    observe::Recorder,
    origin::Origin,
};
use skybridge_tests::{World, addr, get, h2, post, read, wishing};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::Layer;

/// The events of these kinds, each with its call.
fn told(recorder: &Recorder, kinds: &[&str]) -> Vec<String> {
    let of = recorder.recorded().into_iter().filter(|event| kinds.contains(&event.name));
    of.map(|event| format!("{event} of {}", event.call.map_or(0, |call| call.0))).collect()
}

const CODES: [&str; 4] = ["goaway_received", "goaway_sent", "reset_received", "reset_sent"];

#[tokio::test(start_paused = true)]
async fn resets_have_their_code_and_the_call_whose_stream_it_was() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        read(client.request(h2(get("/warm")))).await.unwrap();
        // One that is given up, and one that the peer resets.
        let (gone, reset) = (client.request(h2(get("/1"))), client.request(h2(post("x"))));
        let gone = tokio::time::timeout(std::time::Duration::from_secs(1), gone);
        let (gone, reset) = tokio::join!(gone, read(reset));
        assert!(gone.is_err() && reset.is_err());
        drop(client);
        run_until_idle().await;
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let warm = peer.request().await.stream;
        peer.respond(warm, 200, "warm").await;
        let first = peer.request().await.stream;
        let second = peer.request().await.stream;
        peer.reset(second, code::INTERNAL_ERROR).await;
        assert_eq!(peer.expect_reset(first).await, code::CANCEL);
        peer.expect_close().await;
    };
    tokio::join!(calls, server);
    run_until_idle().await;
    let expected =
        ["reset_received c1 INTERNAL_ERROR 5 of 3", "reset_sent c1 CANCEL 3 of 2", "goaway_sent a1 c1 NO_ERROR 0 of 1"];
    assert_eq!(told(&world.recorder, &CODES), expected);
}

#[tokio::test(start_paused = true)]
async fn a_goaway_says_its_code_its_last_stream_and_no_secret() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let call = async {
        read(client.request(h2(get("/?key=secret")))).await.unwrap();
        run_until_idle().await;
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let stream = peer.request().await.stream;
        peer.goaway(stream, code::ENHANCE_YOUR_CALM, "calm\x1b[2J http://a.test/?key=secret").await;
        peer.respond(stream, 200, "fine").await;
        peer.expect_close().await;
    };
    tokio::join!(call, server);
    let expected = [
        "goaway_received a1 c1 ENHANCE_YOUR_CALM 1 calm\u{fffd}[2J [hidden] of 1",
        "goaway_sent a1 c1 NO_ERROR 0 of 1",
    ];
    assert_eq!(told(&world.recorder, &CODES), expected);
}

/// What breaks the rules is answered with the code of that.
#[tokio::test(start_paused = true)]
async fn what_this_side_sends_of_its_own_accord_is_told_too() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let call = async {
        read(client.request(h2(get("/")))).await.unwrap_err();
        run_until_idle().await;
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let stream = peer.request().await.stream;
        // DATA without a head.
        peer.data(stream, "x", true).await;
        run_until_idle().await;
    };
    tokio::join!(call, server);
    run_until_idle().await;
    let told = told(&world.recorder, &CODES);
    assert!(told[0].contains("PROTOCOL_ERROR") && told[0].contains("_sent"), "{told:?}");
}

/// An upload that the response makes needless is ended, and so is a response that nobody reads.
#[tokio::test(start_paused = true)]
async fn a_request_with_an_observer_of_its_own_tells_that_one() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let own = Recorder::new();
    let call = async {
        read(client.request(h2(get("/")))).await.unwrap();
        let observed = |options: RequestOptions| options.observer(own.clone());
        let response = client.request(wishing(h2(get("/long")), observed)).await.unwrap();
        drop(response);
        run_until_idle().await;
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let first = peer.request().await.stream;
        peer.respond(first, 200, "fine").await;
        let long = peer.request().await.stream;
        peer.headers(long, &[(":status", "200")], false).await;
        peer.expect_reset(long).await;
    };
    tokio::join!(call, server);
    run_until_idle().await;
    assert_eq!(told(&own, &CODES), ["reset_sent c1 CANCEL 3 of 2"]);
    assert_eq!(told(&world.recorder, &["reset_sent"]), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn addresses_that_nobody_looks_up_are_told_too() {
    let found = async |client: &dyn Fn(&World) -> Client, request: http::Request<RequestBody>| {
        let world = World::new();
        let _origin = Origin::h1().serve_on(world.listen());
        read(client(&world).request(request)).await.unwrap();
        told(&world.recorder, &["addresses_found"])
    };
    let plain = |world: &World| world.client();
    let literal = http::Request::get("http://192.0.2.1/").body(RequestBody::empty()).unwrap();
    assert_eq!(found(&plain, literal).await, ["addresses_found 192.0.2.1 192.0.2.1:80 (literal) of 1"]);
    let dial = wishing(get("/"), |options| options.dial([addr().into()]));
    assert_eq!(found(&plain, dial).await, ["addresses_found a.test 192.0.2.1:80 (dial) of 1"]);
    let overrides = |world: &World| {
        let names = OverridesLayer::new().host("a.test", [addr().into()]).layer(world.net.resolver());
        world.builder().resolver(names).build()
    };
    assert_eq!(found(&overrides, get("/")).await, ["addresses_found a.test 192.0.2.1:80 (overrides) of 1"]);
}

/// Whoever reads the rest of it later holds the connection's state, but not what others observe by.
#[tokio::test(start_paused = true)]
async fn an_observer_of_a_request_goes_with_the_connection_though_a_body_of_it_is_held() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let own = Recorder::new();
    let calls = async {
        let held = client.request(h2(get("/long"))).await.unwrap();
        let observed = wishing(h2(post("x")), |options| options.observer(own.clone()));
        assert!(client.request(observed).await.is_err());
        run_until_idle().await;
        assert_eq!(Arc::strong_count(&own), 1, "nothing more is told of it");
        drop(held);
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let long = peer.request().await.stream;
        peer.headers(long, &[(":status", "200")], false).await;
        peer.request().await;
    };
    tokio::join!(calls, server);
}

/// Not before, as more may be told of it; and not later, as the connection may be open for hours.
#[tokio::test(start_paused = true)]
async fn an_observer_of_a_request_goes_once_its_stream_has_ended_in_both_directions() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let own = Recorder::new();
    let (read_early, over) = (Gate::new(), Gate::new());
    let resets = || told(&own, &["reset_received"]);
    let observed = |request| wishing(h2(request), |options| options.observer(own.clone()));
    let calls = async {
        read(client.request(h2(get("/")))).await.unwrap();
        for request in [get("/"), post("x")] {
            read(client.request(observed(request))).await.unwrap();
            run_until_idle().await;
            assert_eq!(Arc::strong_count(&own), 1, "both directions have ended");
        }
        // A response that is over before its request is.
        assert_eq!(read(client.request(observed(post(RequestBody::wrap(Stalled))))).await.unwrap(), "early");
        run_until_idle().await;
        assert!(Arc::strong_count(&own) > 1, "more may be told of it");
        assert_eq!(resets(), [""; 0]);
        read_early.open();
        run_until_idle().await;
        assert_eq!(resets(), ["reset_received c1 NO_ERROR 7 of 4"]);
        assert_eq!(Arc::strong_count(&own), 1, "it was reset");
        read(client.request(h2(get("/")))).await.unwrap();
        over.open();
    };
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        for _ in 0..3 {
            let stream = peer.request().await.stream;
            peer.respond(stream, 200, "fine").await;
        }
        let early = peer.request().await.stream;
        peer.respond(early, 200, "early").await;
        peer.wait(&read_early).await;
        peer.reset(early, code::NO_ERROR).await;
        let last = peer.request().await.stream;
        peer.respond(last, 200, "fine").await;
        peer.wait(&over).await;
    };
    tokio::join!(calls, server);
    assert_eq!(told(&world.recorder, &["reset_received"]), [""; 0], "it is the other's");
}

/// Five bytes that never come.
struct Stalled;

impl http_body::Body for Stalled {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(5)
    }
}
