//! The task of a miss: plans, looks for a connection of another name that will do, connects, gives the connection to
//! its origin.

pub(crate) mod new_connection;
mod searching;

use crate::{
    connect::{new_connection::NewConnection, searching::Searching},
    connection::PooledConnection,
    origin::{OriginPool, connect_timeouts::ConnectTimeouts, pending_connect::PendingConnect, waiter::RequestContext},
    registry::{Connect, Registry},
};
use skybridge_core::{
    AttemptReport, BoxFuture, CloseReason, ConnectError, Connection, Ctx, Outcome, Outline, Phase, PhaseGuard, Plan,
    Planner, Route, Search, SharedTimeouts as _, Sleep, Target, TimedOut,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// A request whose own limit is shorter says nothing of the way by giving up.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);
/// How often one connect begins again as the settings it was tried by are replaced meanwhile.
const MOST_REPLACED: u8 = 8;

/// Gives each connect a clone of the planner, and the connect makes that one ready: a pool hit never sees it.
pub(crate) struct Connector<P, B> {
    planner: Mutex<P>,
    _body: PhantomData<fn(B)>,
}

impl<P, B> Connector<P, B> {
    pub(crate) fn new(planner: P) -> Self {
        Self { planner: Mutex::new(planner), _body: PhantomData }
    }
}

impl<P, C, B> Connect<C> for Connector<P, B>
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    fn begin(
        &self,
        pool: &Arc<Registry<C>>,
        origin: &Arc<OriginPool<C>>,
        connect: Arc<PendingConnect>,
        context: &RequestContext,
    ) {
        let ctx = pool.ctx(context).with_shared_timeouts(connect.timeouts.clone());
        // A connect begins once.
        let _ = connect.attempts.set(ctx.attempt_log().clone());
        let target = Target::new(Arc::clone(&origin.key), ctx);
        let ctx = target.ctx.clone();
        let (origin, weak) = (Arc::clone(origin), Arc::downgrade(pool));
        let (long, before, replaced) = (TakesLong::NotYet, 0, 0);
        // If the planner panics when it is cloned, its origin is told, as when it panics later.
        let (over, is_polled, timer) = (false, true, None);
        let mut task = ConnectTask { pool: weak, origin, connect, ctx, over, is_polled, timer, long, before, replaced };
        let planner = self.planner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.is_polled = false;
        pool.shared.runtime.spawn(Box::pin(run::<P, C, B>(task, planner, target)));
    }

    fn outline(&self, target: Target) -> BoxFuture<Result<Outline, ConnectError>> {
        let mut planner = self.planner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
            let plan = planner.plan(target).await.map_err(Into::into)?;
            Ok(plan.outline().await)
        })
    }
}

/// Sees to it that a connect ends, for those who wait for it, however its task does.
struct ConnectTask<C: Send + 'static> {
    pool: Weak<Registry<C>>,
    origin: Arc<OriginPool<C>>,
    connect: Arc<PendingConnect>,
    ctx: Ctx,
    over: bool,
    /// What connects is being polled: if it ends now, it has panicked.
    is_polled: bool,
    /// For its own limit, for the next request whose own limits end its wait, and for when it takes long.
    timer: Option<(Instant, Pin<Box<dyn Sleep>>)>,
    long: TakesLong,
    /// How many attempts there had been when it last began.
    before: usize,
    /// How often it has begun again, as its settings were replaced.
    replaced: u8,
}

/// When a connect takes so long that another one may begin beside it.
#[derive(Clone, Copy)]
enum TakesLong {
    /// It doesn't connect yet.
    NotYet,
    From(Instant),
    /// Its origin knows.
    Told,
}

/// Connecting in total, as one of the steps with which the limits of each request are compared. Over when it is
/// dropped.
struct Limited {
    timeouts: Arc<ConnectTimeouts>,
    step: u64,
}

impl Limited {
    fn begin<C: Send + 'static>(task: &ConnectTask<C>) -> Self {
        let (timeouts, limit) = (Arc::clone(&task.connect.timeouts), task.origin.shared.config.connect_timeout);
        Self { step: timeouts.begin(Phase::Acquire, limit, task.connect.began), timeouts }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.timeouts.end(self.step);
    }
}

/// How far a connect has got.
#[derive(Default)]
struct Progress {
    /// It waits for a peer to allow streams.
    no_streams: AtomicBool,
    /// The names are resolved, and there is no connection yet.
    connects: AtomicBool,
    /// Of its plan.
    route: OnceLock<Route>,
}

