//! Time limits of requests that wait for the same connect: each ends its own wait, and nobody else's.

use crate::stage::*;
use skybridge_core::{
    Advice, BoxFuture, Cause, ConnectError, Delivery, Phase, Plan, RequestOptions, Route, Span, Target, TimedOut,
    Timeouts, phase_timeout,
};
use skybridge_pool::{PoolConfig, PoolLayer};
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, Peer, RoutePlan},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};
use tower_layer::Layer;
use tower_service::Service;

/// A planner whose connects take one step on each route. The layer's default limit for it is 10 s, and it ends when the
/// test says so.
#[derive(Clone)]
struct Stepwise {
    below: Planner,
    phase: Phase,
    routes: usize,
    go: Arc<Semaphore>,
    begun: Arc<AtomicUsize>,
}

struct Steps(RoutePlan<Sent>, Stepwise);

impl Service<Target> for Stepwise {
    type Response = Steps;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Steps, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.below.poll_ready(cx)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let (plan, this) = (self.below.call(target), self.clone());
        Box::pin(async move { Ok(Steps(plan.await?, this)) })
    }
}

impl Plan for Steps {
    type Connection = Conn;
    type Connecting = BoxFuture<Result<Conn, ConnectError>>;

    fn route(&self) -> &Route {
        self.0.route()
    }

    fn connect(self) -> Self::Connecting {
        let Self(plan, steps) = self;
        Box::pin(async move {
            let ctx = plan.route().ctx().clone();
            for left in (0..steps.routes).rev() {
                steps.begun.fetch_add(1, Ordering::SeqCst);
                match phase_timeout(&ctx, steps.phase, 10 * SECOND, steps.go.acquire()).await {
                    Ok(permit) => {
                        permit.unwrap().forget();
                        return plan.connect().await;
                    }
                    Err(timed_out) if left == 0 => return Err(timed_out.into()),
                    Err(_) => {}
                }
            }
            Err(ConnectError::new(steps.phase, "there is no route"))
        })
    }
}

struct World {
    stage: Stage,
    steps: Stepwise,
    start: Instant,
}

impl World {
    fn new(phase: Phase, routes: usize) -> Self {
        Self::with(phase, routes, PoolConfig::new(), Timeouts::new())
    }

    fn with(phase: Phase, routes: usize, config: PoolConfig, timeouts: Timeouts) -> Self {
        // Another connect beside it would have steps of its own.
        Self::backed_up(phase, routes, config.backup_connect(Duration::MAX), timeouts)
    }

    fn backed_up(phase: Phase, routes: usize, config: PoolConfig, timeouts: Timeouts) -> Self {
        let mut stage = Stage::new(PoolConfig::new());
        let (go, begun) = (Arc::new(Semaphore::new(0)), Arc::default());
        let steps = Stepwise { below: stage.below.clone(), phase, routes, go, begun };
        let layer = PoolLayer::shared(stage.executor.runtime()).config(config).timeouts(timeouts);
        stage.pool = layer.layer(steps.clone());
        Self { stage, steps, start: Instant::now() }
    }

    fn plain(&self) -> Call {
        self.stage.call(SECURE)
    }

    /// A request that lets a phase take so many seconds.
    fn lets(&self, phase: Phase, seconds: u64) -> Call {
        self.stage.options(SECURE, RequestOptions::new().timeouts(lets(phase, seconds)))
    }

    /// It is told that this phase has taken too long, and after how long.
    async fn over(&self, call: Call, phase: Phase) -> u64 {
        let error = came_back(call).await;
        assert!(error.is_timeout() && error.is_connect(), "{error:?}");
        assert_eq!((error.phase(), error.delivery()), (phase, Delivery::Unsent));
        self.start.elapsed().as_secs()
    }

    async fn at(&self, seconds: u64) {
        tokio::time::sleep_until(self.start + Duration::from_secs(seconds)).await;
        run_until_idle().await;
    }

