//! Every time limit: fires in its time, names its phase, says what may have been processed, and leaves nothing behind.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel, Full};
use skybridge::{
    Client, ClientBuilder, Delivery, Error, Phase, PoolConfig, RaceLayer, RequestBody, Timeouts, types::Rounded,
};
use skybridge_testkit::{
    h1::Script,
    net::{Dialer, Names},
    origin::{Incoming, Origin},
};
use skybridge_tests::{World, addr, get, h2, post, read, wishing};
use std::{convert::Infallible, time::Duration};
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_millis(700);

type Set = fn(&mut Timeouts) -> &mut Option<Duration>;

fn timeouts(set: Set, limit: Duration) -> Timeouts {
    let mut timeouts = Timeouts::new();
    *set(&mut timeouts) = Some(limit);
    timeouts
}

/// What a limit ends with, set for the client, then for the request (where the client's is far longer).
async fn expires(set: Set, prepare: impl AsyncFn(&World) -> Option<Box<dyn Send>>, phase: Phase, delivery: Delivery) {
    for by_request in [false, true] {
        let world = World::new();
        let _kept = prepare(&world).await;
        let hour = Duration::from_secs(3600);
        let client = world.builder().timeouts(timeouts(set, if by_request { hour } else { LIMIT })).build();
        let request =
            if by_request { wishing(get("/"), |options| options.timeouts(timeouts(set, LIMIT))) } else { get("/") };
        let start = Instant::now();
        let error = read(client.request(request)).await.unwrap_err();
        assert_timed_out(&error, phase, delivery);
        // A timer fires up to a millisecond late.
        assert!(start.elapsed() - LIMIT <= Duration::from_millis(1), "{:?}", start.elapsed());
        drop(client);
        world.assert_nothing_left().await;
    }
}

fn assert_timed_out(error: &Error, phase: Phase, delivery: Delivery) {
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!((error.phase(), error.delivery()), (phase, delivery), "{error:?}");
}

fn scripted(world: &World, answer: &'static str) -> Option<Box<dyn Send>> {
    let serving = world.listen().serve(move |_, conn| async move {
        let mut peer = Script::new(conn);
        while peer.next_request().await.is_some() {
            peer.send(answer).await;
        }
    });
    Some(Box::new(serving))
}

#[tokio::test(start_paused = true)]
async fn resolve() {
    let hang = async |world: &World| {
        world.net.host("a.test", []).hang();
        None
    };
    expires(|timeouts| &mut timeouts.resolve, hang, Phase::Resolve, Delivery::Unsent).await;
}

#[tokio::test(start_paused = true)]
async fn attempt() {
    let black_hole = async |world: &World| {
        world.net.at(addr()).black_hole();
        None
    };
    expires(|timeouts| &mut timeouts.attempt, black_hole, Phase::Tcp, Delivery::Unsent).await;
}

#[tokio::test(start_paused = true)]
async fn connect_as_a_whole() {
    let black_hole = async |world: &World| {
        world.net.at(addr()).black_hole();
        None
    };
    expires(|timeouts| &mut timeouts.connect, black_hole, Phase::Acquire, Delivery::Unsent).await;
}

#[tokio::test(start_paused = true)]
async fn head() {
    let silent = async |world: &World| scripted(world, "");
    expires(|timeouts| &mut timeouts.response_head, silent, Phase::Wait, Delivery::Unknown).await;
}

/// An origin that reads the whole request, and answers it or doesn't.
fn reading(world: &World, http2: bool, answers: bool) -> Origin {
    let origin = if http2 { Origin::h2c() } else { Origin::h1() };
    let handle = move |request: Request<Incoming>| async move {
        let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
        if !answers {
            std::future::pending::<()>().await;
        }
        Response::new(Full::new(Bytes::from(length.to_string())))
    };
    origin.handle(handle).serve_on(world.listen())
}