impl<C: Send + 'static> ConnectTask<C> {
    /// True when it is to begin again, if it may.
    fn failed(&mut self, error: ConnectError, may_again: bool) -> bool {
        self.over = true;
        // The end of the runtime, a limit on this side and a want of descriptors say nothing of the origin.
        let counts = !error.root_cause().is::<Ended>() && !error.is_overloaded() && !error.is_out_of_descriptors();
        let error =
            if error.attempts().is_empty() { error.with_attempts(self.ctx.attempt_log().reports()) } else { error };
        let log = self.ctx.attempt_log();
        let (tried, may_again) = (log.since(self.before), may_again && self.replaced < MOST_REPLACED);
        let was_by_replaced = |report: &AttemptReport| match &report.outcome {
            Outcome::Failed(error) => error.is_superseded(),
            _ => false,
        };
        let is_superseded = || may_again && (error.is_superseded() || tried.iter().any(was_by_replaced));
        self.over = self.origin.failed(&self.connect, &error, counts, is_superseded);
        if !self.over {
            self.replaced += 1;
            self.before = log.count();
        }
        !self.over
    }

    /// Nobody waits for it: it is given up, unless it has got as far as a socket, and that is in nobody's way.
    fn poll_abandon(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.connect.changed.poll(cx).is_ready() {
            let given_up =
                self.origin.is_closed() || !self.ctx.attempt_log().has_socket() || self.origin.gives_up(&self.connect);
            let is_over = given_up && self.origin.abandon(&self.connect);
            // Also where it goes on: whoever leaves it later does so for a reason of their own.
            let left_by = self.connect.take_left_by();
            if is_over {
                self.over = true;
                if let Some(timed_out) = left_by.filter(|timed_out| timed_out.limit >= SHORTEST_PATIENCE) {
                    self.connect.timeouts.set_ended_by(timed_out);
                }
                return Poll::Ready(());
            }
            // It may be told something else by this.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Its route learns which attempts have not got through their phases.
    #[cold]
    fn tell_stalled(&self, route: &Route) {
        let Some(feedback) = &route.feedback else { return };
        let (after, now, text) =
            (self.origin.shared.config.backup_connect, self.ctx.runtime().now(), route.to_string());
        for report in self.ctx.attempt_log().reports() {
            let is_long = now.saturating_duration_since(report.started) >= after / 2;
            if matches!(report.outcome, Outcome::Pending | Outcome::Connected) && is_long && *report.route == *text {
                feedback.stalls(&report.endpoint, report.phase, after);
            }
        }
    }

    /// When it will take long, while it connects. Once it does, its origin is told, and its route.
    fn takes_long_from(&mut self, progress: &Progress) -> Option<Instant> {
        let now = match self.long {
            TakesLong::Told => return None,
            _ if !progress.connects.load(Relaxed) => {
                self.long = TakesLong::NotYet;
                return None;
            }
            _ => self.ctx.runtime().now(),
        };
        let from = match self.long {
            TakesLong::From(from) => from,
            _ => now.checked_add(self.origin.shared.config.backup_connect)?,
        };
        self.long = TakesLong::From(from);
        if now < from {
            return Some(from);
        }
        self.long = TakesLong::Told;
        // Before another connect begins, so that it goes elsewhere.
        if let Some(route) = progress.route.get() {
            self.tell_stalled(route);
        }
        self.origin.takes_long(&self.connect);
        None
    }

    /// Fails the requests whose own limits are over, and sees to it that another one begins when this takes long. Ready
    /// when the limit of connecting in total is over.
    fn poll_timeouts(&mut self, cx: &mut Context<'_>, progress: &Progress) -> Poll<TimedOut> {
        loop {
            let takes_long_from = self.takes_long_from(progress);
            let next = self.origin.time_out(&self.connect, &self.ctx);
            let limit = self.connect.timeouts.limit(Phase::Acquire, self.origin.shared.config.connect_timeout);
            let end = self.connect.began.checked_add(limit);
            let Some(next) = [next, takes_long_from, end].into_iter().flatten().min() else {
                self.timer = None;
                return Poll::Pending;
            };
            if end.is_some_and(|end| end <= self.ctx.runtime().now()) {
                return Poll::Ready(TimedOut { phase: Phase::Acquire, limit });
            }
            let runtime = self.ctx.runtime();
            let (set, timer) = self.timer.get_or_insert_with(|| (next, runtime.sleep_until(next)));
            if *set != next {
                *set = next;
                timer.as_mut().reset(next);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }

    /// Gives what was found to its origin. True when it is to begin again.
    fn finish(&mut self, found: Found<C>) -> bool {
        match found {
            Found::Taken => self.over = true,
            Found::Known(connection) => {
                self.over = true;
                self.origin.found(&self.connect, &connection);
            }
            Found::New(new) => match new.publish(&self.origin, &self.connect) {
                Ok(()) => self.over = true,
                Err(error) => return self.failed(error, true),
            },
        }
        false
    }
}

impl<C: Send + 'static> Drop for ConnectTask<C> {
    fn drop(&mut self) {
        if !self.over {
            let ended = if self.is_polled { Ended::Panic } else { Ended::Runtime };
            self.failed(ConnectError::new(Phase::Acquire, ended), false);
        }
    }
}

/// How the task of a connect ended without a result.
#[derive(Debug)]
enum Ended {
    /// A layer below panicked.
    Panic,
    /// It was dropped by its runtime, or the pool was.
    Runtime,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "what makes the connection panicked",
            Self::Runtime => "the runtime that made the connection has ended",
        })
    }
}

