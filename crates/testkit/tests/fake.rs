//! Fake connections keep the contract that real ones keep, and do what the test says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt;
use skybridge_core::{
    Capacity, CloseReason, ConnectError, Connection as _, ConnectionStatus, Delivery, Error, Failed, NotCoalesced,
    Phase, Plan, Planner as _, StatusListener, can_coalesce,
};
use skybridge_testkit::{
    executor::Executor,
    fake::{Connection, Facts, Peer, Planner},
    fixtures,
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

type Conn = Connection<&'static str>;

async fn connect(facts: Facts) -> (Planner<&'static str>, Conn, Peer<&'static str>) {
    let executor = Executor::new();
    let mut below = Planner::new();
    let plan = below.plan(fixtures::target("https://a.test", executor.ctx())).await.unwrap();
    let (connection, peer) = tokio::join!(plan.connect(), async { below.connecting().await.succeed(facts) });
    (below, connection.unwrap(), peer)
}

async fn start(connection: &mut Conn, body: &'static str) {
    poll_fn(|cx| connection.poll_ready(cx)).await.unwrap();
    connection.start(Request::new(body));
}

async fn answer(
    connection: &mut Conn,
) -> Result<http::Response<skybridge_testkit::fake::Body>, Failed<Request<&'static str>>> {
    poll_fn(|cx| connection.poll_response(cx)).await
}

fn ready(connection: &mut Conn) -> Poll<Result<(), Error>> {
    connection.poll_ready(&mut Context::from_waker(Waker::noop()))
}

#[derive(Default)]
struct Heard(Mutex<Vec<ConnectionStatus>>);

