//! A request is given up at every point at which it can be given up; what is left is what should be. Over h1 and h2,
//! through the whole stack.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use skybridge::{AtStreamLimit, Body, Client, PoolConfig, PoolStats, RequestBody};
use skybridge_testkit::{
    drop_walk::{DropPoint, drop_walk},
    origin::Origin,
};
use skybridge_tests::{World, addr, get, h2, read};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

const STEP: Duration = Duration::from_millis(1);

/// What one walk is about.
#[derive(Clone, Copy, Debug)]
struct Way {
    over_h2: bool,
    /// Requests before it, one after the other.
    warm: bool,
    /// Another caller waits for the same connect, or holds the only connection.
    company: Company,
    upload: bool,
    /// It is answered with 408 at first, and sent again.
    again: bool,
    /// The connection that it is sent on closes before it comes there: it is sent on another.
    moves: bool,
    /// Bytes under way in each direction, at most.
    window: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Company {
    None,
    /// It asks at the same time.
    Beside,
    /// It has the only connection (or, over h2, the only stream) that is allowed.
    Before,
}

/// Everything but the request that is walked.
struct Stage {
    world: World,
    origin: Origin,
    client: Client,
    way: Way,
    other: tokio::task::JoinSet<()>,
}

impl Way {
    fn plain(over_h2: bool) -> Self {
        Self {
            over_h2,
            warm: false,
            company: Company::None,
            upload: false,
            again: false,
            moves: false,
            window: 64 * 1024,
        }
    }

    fn request(self) -> Request<RequestBody> {
        let request = get("/");
        if self.over_h2 { h2(request) } else { request }
    }

    /// With a body that comes in pieces, each after a while.
    fn walked(self) -> Request<RequestBody> {
        let mut request = self.request();
        if self.again {
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = "http://a.test/again".parse().unwrap();
            *request.body_mut() = "a body".into();
        }
        if self.upload {
            *request.method_mut() = http::Method::POST;
            *request.body_mut() = RequestBody::wrap(StreamBody::new(Slowly::new(3)));
        }
        request
    }

    async fn stage(self) -> (Stage, impl Future<Output = ()>) {
        let world = World::new();
        // So small a window that heads and bodies take several writes.
        world.net.at(addr()).connect_latency(STEP).latency(STEP).window(self.window);
        world.net.name("a.test").latency(STEP);
        let builder = if self.over_h2 { Origin::h2c() } else { Origin::h1() };
        let later = Arc::new(AtomicBool::new(true));
        let handle = move |request: Request<Incoming>| {
            let later = request.uri().path() == "/again" && later.swap(false, Ordering::Relaxed);
            async move {
                let mut response = in_pieces(request).await;
                if later {
                    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
                }
                response
            }
        };
        let origin = builder.handle(handle).serve_on(world.listen());
        let one = PoolConfig::new().max_per_origin(1).max_streams(1).at_stream_limit(AtStreamLimit::Wait);
        let config = if self.company == Company::Before { one } else { PoolConfig::new() };
        let client = world.builder().pool(config).build();
        if self.warm {
            assert_eq!(read(client.request(self.request())).await.unwrap(), "abc");
        }
        let mut other = tokio::task::JoinSet::new();
        if self.company != Company::None {
            let call = client.request(self.request());
            other.spawn(async move { assert_eq!(read(call).await.unwrap(), "abc") });
        }
        if self.company == Company::Before {
            tokio::task::yield_now().await;
        }
        if self.moves {
            // The client learns of that when the request is on its way.
            origin.close_all();
        }
        let call = client.request(self.walked());
        let scenario = async move {
            let response = call.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let mut body: Body = response.into_body();
            while let Some(frame) = body.frame().await {
                frame.unwrap();
            }
        };
        (Stage { world, origin, client, way: self, other }, scenario)
    }

