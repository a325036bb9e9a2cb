//! The task of a connect, whatever it does: its limits, those who leave it, and how it ends for those who wait.

use crate::{
    connect::{
        ended::{Ended, NoStreams},
        finding::{Found, Progress, find},
    },
    origin::{OriginPool, connect_timeouts::ConnectTimeouts, pending_connect::PendingConnect},
    registry::Registry,
};
use skybridge_core::{
    Advice, AttemptReport, CloseReason, ConnectError, Connection, Ctx, Outcome, Phase, Plan, Planner, Route,
    SharedTimeouts as _, Sleep, Target, TimedOut,
};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// A request whose own limit is shorter says nothing of the way by giving up.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);
/// How often one connect begins again as the settings it was tried by are replaced meanwhile.
const MOST_REPLACED: u8 = 8;

/// Sees to it that a connect ends, for those who wait for it, however its task does.
pub(super) struct ConnectTask<C: Send + 'static> {
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

impl<C: Send + 'static> ConnectTask<C> {
    pub(super) fn new(
        pool: Weak<Registry<C>>,
        origin: Arc<OriginPool<C>>,
        connect: Arc<PendingConnect>,
        ctx: Ctx,
    ) -> Self {
        let (over, is_polled, timer) = (false, false, None);
        let (long, before, replaced) = (TakesLong::NotYet, 0, 0);
        Self { pool, origin, connect, ctx, over, is_polled, timer, long, before, replaced }
    }

    /// What connects is polled by this.
    pub(super) fn polled<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        self.is_polled = true;
        let polled = poll();
        self.is_polled = false;
        polled
    }

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

/// Connects for those who wait, and begins again as often as it may.
pub(super) async fn run<P, C, B>(mut task: ConnectTask<C>, mut planner: P, target: Target)
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
            match task.polled(|| find.as_mut().poll(cx)) {
                Poll::Ready(outcome) => Poll::Ready(Some(Ok(outcome))),
                Poll::Pending => match task.poll_timeouts(cx, &progress) {
                    Poll::Ready(timed_out) => {
                        // Before it is dropped.
                        task.connect.timeouts.set_ended_by(timed_out);
                        Poll::Ready(Some(Err((timed_out, task.connect.looks_up()))))
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
        Some(Err((timed_out, _))) if progress.no_streams.load(Relaxed) => {
            // The next connect opens another one, which may lead to another server.
            if let Some(connection) = task.origin.without_streams() {
                connection.drain(CloseReason::Protocol);
            }
            task.failed(ConnectError::new(Phase::Handshake, NoStreams(timed_out)), false)
        }
        Some(Err((timed_out, looks_up))) => {
            let error = ConnectError::from(timed_out);
            task.failed(if looks_up { error.advise(Advice::NoAnswer) } else { error }, false)
        }
    }
}
