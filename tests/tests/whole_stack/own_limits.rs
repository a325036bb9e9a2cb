//! The limits of one request, on a connection that was opened for another with other limits: they hold for its
//! exchange, and not for the next.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel};
use skybridge::{AtStreamLimit, Client, Delivery, Error, Phase, PoolConfig, RequestBody, Timeouts};
use skybridge_testkit::{
    h1::Script,
    h2::Peer,
    origin::{Incoming, Origin},
};
use skybridge_tests::{World, addr, get, h2, post, read, wishing};
use std::{convert::Infallible, future::pending, time::Duration};
use tokio::time::{Instant, sleep};

const LIMIT: Duration = Duration::from_millis(700);
/// How long an origin, or an upload, makes the other side wait.
const PAUSE: Duration = Duration::from_secs(3);
const HOUR: Duration = Duration::from_secs(3600);

type Set = fn(Timeouts, Duration) -> Timeouts;

/// What makes a request take long.
#[derive(Clone, Copy, Debug)]
enum Slow {
    Head,
    Body,
    Upload,
}

/// Answers with the length of the request's body; `/head` and `/body` pause before that is answered, or in the middle.
#[expect(clippy::disallowed_methods, reason = "a task of the origin, which is no task of the client")]
fn origin(world: &World, http2: bool) -> Origin {
    let origin = if http2 { Origin::h2c() } else { Origin::h1() };
    let answer = |request: Request<Incoming>| async move {
        let (parts, body) = request.into_parts();
        let length = body.collect().await.map_or(0, |body| body.to_bytes().len());
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
        let path = parts.uri.path().to_owned();
        if path == "/head" {
            sleep(PAUSE).await;
        }
        tokio::spawn(async move {
            let pieces = async {
                sender.send_data("length ".into()).await?;
                if path == "/body" {
                    sleep(PAUSE).await;
                }
                sender.send_data(length.to_string().into()).await
            };
            // Whoever has gone needs no answer.
            let _ = pieces.await;
        });
        Response::new(body)
    };
    origin.handle(answer).serve_on(world.listen())
}

struct Stage {
    world: World,
    origin: Origin,
    client: Client,
    http2: bool,
}

impl Stage {
    fn new(http2: bool, config: PoolConfig) -> Self {
        let world = World::new();
        let (origin, client) = (origin(&world, http2), world.builder().pool(config).build());
        Self { world, origin, client, http2 }
    }

    async fn send(&self, request: Request<RequestBody>, timeouts: Timeouts) -> Result<String, Error> {
        let request = wishing(request, |options| options.timeouts(timeouts));
        read(self.client.request(if self.http2 { h2(request) } else { request })).await
    }

    async fn quick(&self, timeouts: Timeouts) {
        assert_eq!(self.send(post("four"), timeouts).await.unwrap(), "length 4");
    }

    /// Takes as long as the pause, or as the limits say.
    async fn slow(&self, slow: Slow, timeouts: Timeouts) -> (Result<String, Error>, Duration) {
        let start = Instant::now();
        let answer = match slow {
            Slow::Head => self.send(get("/head"), timeouts).await,
            Slow::Body => self.send(get("/body"), timeouts).await,
            Slow::Upload => {
                let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
                let call = self.send(post(RequestBody::wrap(body)), timeouts);
                let upload = async move {
                    let pieces = async {
                        sender.send_data("four".into()).await?;
                        sleep(PAUSE).await;
                        sender.send_data("four".into()).await
                    };
                    // Who no longer sends it needs no more of it.
                    let _ = pieces.await;
                };
                tokio::pin!(call);
                tokio::select! {
                    answer = &mut call => answer,
                    () = upload => call.await,
                }
            }
        };
        (answer, start.elapsed())
    }

    /// Nothing ends it before it is answered.
    async fn slow_is_fine(&self, slow: Slow, timeouts: Timeouts) {
        let (answer, took) = self.slow(slow, timeouts).await;
        let length = if let Slow::Upload = slow { "length 8" } else { "length 0" };
        assert_eq!(answer.unwrap(), length, "{slow:?}");
        assert!(took >= PAUSE, "{slow:?}: {took:?}");
    }
}