    async fn drop_walk(self) {
        let walked = drop_walk(async || self.stage().await, async |stage, moment| stage.check(moment).await).await;
        assert!(walked.drops > 4, "{self:?}: {walked:?}");
    }
}

impl Stage {
    async fn check(mut self, moment: DropPoint) {
        // Whoever came along is served.
        while let Some(other) = self.other.join_next().await {
            other.unwrap();
        }
        // Abandoned connects end, peers hear of it, drains run out.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let stats = self.client.stats();
        assert_eq!(
            (stats.connecting, stats.active, stats.draining, stats.streams, stats.waiting),
            (0, 0, 0, 0, 0),
            "{stats:?}"
        );
        // What the pool keeps is what is open, here and at the peer.
        assert_eq!(self.world.net.live_sockets(), stats.idle);
        assert_eq!(self.origin.open(), stats.idle);
        if matches!(moment, DropPoint::Completed(_)) || self.way.over_h2 && self.way.warm && !self.way.moves {
            assert!(stats.idle > 0, "the connection was lost");
        }
        if matches!(moment, DropPoint::Completed(_)) && self.way.moves {
            assert_eq!(self.origin.connections(), 2, "it has moved");
        }
        // A driver for each, and the one that ends what is idle for too long.
        let tasks = self.world.executor.tasks();
        assert!(tasks <= stats.idle + 1, "{tasks} tasks for {} connections", stats.idle);

        assert_eq!(read(self.client.request(self.way.request())).await.unwrap(), "abc", "the next request");
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(self.client.stats(), PoolStats::default());
        self.world.assert_nothing_left().await;
    }
}

/// Reads the request, and answers in three pieces.
async fn in_pieces(request: Request<Incoming>) -> Response<StreamBody<Slowly>> {
    // One that breaks off is answered too; nobody reads it.
    let _ = request.into_body().collect().await;
    Response::new(StreamBody::new(Slowly::new(3)))
}

/// So many pieces, each a while after the other.
struct Slowly {
    left: usize,
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl Slowly {
    fn new(pieces: usize) -> Self {
        Self { left: pieces, pause: Box::pin(tokio::time::sleep(STEP)) }
    }
}

impl futures_core::Stream for Slowly {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        std::task::ready!(self.pause.as_mut().poll(cx));
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        self.pause = Box::pin(tokio::time::sleep(STEP));
        let piece = ["c", "b", "a"].get(self.left).copied().unwrap_or("x");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

#[tokio::test(start_paused = true)]
async fn cold() {
    for over_h2 in [false, true] {
        Way::plain(over_h2).drop_walk().await;
    }
}

#[tokio::test(start_paused = true)]
async fn warm() {
    for over_h2 in [false, true] {
        Way { warm: true, ..Way::plain(over_h2) }.drop_walk().await;
    }
}

#[tokio::test(start_paused = true)]
async fn joined_with_another_who_asked_first() {
    for over_h2 in [false, true] {
        Way { company: Company::Beside, ..Way::plain(over_h2) }.drop_walk().await;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_only_connection() {
    for over_h2 in [false, true] {
        Way { company: Company::Before, ..Way::plain(over_h2) }.drop_walk().await;
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_the_request_sent() {
    for over_h2 in [false, true] {
        for warm in [false, true] {
            Way { upload: true, warm, ..Way::plain(over_h2) }.drop_walk().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn by_small_pieces() {
    for over_h2 in [false, true] {
        for warm in [false, true] {
            // Both sides of h2 write their preface before they read the other's, so that it must have room.
            Way { upload: true, warm, window: if over_h2 { 128 } else { 16 }, ..Way::plain(over_h2) }.drop_walk().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answered_with_a_status_that_asks_for_it_again() {
    for over_h2 in [false, true] {
        for warm in [false, true] {
            Way { again: true, warm, ..Way::plain(over_h2) }.drop_walk().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn moved_to_another_connection() {
    for over_h2 in [false, true] {
        Way { moves: true, warm: true, ..Way::plain(over_h2) }.drop_walk().await;
    }
}