impl StatusListener for Heard {
    fn notify(&self, status: ConnectionStatus) {
        self.0.lock().unwrap().push(status);
    }
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_connection_carries_one_exchange_after_the_other() {
    let (below, mut connection, peer) = connect(Facts::h1()).await;
    assert!(connection.share().is_none());
    for body in ["one", "two"] {
        start(&mut connection, body).await;
        let exchange = peer.exchange().await;
        assert_eq!(*exchange.request().body(), body);
        exchange.respond(200, "done");
        let response = answer(&mut connection).await.unwrap();
        assert!(ready(&mut connection).is_pending(), "the body is not read yet");
        assert_eq!(response.body().size_hint().exact(), Some(4));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "done");
        assert!(ready(&mut connection).is_ready());
    }
    assert_eq!((peer.started(), peer.max_in_flight(), below.open()), (2, 1, 1));
    drop(connection);
    peer.dropped().await;
    assert_eq!((below.open(), below.connects(), below.plans()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_early_closes_an_exclusive_connection_and_frees_a_shared_ones_stream() {
    for (facts, closes) in [(Facts::h1(), true), (Facts::h2(2), false)] {
        let (_below, mut connection, peer) = connect(facts).await;
        let heard = Arc::new(Heard::default());
        connection.subscribe(heard.clone());
        start(&mut connection, "").await;
        let sender = peer.exchange().await.begin(200);
        drop(answer(&mut connection).await.unwrap());
        assert!(sender.is_dropped());
        assert_eq!(peer.in_flight(), 0);
        let expected: &[ConnectionStatus] = if closes { &[ConnectionStatus::Closed(CloseReason::Unread)] } else { &[] };
        assert_eq!(*heard.0.lock().unwrap(), expected);
        assert_eq!(matches!(ready(&mut connection), Poll::Ready(Err(_))), closes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_handle_cancels_its_exchange_only() {
    let (_below, mut first, peer) = connect(Facts::h2(2)).await;
    let mut second = first.share().unwrap();
    start(&mut first, "first").await;
    start(&mut second, "second").await;
    assert_eq!((peer.in_flight(), peer.handles()), (2, 2));
    drop(first);
    let mut cancelled = peer.exchange().await;
    cancelled.cancelled().await;
    assert!(cancelled.is_cancelled());
    peer.exchange().await.respond(204, "");
    assert!(answer(&mut second).await.unwrap().body().is_end_stream());
    assert_eq!((peer.in_flight(), peer.max_in_flight(), peer.handles()), (0, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn failures_say_what_the_test_says() {
    let (_below, mut connection, peer) = connect(Facts::h2(9)).await;
    start(&mut connection, "refused").await;
    peer.exchange().await.return_request(Delivery::Refused);
    let failed = answer(&mut connection).await.unwrap_err();
    assert_eq!(failed.error.delivery(), Delivery::Refused);
    assert_eq!(*failed.into_request().unwrap().body(), "refused");
    start(&mut connection, "lost").await;
    peer.exchange().await.fail(Delivery::Unknown);
    let failed = answer(&mut connection).await.unwrap_err();
    assert!(!failed.has_request());
    assert!(failed.error.connection().is_some());
    start(&mut connection, "broken").await;
    let sender = peer.exchange().await.begin(200);
    sender.data("half");
    sender.fail("the line broke");
    let body = answer(&mut connection).await.unwrap().into_body();
    assert!(body.collect().await.is_err());
    assert_eq!(peer.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn news_reach_the_watch_and_the_handle() {
    let (_below, mut connection, peer) = connect(Facts::h2_before_settings()).await;
    assert_eq!(connection.capacity(), Capacity::Unknown);
    let heard = Arc::new(Heard::default());
    peer.set_capacity(7);
    connection.subscribe(heard.clone());
    assert_eq!(connection.capacity(), Capacity::Streams(7));
    assert!(ready(&mut connection).is_ready());
    peer.drain(CloseReason::PeerGoAway);
    let Poll::Ready(Err(error)) = ready(&mut connection) else { panic!("still ready") };
    assert_eq!(error.delivery(), Delivery::Unsent);
    peer.close(CloseReason::PeerFin);
    peer.close(CloseReason::Protocol);
    let expected = [
        ConnectionStatus::Capacity(7),
        ConnectionStatus::Draining(CloseReason::PeerGoAway),
        ConnectionStatus::Closed(CloseReason::PeerFin),
    ];
    assert_eq!(*heard.0.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_meets_the_end_comes_back_unsent() {
    let (_below, mut connection, peer) = connect(Facts::h1()).await;
    assert!(ready(&mut connection).is_ready());
    peer.close(CloseReason::PeerFin);
    connection.start(Request::new("late"));
    let failed = answer(&mut connection).await.unwrap_err();
    assert_eq!((failed.error.delivery(), failed.has_request()), (Delivery::Unsent, true));
}

#[tokio::test(start_paused = true)]
async fn readiness_can_be_held_back() {
    let (_below, mut connection, peer) = connect(Facts::h1()).await;
    peer.hold();
    let mut waiting = pin!(poll_fn(|cx| connection.poll_ready(cx)));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let (ready, ()) = tokio::join!(waiting, async { peer.release() });
    ready.unwrap();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "started without having been ready")]
async fn starting_unready_is_found() {
    let (_below, mut connection, _peer) = connect(Facts::h1()).await;
    connection.start(Request::new(""));
}

#[tokio::test(start_paused = true)]
async fn plans_and_connects_can_be_held_failed_and_cancelled() {
    let executor = Executor::new();
    let below = Planner::<&'static str>::new();
    below.hold_plans();
    let target = || fixtures::target("http://a.test", executor.ctx());
    let plan = || {
        let mut below = below.clone();
        async move { below.plan(target()).await }
    };
    let (failed, ()) =
        tokio::join!(plan(), async { below.planning().await.fail(ConnectError::new(Phase::Resolve, "no")) });
    assert_eq!(failed.unwrap_err().phase(), Some(Phase::Resolve));
    let (plan, mut feed) = tokio::join!(plan(), async { below.planning().await.answer_live() });
    let plan = plan.unwrap();
    feed.extend([fixtures::endpoint("192.0.2.9:80")]);
    assert_eq!(plan.route().endpoints.snapshot(), [fixtures::endpoint("192.0.2.9:80")]);
    let connecting = plan.connect();
    let mut connect = below.connecting().await;
    assert_eq!(connect.target().origin().host(), "a.test");
    assert!(!connect.is_cancelled());
    drop(connecting);
    connect.cancelled().await;
    let peer = connect.succeed(Facts::h1());
    assert!(peer.is_dropped() && below.open() == 0);
}

#[tokio::test(start_paused = true)]
async fn everything_can_be_automatic() {
    let executor = Executor::new();
    let mut below = Planner::<&'static str>::new();
    below.connect_all(|_| Facts::h2(1)).endpoints("a.test", [fixtures::endpoint("192.0.2.7:443")]);
    let plan = below.plan(fixtures::target("https://a.test", executor.ctx())).await.unwrap();
    let mut connection = plan.connect().await.unwrap();
    below.peers()[0].answer_all();
    start(&mut connection, "").await;
    assert_eq!(answer(&mut connection).await.unwrap().collect().await.unwrap().to_bytes(), Bytes::new());
    assert_eq!(connection.info().remote, fixtures::endpoint("192.0.2.7:443"));
}

#[tokio::test(start_paused = true)]
async fn facts_decide_what_it_may_carry() {
    let (_below, connection, _peer) = connect(Facts::h2(1).covers(["a.test", "b.test"])).await;
    let now = Executor::new().runtime().now();
    let ask = |url: &str| {
        can_coalesce(connection.info(), &fixtures::key(url), true, &[connection.info().remote.clone()], now)
    };
    assert_eq!(ask("https://b.test"), Ok(()));
    assert_eq!(ask("https://c.test"), Err(NotCoalesced::NotCovered));
    let (_below, connection, _peer) =
        connect(Facts::h2(1).covers(["b.test"]).amend(|info| info.tls.as_mut().unwrap().client_auth = true)).await;
    let refused = can_coalesce(connection.info(), &fixtures::key("https://b.test"), true, &[], now);
    assert_eq!(refused, Err(NotCoalesced::ClientAuth));
}