impl std::error::Error for Ended {}

/// The peer has allowed no streams for as long as connecting may take.
#[derive(Debug)]
struct NoStreams(TimedOut);

impl fmt::Display for NoStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer allows no streams: it has announced a limit of 0")
    }
}

impl std::error::Error for NoStreams {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

async fn run<P, C, B>(mut task: ConnectTask<C>, mut planner: P, target: Target)
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    while task.pool.strong_count() > 0 && try_once::<P, C, B>(&mut task, &mut planner, &target).await {}
}

/// True when it is to begin again, as what it was tried by is replaced by now.
async fn try_once<P, C, B>(task: &mut ConnectTask<C>, planner: &mut P, target: &Target) -> bool
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    let progress = Progress::default();
    let outcome = {
        let _limited = Limited::begin(task);
        let (pool, origin, connect) = (task.pool.clone(), Arc::clone(&task.origin), Arc::clone(&task.connect));
        let mut find = pin!(find::<P, C, B>(pool, origin, connect, planner, target, &progress));
        poll_fn(|cx| {
            task.is_polled = true;
            let found = find.as_mut().poll(cx);
            task.is_polled = false;
            match found {
                Poll::Ready(outcome) => Poll::Ready(Some(Ok(outcome))),
                Poll::Pending => match task.poll_timeouts(cx, &progress) {
                    Poll::Ready(timed_out) => {
                        // Before it is dropped.
                        task.connect.timeouts.set_ended_by(timed_out);
                        Poll::Ready(Some(Err(timed_out)))
                    }
                    Poll::Pending => task.poll_abandon(cx).map(|()| None),
                },
            }
        })
        .await
    };
    match outcome {
        None => false,
        Some(Ok(Ok(Some(found)))) => task.finish(found),
        Some(Ok(Ok(None))) => {
            task.over = true;
            false
        }
        Some(Ok(Err(error))) => task.failed(error, true),
        Some(Err(timed_out)) if progress.no_streams.load(Relaxed) => {
            // The next connect opens another one, which may lead to another server.
            if let Some(connection) = task.origin.without_streams() {
                connection.drain(CloseReason::Protocol);
            }
            task.failed(ConnectError::new(Phase::Handshake, NoStreams(timed_out)), false)
        }
        Some(Err(timed_out)) => task.failed(timed_out.into(), false),
    }
}

enum Found<C: Send + 'static> {
    New(NewConnection<C>),
    /// One of another name, or one of its own whose peer allows streams by now.
    Known(Arc<PooledConnection<C>>),
    /// One that was another origin's, which this one has already.
    Taken,
}