/// What one request sets ends what is slow, whatever the one before it set that the connection was opened for; and what
/// is slow comes to its end before and after that, where no limit is set or one that is longer.
async fn is_the_requests_own(http2: bool, set: Set, slow: Slow, phase: Phase) {
    for opener in [Timeouts::new(), set(Timeouts::new(), HOUR), set(Timeouts::new(), LIMIT / 7)] {
        let stage = Stage::new(http2, PoolConfig::new());
        stage.quick(opener.clone()).await;
        stage.slow_is_fine(slow, Timeouts::new()).await;
        stage.quick(set(Timeouts::new(), LIMIT)).await;
        stage.slow_is_fine(slow, set(Timeouts::new(), 3 * PAUSE)).await;

        let (ended, took) = stage.slow(slow, set(Timeouts::new(), LIMIT)).await;
        let error = ended.unwrap_err();
        assert!(error.is_timeout() && error.delivery() == Delivery::Unknown, "{error:?}");
        assert_eq!(error.phase(), phase, "{error:?}");
        // That of sending is looked at once in its time.
        let most = if phase == Phase::Send { 2 * LIMIT } else { LIMIT } + Duration::from_millis(2);
        assert!((LIMIT..=most).contains(&took), "{took:?}, opened with {opener:?}");
        assert_eq!(stage.origin.connections(), 1, "opened with {opener:?}");

        stage.slow_is_fine(slow, Timeouts::new()).await;
        drop(stage.client);
        stage.world.executor.idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn response_head_over_http1() {
    is_the_requests_own(false, Timeouts::response_head, Slow::Head, Phase::Wait).await;
}

#[tokio::test(start_paused = true)]
async fn response_head_over_http2() {
    is_the_requests_own(true, Timeouts::response_head, Slow::Head, Phase::Wait).await;
}

#[tokio::test(start_paused = true)]
async fn read_idle_over_http1() {
    is_the_requests_own(false, Timeouts::read_idle, Slow::Body, Phase::Body).await;
}

#[tokio::test(start_paused = true)]
async fn read_idle_over_http2() {
    is_the_requests_own(true, Timeouts::read_idle, Slow::Body, Phase::Body).await;
}

#[tokio::test(start_paused = true)]
async fn write_idle_over_http1() {
    is_the_requests_own(false, Timeouts::write_idle, Slow::Upload, Phase::Send).await;
}

#[tokio::test(start_paused = true)]
async fn write_idle_over_http2() {
    is_the_requests_own(true, Timeouts::write_idle, Slow::Upload, Phase::Send).await;
}

#[tokio::test(start_paused = true)]
async fn call_over_http1() {
    for slow in [Slow::Head, Slow::Body, Slow::Upload] {
        is_the_requests_own(false, Timeouts::call, slow, Phase::Call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn call_over_http2() {
    for slow in [Slow::Head, Slow::Body, Slow::Upload] {
        is_the_requests_own(true, Timeouts::call, slow, Phase::Call).await;
    }
}

/// It is the peer that takes nothing more.
#[tokio::test(start_paused = true)]
async fn write_idle_where_the_peer_reads_no_more() {
    for http2 in [false, true] {
        let world = World::new();
        world.net.at(addr()).window(16 * 1024);
        let (listener, client) = (world.listen(), world.client());
        let calls = async {
            let send = |request: Request<RequestBody>, timeouts| {
                let request = wishing(request, |options| options.timeouts(timeouts));
                read(client.request(if http2 { h2(request) } else { request }))
            };
            assert_eq!(send(get("/"), Timeouts::new().write_idle(HOUR)).await.unwrap(), "first");
            let start = Instant::now();
            let error = send(post(vec![0; 1 << 20]), Timeouts::new().write_idle(LIMIT)).await.unwrap_err();
            assert!(error.is_timeout() && error.phase() == Phase::Send, "{error:?}");
            assert!(start.elapsed() <= 2 * LIMIT + Duration::from_millis(2), "{:?}", start.elapsed());
        };
        let server = async {
            let conn = listener.accept().await.0;
            if http2 {
                let mut peer = Peer::accept(conn).await;
                let stream = peer.request().await.stream;
                peer.respond(stream, 200, "first").await;
                pending::<()>().await;
            } else {
                let mut peer = Script::new(conn);
                peer.request().await;
                peer.respond(200, "first").await;
                pending::<()>().await;
            }
        };
        tokio::select! { () = calls => {}, () = server => {} }
        assert_eq!(world.net.opened(), 1, "HTTP/2 {http2}");
    }
}

/// Two exchanges at once on one connection, each with its own.
#[tokio::test(start_paused = true)]
async fn of_those_that_share_a_connection_each_has_its_own() {
    let cases: [(Set, Slow, Phase); 3] = [
        (Timeouts::response_head, Slow::Head, Phase::Wait),
        (Timeouts::read_idle, Slow::Body, Phase::Body),
        (Timeouts::call, Slow::Body, Phase::Call),
    ];
    for (set, slow, phase) in cases {
        let stage = Stage::new(true, PoolConfig::new());
        stage.quick(Timeouts::new()).await;
        let limited = stage.slow(slow, set(Timeouts::new(), LIMIT));
        let ((ended, took), ()) = tokio::join!(limited, stage.slow_is_fine(slow, Timeouts::new()));
        assert_eq!((ended.unwrap_err().phase(), stage.origin.connections()), (phase, 1));
        assert!((LIMIT..=LIMIT + Duration::from_millis(2)).contains(&took), "{took:?}");
    }
}

/// One exchange at a time, over HTTP/2 too.
fn one_at_a_time(config: PoolConfig) -> PoolConfig {
    config.max_streams(1)
}

/// The limit of connecting, or of waiting, ends no exchange, and its end none but its own request.
async fn is_over_when_the_exchange_begins(http2: bool, set: Set, config: PoolConfig) {
    let short = || set(Timeouts::new(), LIMIT);
    let stage = Stage::new(http2, one_at_a_time(config));
    stage.slow_is_fine(Slow::Head, short()).await;
    stage.slow_is_fine(Slow::Body, short()).await;
    // Whoever comes now needs a connection that takes long to be made or to come free.
    stage.world.net.at(addr()).connect_latency(PAUSE);
    let start = Instant::now();
    let first = stage.slow_is_fine(Slow::Head, set(Timeouts::new(), HOUR));
    let others = async {
        sleep(Duration::from_millis(1)).await;
        let limited = async {
            let error = stage.send(get("/"), short()).await.unwrap_err();
            (error, start.elapsed())
        };
        tokio::join!(limited, stage.quick(Timeouts::new()))
    };
    let ((), ((error, took), ())) = tokio::join!(first, others);
    assert!(error.is_timeout() && error.delivery() == Delivery::Unsent, "{error:?}");
    assert_eq!(error.phase(), Phase::Acquire, "{error:?}");
    assert!((LIMIT..=LIMIT + Duration::from_millis(4)).contains(&took), "{took:?}");
    stage.slow_is_fine(Slow::Body, Timeouts::new()).await;
}

#[tokio::test(start_paused = true)]
async fn connect_over_http1() {
    is_over_when_the_exchange_begins(false, Timeouts::connect, PoolConfig::new()).await;
}

#[tokio::test(start_paused = true)]
async fn connect_over_http2() {
    is_over_when_the_exchange_begins(true, Timeouts::connect, PoolConfig::new()).await;
}

#[tokio::test(start_paused = true)]
async fn pool_wait_over_http1() {
    let config = PoolConfig::new().max_per_origin(1);
    is_over_when_the_exchange_begins(false, Timeouts::pool_wait, config).await;
}

#[tokio::test(start_paused = true)]
async fn pool_wait_over_http2() {
    let config = PoolConfig::new().at_stream_limit(AtStreamLimit::Wait);
    is_over_when_the_exchange_begins(true, Timeouts::pool_wait, config).await;
}