    /// The step under way ends well.
    async fn goes_on(&self) {
        self.steps.go.add_permits(1);
        self.stage.connected(Facts::h2(100)).await.answer_all();
        self.stage.below.peers().iter().for_each(|peer| {
            std::iter::from_fn(|| peer.try_exchange()).for_each(|exchange| exchange.respond(200, ""));
        });
    }

    fn begun(&self) -> usize {
        self.steps.begun.load(Ordering::SeqCst)
    }
}

fn lets(phase: Phase, seconds: u64) -> Timeouts {
    let (mut timeouts, limit) = (Timeouts::new(), Some(Duration::from_secs(seconds)));
    match phase {
        Phase::Resolve => timeouts.resolve = limit,
        Phase::Tcp => timeouts.attempt = limit,
        Phase::Tunnel => timeouts.tunnel = limit,
        Phase::Tls => timeouts.tls = limit,
        Phase::Handshake => timeouts.handshake = limit,
        _ => timeouts.connect = limit,
    }
    timeouts
}

const PHASES: [Phase; 5] = [Phase::Resolve, Phase::Tcp, Phase::Tunnel, Phase::Tls, Phase::Handshake];

#[tokio::test(start_paused = true)]
async fn the_shorter_limit_of_one_ends_its_own_wait_alone() {
    for phase in PHASES {
        for first in [true, false] {
            let world = World::new(phase, 1);
            let (short, long) = if first {
                let short = world.lets(phase, 2);
                (short, world.plain())
            } else {
                let long = world.plain();
                run_until_idle().await;
                (world.lets(phase, 2), long)
            };
            assert_eq!(world.over(short, phase).await, 2);
            world.at(8).await;
            world.goes_on().await;
            assert_eq!((read(done(long).await).await, world.begun()), (1, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_longer_limit_of_one_makes_nobody_wait_for_longer() {
    for phase in PHASES {
        for first in [true, false] {
            let world = World::new(phase, 1);
            let (long, other) = if first {
                let long = world.lets(phase, 25);
                (long, world.plain())
            } else {
                let other = world.plain();
                (world.lets(phase, 25), other)
            };
            assert_eq!(world.over(other, phase).await, 10, "the layer's own");
            world.at(20).await;
            world.goes_on().await;
            assert_eq!((read(done(long).await).await, world.begun()), (1, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_connects_both_must_have_taken_too_long() {
    for phase in PHASES {
        let config = || PoolConfig::new().backup_connect(2 * SECOND);
        let world = World::backed_up(phase, 1, config(), Timeouts::new());
        let (short, long) = (world.lets(phase, 3), world.plain());
        world.at(4).await;
        assert_eq!((world.begun(), short.is_finished()), (2, false), "{phase:?}");
        assert_eq!(world.over(short, phase).await, 5, "three seconds of the second");
        // The first has failed: it is the second's time alone.
        let late = world.lets(phase, 1);
        world.at(5).await;
        world.steps.go.add_permits(1);
        world.stage.below.connecting().await.fail(ConnectError::new(phase, "no"));
        assert_eq!(world.over(late, phase).await, 6);
        world.goes_on().await;
        read(done(long).await).await;
        // The second has come to its end first.
        let world = World::backed_up(phase, 1, config(), Timeouts::new());
        let (short, long) = (world.lets(phase, 4), world.plain());
        world.at(3).await;
        world.goes_on().await;
        read(done(short).await).await;
        read(done(long).await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn alone_its_limit_is_that_of_each_route() {
    let world = World::new(Phase::Tls, 4);
    let short = world.lets(Phase::Tls, 2);
    world.at(5).await;
    assert_eq!(world.begun(), 3);
    world.goes_on().await;
    assert_eq!(read(done(short).await).await, 1);
    // Two who are of one mind are no other case.
    let world = World::new(Phase::Tls, 4);
    let calls = [world.lets(Phase::Tls, 2), world.lets(Phase::Tls, 2)];
    world.at(5).await;
    assert_eq!(world.begun(), 3);
    world.goes_on().await;
    for call in calls {
        read(done(call).await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_clients_limit_is_for_those_who_say_nothing() {
    let world = World::with(Phase::Tls, 2, PoolConfig::new(), lets(Phase::Tls, 4));
    let (plain, long) = (world.plain(), world.lets(Phase::Tls, 10));
    assert_eq!(world.over(plain, Phase::Tls).await, 4);
    world.at(9).await;
    assert_eq!(world.begun(), 1);
    world.at(11).await;
    assert_eq!(world.begun(), 2, "the long one's next route");
    world.goes_on().await;
    read(done(long).await).await;
}

#[tokio::test(start_paused = true)]
async fn whose_patience_it_was_leaves_and_takes_it_along() {
    let world = World::new(Phase::Tls, 2);
    let long = world.lets(Phase::Tls, 25);
    world.at(1).await;
    let late = world.plain();
    world.at(3).await;
    long.abort();
    world.at(9).await;
    assert_eq!(world.begun(), 1);
    world.at(10).await;
    assert_eq!(world.begun(), 2, "the step is over as it would be for the other alone");
    world.goes_on().await;
    read(done(late).await).await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_has_his_own_time() {
    let world = World::new(Phase::Tls, 1);
    let long = world.lets(Phase::Tls, 28);
    world.at(12).await;
    let (plain, short) = (world.plain(), world.lets(Phase::Tls, 3));
    assert_eq!(world.over(short, Phase::Tls).await, 15);
    assert_eq!(world.over(plain, Phase::Tls).await, 22);
    world.at(27).await;
    world.goes_on().await;
    read(done(long).await).await;
}

#[tokio::test(start_paused = true)]
async fn connecting_as_a_whole_is_each_ones_own_too() {
    for first in [true, false] {
        // The steps take no limit of theirs.
        let world = World::with(Phase::Tls, 1, PoolConfig::new(), lets(Phase::Tls, 1_000));
        let make = |seconds| world.lets(Phase::Acquire, seconds);
        let (short, plain, long) = if first {
            let short = make(2);
            (short, world.plain(), make(90))
        } else {
            let long = make(90);
            (make(2), world.plain(), long)
        };
        assert_eq!(world.over(short, Phase::Acquire).await, 2);
        assert_eq!(world.over(plain, Phase::Acquire).await, 30, "the pool's own");
        world.at(80).await;
        world.goes_on().await;
        assert_eq!((read(done(long).await).await, world.begun()), (1, 1));
    }
}

/// It began to wait when there was nothing to connect, and waits for that later.
#[tokio::test(start_paused = true)]
async fn connecting_takes_its_time_from_when_it_begins() {
    let world = World::with(Phase::Tls, 1, PoolConfig::new().max_per_origin(1), lets(Phase::Tls, 1_000));
    let first = world.stage.call(A);
    world.steps.go.add_permits(1);
    let peer = world.stage.connected(Facts::h1()).await;
    let exchange = peer.exchange().await;
    let waits = world.stage.options(A, RequestOptions::new().timeouts(lets(Phase::Acquire, 3)));
    world.at(50).await;
    assert!(!waits.is_finished(), "it waits in the queue");
    exchange.fail(Delivery::Unknown);
    failed(first).await;
    assert_eq!(world.over(waits, Phase::Acquire).await, 53);
}

#[tokio::test(start_paused = true)]
async fn no_limit_is_one_too() {
    let world = World::new(Phase::Tls, 1);
    let mut timeouts = Timeouts::new();
    (timeouts.tls, timeouts.connect) = (Some(Duration::MAX), Some(Duration::MAX));
    let (long, plain) = (world.stage.options(SECURE, RequestOptions::new().timeouts(timeouts)), world.plain());
    assert_eq!(world.over(plain, Phase::Tls).await, 10);
    world.at(100_000).await;
    assert!(!long.is_finished());
    world.goes_on().await;
    read(done(long).await).await;
}

/// What came of it is nobody's in particular.
#[tokio::test(start_paused = true)]
async fn what_the_last_one_left_is_finished_within_the_clients_limits() {
    let world = World::new(Phase::Tls, 1);
    let short = world.lets(Phase::Acquire, 2);
    run_until_idle().await;
    assert_eq!(world.over(short, Phase::Acquire).await, 2);
    run_until_idle().await;
    // No socket was open: there is nothing to finish.
    assert_eq!((world.stage.pool.stats(), world.stage.executor.tasks()), (Default::default(), 0));
}

#[tokio::test(start_paused = true)]
async fn many_of_different_minds_each_have_their_own() {
    let world = World::new(Phase::Tls, 1);
    let calls: Vec<_> = (1..=9).map(|seconds| (seconds, world.lets(Phase::Tls, seconds))).collect();
    let last = world.lets(Phase::Tls, 20);
    for (seconds, call) in calls {
        assert_eq!(world.over(call, Phase::Tls).await, seconds);
    }
    assert_eq!(world.begun(), 1);
    world.goes_on().await;
    read(done(last).await).await;
}

/// The connection of a stage that was begun a second ago, whose SETTINGS haven't come.
async fn unannounced(stage: &Stage) -> Peer<Sent> {
    let connect = stage.below.connecting().await;
    let (runtime, start) = (stage.executor.runtime(), stage.executor.runtime().now());
    tokio::time::sleep(SECOND).await;
    let end = runtime.now();
    connect.succeed(Facts::h2_before_settings().amend(move |info| info.timings.set(Phase::Tcp, Span { start, end })))
}

/// The handshake of HTTP/2 is over when the peer's SETTINGS are here, and a request is sent before.
#[tokio::test(start_paused = true)]
async fn limits_of_connecting_hold_until_settings_are_here() {
    for (phase, ends) in [(Phase::Acquire, 3), (Phase::Handshake, 4)] {
        for is_own in [true, false] {
            let (limits, start) = (lets(phase, 3), Instant::now());
            let (stage, options) = match is_own {
                true => (Stage::new(PoolConfig::new()), RequestOptions::new().timeouts(limits)),
                false => (Stage::with(|layer| layer.timeouts(limits)), RequestOptions::new()),
            };
            let call = stage.options(SECURE, options);
            let peer = unannounced(&stage).await;
            let mut exchange = peer.exchange().await;
            let over = tokio::time::timeout(60 * SECOND, failed(call));
            let error = over.await.expect("its limit is far behind").error;
            assert_eq!(start.elapsed().as_secs(), ends, "{phase} {is_own}");
            assert_eq!((error.phase(), error.delivery()), (Phase::Handshake, Delivery::Unknown));
            let limit = 3 * SECOND;
            assert!(matches!(error.cause(), Cause::TimedOut(over) if *over == TimedOut { phase, limit }), "{error:?}");
            assert_eq!(error.advice(), Some(Advice::SlowHandshake));
            exchange.cancelled().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_connecting_are_over_with_settings_or_a_response() {
    for is_announced in [true, false] {
        let stage = Stage::new(PoolConfig::new());
        let options = RequestOptions::new().timeouts(lets(Phase::Acquire, 3).read_idle(60 * SECOND));
        let call = stage.options(SECURE, options);
        let peer = unannounced(&stage).await;
        let exchange = peer.exchange().await;
        if is_announced {
            peer.set_capacity(5);
            tokio::time::sleep(20 * SECOND).await;
            exchange.respond(200, "");
            read(done(call).await).await;
        } else {
            let body = exchange.begin(200);
            let response = done(call).await;
            tokio::time::sleep(20 * SECOND).await;
            drop(body);
            read(response).await;
        }
    }
}

/// Also where it is the pool's limit that is over, and no request's own.
#[tokio::test(start_paused = true)]
async fn a_lookup_that_takes_too_long_is_told_as_one() {
    let config = || PoolConfig::new().connect_timeout(3 * SECOND);
    for (phase, advice) in [(Phase::Resolve, Advice::NoAnswer), (Phase::Tcp, Advice::SlowConnect)] {
        for timeouts in [Timeouts::new(), lets(Phase::Acquire, 2)] {
            let world = World::with(phase, 1, config(), timeouts);
            let error = came_back(world.plain()).await;
            assert_eq!((error.phase(), error.advice()), (Phase::Acquire, Some(advice)), "{error:?}");
        }
    }
}