/// `None` when it must not begin, as there is no permit for its socket once its origin's backoff is over.
async fn find<P, C, B>(
    pool: Weak<Registry<C>>,
    origin: Arc<OriginPool<C>>,
    connect: Arc<PendingConnect>,
    planner: &mut P,
    target: &Target,
    progress: &Progress,
) -> Result<Option<Found<C>>, ConnectError>
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    if connect.failures > 0 {
        wait_for_backoff(&origin, &connect, &target.ctx).await;
        if !origin.resume(&connect) {
            return Ok(None);
        }
    }
    // A peer that allows no streams would most likely allow none on another connection either.
    while let Some(connection) = origin.without_streams() {
        wait_for_streams(&connection, &progress.no_streams).await;
        if connection.has_capacity() {
            return Ok(Some(Found::Known(connection)));
        }
    }
    poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
    let plan = planner.plan(target.clone()).await.map_err(Into::into)?;
    let route = progress.route.get_or_init(|| plan.route().clone());
    origin.drain_moved(route);
    let mut told = None;
    if let Some(found) = find_of_another::<C, B>(&pool, &origin, &connect, route, &mut told) {
        return Ok(Some(found));
    }
    // Without a permit it has only looked.
    if !origin.resume(&connect) {
        return Ok(None);
    }
    let mut endpoints = route.endpoints.clone();
    progress.connects.store(true, Relaxed);
    let (mut connecting, mut is_whole) = (pin!(plan.connect()), route.endpoints.is_whole());
    let found = poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(connected.map(Err));
        }
        // Each late answer may be the address of a connection that is there.
        while let Poll::Ready(Some(_)) = endpoints.poll_more(cx) {
            if let Some(found) = find_of_another::<C, B>(&pool, &origin, &connect, route, &mut told) {
                return Poll::Ready(Ok(Ok(found)));
            }
        }
        if !is_whole && route.endpoints.is_whole() {
            is_whole = true;
            origin.drain_moved(route);
        }
        Poll::Pending
    });
    let handle = match found.await? {
        Ok(found) => return Ok(Some(found)),
        Err(handle) => handle,
    };
    progress.connects.store(false, Relaxed);
    // A layer between may have planned for another target.
    if let Err(unfit) = handle.info().fit_for_key(&origin.key) {
        return Err(handle.info().tried().failed(ConnectError::from(unfit).in_phase(Phase::Handshake)));
    }
    if pool.strong_count() == 0 {
        return Err(ConnectError::new(Phase::Acquire, Ended::Runtime));
    }
    let new = NewConnection::new(&origin, handle, connect.failures);
    let connection = Arc::clone(new.connection());
    wait_for_streams(&connection, &progress.no_streams).await;
    Ok(Some(Found::New(new)))
}

/// Waits until its origin has been left alone for long enough. A response on another connection ends that early.
async fn wait_for_backoff<C: Send + 'static>(origin: &OriginPool<C>, connect: &PendingConnect, ctx: &Ctx) {
    let (mut timer, mut phase): (Option<Pin<Box<dyn Sleep>>>, _) = (None, None);
    poll_fn(|cx| {
        while let Some(until) = origin.pause_until(connect) {
            phase.get_or_insert_with(|| PhaseGuard::begin(ctx, Phase::Backoff, None));
            let timer = timer.get_or_insert_with(|| ctx.runtime().sleep_until(until));
            timer.as_mut().reset(until);
            ready!(timer.as_mut().poll(cx));
        }
        Poll::Ready(())
    })
    .await;
    phase.map(PhaseGuard::done);
}

/// Waits until a connection takes exchanges, or is over.
async fn wait_for_streams<C: Send + 'static>(connection: &PooledConnection<C>, waits: &AtomicBool) {
    if connection.allows_no_streams() {
        waits.store(true, Relaxed);
        poll_fn(|cx| connection.poll_capacity(cx)).await;
        waits.store(false, Relaxed);
    }
}

/// A connection of another origin that leads to one of the addresses that are known by now: a shared one that may carry
/// this one too, or an idle one to the proxy that forwards to both. An observer is told of those that may not, once.
fn find_of_another<C, B>(
    pool: &Weak<Registry<C>>,
    origin: &Arc<OriginPool<C>>,
    connect: &PendingConnect,
    route: &Route,
    told: &mut Option<Box<Search>>,
) -> Option<Found<C>>
where
    C: Connection<B>,
{
    let pool = pool.upgrade()?;
    let mut search = Searching::begin(origin, route);
    let endpoints = route.endpoints.snapshot();
    if let Some(connection) = pool.coalesce(origin, route, &endpoints, search.list()) {
        search.found(origin, &connection);
        return Some(Found::Known(connection));
    }
    if let Some(evictions) = pool.evictions() {
        while let Some(lent) = pool.lend(origin, route, search.list()) {
            // If it stays where it is, or has ended, the next may do: neither is lent again.
            let before = Arc::clone(lent.connection());
            let Some(taken) = NewConnection::of_another::<B>(origin, lent, route, connect) else {
                search.stayed(&before);
                continue;
            };
            let connection = Arc::clone(taken.connection());
            search.taken(&connection);
            if taken.publish(origin, connect).is_ok() {
                if pool.evictions() != Some(evictions) {
                    // It was where that had not come yet, and is where that has been.
                    connection.drain(CloseReason::Evicted);
                }
                return Some(Found::Taken);
            }
        }
    }
    search.found_none(&pool, origin, connect, &endpoints, told);
    None
}