/// Sends a body piece by piece, each sooner than the limit; its response has the limit from the last piece on.
#[tokio::test(start_paused = true)]
async fn head_counts_from_the_end_of_an_upload_that_goes_on() {
    for (http2, answers) in [(false, true), (true, true), (false, false), (true, false)] {
        let world = World::new();
        let _origin = reading(&world, http2, answers);
        let client = world.builder().timeouts(Timeouts::new().response_head(LIMIT)).build();
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        let request = post(RequestBody::wrap(body));
        let call = read(client.request(if http2 { h2(request) } else { request }));
        let upload = async {
            for _ in 0..5 {
                sender.send_data("piece".into()).await.unwrap();
                tokio::time::sleep(LIMIT * 7 / 10).await;
            }
            drop(sender);
        };
        let start = Instant::now();
        let (answer, ()) = tokio::join!(call, upload);
        if answers {
            assert_eq!(answer.unwrap(), "25", "HTTP/2 {http2}");
        } else {
            assert_timed_out(&answer.unwrap_err(), Phase::Wait, Delivery::Unknown);
            let over = start.elapsed() - 5 * (LIMIT * 7 / 10) - LIMIT;
            assert!(over <= Duration::from_millis(2), "HTTP/2 {http2}: {over:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn head_counts_from_the_end_of_a_small_body() {
    for http2 in [false, true] {
        let world = World::new();
        let _origin = reading(&world, http2, false);
        let timeouts = Timeouts::new().response_head(LIMIT).write_idle(10 * LIMIT);
        let client = world.builder().timeouts(timeouts).build();
        let start = Instant::now();
        let error = read(client.request(if http2 { h2(post("x")) } else { post("x") })).await.unwrap_err();
        assert_timed_out(&error, Phase::Wait, Delivery::Unknown);
        assert!(start.elapsed() - LIMIT <= Duration::from_millis(2), "HTTP/2 {http2}: {:?}", start.elapsed());
    }
}

/// As little goes at once as the network takes.
#[tokio::test(start_paused = true)]
async fn head_counts_from_the_end_of_a_body_in_one_piece() {
    for http2 in [false, true] {
        let world = World::new();
        world.net.at(addr()).window(4096).latency(LIMIT / 8);
        let _origin = reading(&world, http2, true);
        let client = world.builder().timeouts(Timeouts::new().response_head(LIMIT)).build();
        let start = Instant::now();
        let request = post(vec![0; 100_000]);
        let answer = read(client.request(if http2 { h2(request) } else { request })).await;
        assert_eq!(answer.unwrap(), "100000", "HTTP/2 {http2}");
        assert!(start.elapsed() > 2 * LIMIT, "{:?}", start.elapsed());
    }
}

/// The limit is looked at once in its time.
#[tokio::test(start_paused = true)]
async fn write_idle() {
    for (http2, timeouts) in [
        (false, Timeouts::new().write_idle(LIMIT)),
        (true, Timeouts::new().write_idle(LIMIT)),
        (false, Timeouts::new().response_head(LIMIT)),
        (true, Timeouts::new().response_head(LIMIT)),
    ] {
        let world = World::new();
        let _origin = reading(&world, http2, true);
        let client = world.builder().timeouts(timeouts).build();
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        sender.send_data("a piece, and no other".into()).await.unwrap();
        let request = post(RequestBody::wrap(body));
        let start = Instant::now();
        let error = read(client.request(if http2 { h2(request) } else { request })).await.unwrap_err();
        assert_timed_out(&error, Phase::Send, Delivery::Unknown);
        assert!((LIMIT..=2 * LIMIT + Duration::from_millis(2)).contains(&start.elapsed()), "{:?}", start.elapsed());
        drop(sender);
    }
}

#[tokio::test(start_paused = true)]
async fn read_idle() {
    let half = async |world: &World| scripted(world, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    expires(|timeouts| &mut timeouts.read_idle, half, Phase::Body, Delivery::Unknown).await;
}

#[tokio::test(start_paused = true)]
async fn call_before_and_after_the_head() {
    let silent = async |world: &World| scripted(world, "");
    expires(|timeouts| &mut timeouts.call, silent, Phase::Call, Delivery::Unknown).await;
    let half = async |world: &World| scripted(world, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    expires(|timeouts| &mut timeouts.call, half, Phase::Call, Delivery::Unknown).await;
}

#[tokio::test(start_paused = true)]
async fn call_that_never_got_a_connection() {
    let black_hole = async |world: &World| {
        world.net.at(addr()).black_hole();
        None
    };
    expires(|timeouts| &mut timeouts.call, black_hole, Phase::Call, Delivery::Unsent).await;
}

/// It ends the second try, which has no connection yet: the first may have been processed all the same.
#[tokio::test(start_paused = true)]
async fn call_that_was_sent_before() {
    let world = World::new();
    let listener = world.listen();
    let client = world.builder().timeouts(timeouts(|timeouts| &mut timeouts.call, LIMIT)).build();
    let calls = async {
        read(client.request(get("/1"))).await.unwrap();
        read(client.request(get("/2"))).await.unwrap_err()
    };
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.respond(200, "one").await;
        peer.request().await;
        world.net.at(addr()).black_hole();
    };
    let (error, ()) = tokio::join!(calls, server);
    assert_timed_out(&error, Phase::Call, Delivery::Unknown);
    assert_eq!(error.earlier().len(), 1, "{error:?}");
    let during = "while TCP to 192.0.2.1:80 was under way (an earlier try may have been processed)";
    assert_eq!(error.to_string(), format!("http://a.test: the call took longer than {}, {during}", Rounded(LIMIT)));
}

#[tokio::test(start_paused = true)]
async fn acquire() {
    let world = World::new();
    let _serving = scripted(&world, "");
    let client = world
        .builder()
        .pool(PoolConfig::new().max_per_origin(1))
        .timeouts(timeouts(|timeouts| &mut timeouts.pool_wait, LIMIT))
        .build();
    let mut first = tokio::task::JoinSet::new();
    first.spawn(client.request(get("/")));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert_timed_out(&error, Phase::Acquire, Delivery::Unsent);
    assert!(start.elapsed() - LIMIT <= Duration::from_millis(1), "{:?}", start.elapsed());
    assert_eq!((client.stats().waiting, client.stats().active), (0, 1));
    first.shutdown().await;
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn handshake() {
    let world = World::new();
    let _listener = world.listen();
    // Not even the preface has room.
    world.net.at(addr()).window(0);
    let client = world.builder().timeouts(timeouts(|timeouts| &mut timeouts.handshake, LIMIT)).build();
    let start = Instant::now();
    let error = read(client.request(h2(get("/")))).await.unwrap_err();
    assert_timed_out(&error, Phase::Handshake, Delivery::Unsent);
    assert!(start.elapsed() - LIMIT <= Duration::from_millis(1), "{:?}", start.elapsed());
    drop(client);
    world.assert_nothing_left().await;
}

/// A client of which nothing is set, but that each limit is measured alone: no connect has a second one beside it.
fn alone(world: &World) -> ClientBuilder<Names, Dialer> {
    world.builder().pool(PoolConfig::new().backup_connect(Duration::MAX))
}

/// Without any setting: the table's defaults.
#[tokio::test(start_paused = true)]
async fn the_defaults_are_those_of_the_table() {
    async fn measure(prepare: impl FnOnce(&World)) -> (Phase, Duration) {
        let world = World::new();
        prepare(&world);
        let start = Instant::now();
        let error = read(alone(&world).build().request(get("/"))).await.unwrap_err();
        assert!(error.is_timeout() && error.delivery() == Delivery::Unsent, "{error:?}");
        (error.phase(), start.elapsed())
    }
    let (phase, time) = measure(|world| {
        world.net.host("a.test", []).hang();
    })
    .await;
    assert_eq!((phase, time.as_secs()), (Phase::Resolve, 15));
    let (phase, time) = measure(|world| {
        world.net.at(addr()).black_hole();
    })
    .await;
    assert_eq!((phase, time.as_secs()), (Phase::Tcp, 10));
    // As many as are tried at most, each 250 ms after the one before.
    let black_holes = |world: &World, count: u8| {
        let addrs = (1..=count).map(|last| std::net::IpAddr::from([192, 0, 2, last]));
        world.net.host("a.test", addrs.clone());
        addrs.for_each(|ip| {
            world.net.at((ip, 80).into()).black_hole();
        });
    };
    let (phase, time) = measure(|world| black_holes(world, 200)).await;
    assert_eq!((phase, time.as_millis() / 250), (Phase::Tcp, 63 + 40));

    // Four black holes one after the other are beyond the limit of the whole.
    let world = World::new();
    black_holes(&world, 4);
    let client = alone(&world).race(RaceLayer::sequential()).build();
    let start = Instant::now();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert!(error.is_timeout() && error.delivery() == Delivery::Unsent, "{error:?}");
    assert_eq!((error.phase(), start.elapsed().as_secs()), (Phase::Acquire, 30));
}

/// One caller's limit doesn't end what others wait for.
#[tokio::test(start_paused = true)]
async fn a_limit_of_one_caller_is_not_the_others() {
    let world = World::new();
    world.net.at(addr()).connect_latency(Duration::from_secs(2));
    let _origin = skybridge_testkit::origin::Origin::h2c().serve_on(world.listen());
    let client: Client = world.client();
    let impatient = wishing(h2(get("/")), |options| options.timeouts(timeouts(|timeouts| &mut timeouts.call, LIMIT)));
    let (impatient, patient) = tokio::join!(read(client.request(impatient)), read(client.request(h2(get("/")))));
    assert_timed_out(&impatient.unwrap_err(), Phase::Call, Delivery::Unsent);
    assert_eq!(patient.unwrap(), "hello");
    assert_eq!(world.net.connects_to(addr()), 1);
}

/// Nor does one caller's limit of a phase, longer or shorter, through the layers whose phases these are.
#[tokio::test(start_paused = true)]
async fn a_limit_of_a_phase_is_each_callers_own() {
    type Case = (Set, Phase, fn(&World, Duration));
    let cases: [Case; 2] = [
        (
            |timeouts| &mut timeouts.resolve,
            Phase::Resolve,
            |world, time| {
                world.net.host("a.test", [addr().ip()]).latency(time);
            },
        ),
        (
            |timeouts| &mut timeouts.attempt,
            Phase::Tcp,
            |world, time| {
                world.net.at(addr()).connect_latency(time);
            },
        ),
    ];
    for (set, phase, prepare) in cases {
        let world = World::new();
        prepare(&world, Duration::from_secs(4));
        let _origin = skybridge_testkit::origin::Origin::h2c().serve_on(world.listen());
        let client = alone(&world).build();
        let start = Instant::now();
        let lets = |time| read(client.request(wishing(h2(get("/")), |options| options.timeouts(timeouts(set, time)))));
        let (hasty, plain, patient) =
            tokio::join!(lets(LIMIT), read(client.request(h2(get("/")))), lets(Duration::from_secs(20)));
        let error = hasty.unwrap_err();
        assert_timed_out(&error, phase, Delivery::Unsent);
        assert_eq!((plain.unwrap().as_ref(), patient.unwrap().as_ref()), ("hello", "hello"));
        assert!(start.elapsed() >= Duration::from_secs(4));
        assert_eq!(world.net.connects_to(addr()), 1);
        drop(client);
        world.assert_nothing_left().await;
    }
}

/// The limit of the call says where it struck: the step, and the address or the connection.
#[tokio::test(start_paused = true)]
async fn call_names_the_step_and_the_address_that_it_was_at() {
    let said = async |prepare: &dyn Fn(&World) -> Option<Box<dyn Send>>| {
        let world = World::new();
        let serving = prepare(&world);
        let client = world.builder().timeouts(timeouts(|timeouts| &mut timeouts.call, LIMIT)).build();
        let error = read(client.request(get("/"))).await.unwrap_err();
        drop(serving);
        let text = error.to_string();
        let start = format!("http://a.test: the call took longer than {}, while ", Rounded(LIMIT));
        (text.strip_prefix(&start).unwrap_or(&text).to_owned(), error.report().to_string())
    };
    let hangs = |world: &World| {
        world.net.host("a.test", []).hang();
        None
    };
    assert_eq!(said(&hangs).await.0, "the name was looked up (nothing was sent)");
    let black_hole = |world: &World| {
        world.net.at(addr()).black_hole();
        None
    };
    let (text, report) = said(&black_hole).await;
    assert_eq!(text, "TCP to 192.0.2.1:80 was under way (nothing was sent)");
    assert!(report.contains("\n  attempt 1, a.test at 192.0.2.1:80: TCP had not ended"), "{report}");
    let silent = |world: &World| scripted(world, "");
    let place = "HTTP/1.1 on connection 1 to 192.0.2.1:80";
    assert_eq!(said(&silent).await.0, format!("the response was awaited ({place}; it may have been processed)"));
}
