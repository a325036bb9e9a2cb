pub(crate) mod new_connection;

use crate::{
    connect::new_connection::Arrival, connection::Record, origin::Bucket, origin::pending_connect::Flight,
    origin::waiter::Luggage, registry::Hub, shared::held::Held,
};
use skybridge_core::{
    CloseReason, ConnectError, Connection, Ctx, Phase, Plan, Planner, Route, Sleep, Target, TimedOut, phase_timeout,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Instant,
};

/// Begins searches. It hides the planner, so that nothing else in the pool has its type.
pub(crate) trait Launch<C: Held>: Send + Sync {
    fn launch(&self, hub: &Arc<Hub<C>>, bucket: Arc<Bucket<C>>, flight: Arc<Flight>, luggage: &Luggage);
}

/// Gives each search a clone of the planner, and the search makes that one ready: a pool hit never sees it.
pub(crate) struct Launcher<P, B> {
    planner: Mutex<P>,
    _body: PhantomData<fn(B)>,
}

impl<P, B> Launcher<P, B> {
    pub(crate) fn new(planner: P) -> Self {
        Self { planner: Mutex::new(planner), _body: PhantomData }
    }
}

impl<P, C, B> Launch<C> for Launcher<P, B>
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    fn launch(&self, hub: &Arc<Hub<C>>, bucket: Arc<Bucket<C>>, flight: Arc<Flight>, luggage: &Luggage) {
        let planner = self.planner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ctx = hub.ctx(luggage).with_shared_timeouts(flight.timeouts.clone());
        let target = Target::new(Arc::clone(&bucket.key), ctx);
        let ctx = target.ctx.clone();
        let ticket = Ended { hub: Arc::downgrade(hub), bucket, flight, ctx, over: false, timer: None };
        hub.runtime.spawn(Box::pin(search::<P, C, B>(ticket, planner, target)));
    }
}

/// Sees to it that a search ends, for those who wait for it, however its task does.
struct Ended<C: Held> {
    hub: Weak<Hub<C>>,
    bucket: Arc<Bucket<C>>,
    flight: Arc<Flight>,
    ctx: Ctx,
    over: bool,
    /// For the next request whose own limits end its wait.
    timer: Option<(Instant, Pin<Box<dyn Sleep>>)>,
}

impl<C: Held> Ended<C> {
    fn failed(&mut self, error: ConnectError) {
        self.over = true;
        if let Some(hub) = self.hub.upgrade() {
            let error =
                if error.attempts().is_empty() { error.with_attempts(self.ctx.attempt_log().reports()) } else { error };
            self.bucket.failed(&hub, &self.flight, &error);
        }
    }

    /// Nobody waits for it: it is given up, unless it has got as far as a socket.
    fn poll_abandon(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.flight.look.poll(cx).is_ready() {
            if (self.bucket.is_closed() || !self.ctx.attempt_log().has_socket()) && self.bucket.abandon(&self.flight) {
                self.over = true;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Fails the requests whose own limits are over.
    fn poll_impatient(&mut self, cx: &mut Context<'_>) {
        loop {
            let Some(hub) = self.hub.upgrade() else { return };
            let Some(next) = self.bucket.impatient(&hub, &self.flight, &self.ctx) else {
                self.timer = None;
                return;
            };
            let (set, timer) = self.timer.get_or_insert_with(|| (next, hub.runtime.sleep_until(next)));
            if *set != next {
                *set = next;
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
    }
}

impl<C: Held> Drop for Ended<C> {
    fn drop(&mut self) {
        if !self.over {
            self.failed(ConnectError::new(Phase::Acquire, Dropped));
        }
    }
}

/// The task of a search was dropped by its runtime, or it panicked.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime that made the connection has ended")
    }
}

impl std::error::Error for Dropped {}

/// The connection was closed by its peer before anybody could use it.
#[derive(Debug)]
struct ClosedAtOnce;

impl fmt::Display for ClosedAtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was closed before it could be used")
    }
}

impl std::error::Error for ClosedAtOnce {}

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

/// Plans, looks for a connection of another origin that will do, connects, publishes.
async fn search<P, C, B>(mut ended: Ended<C>, planner: P, target: Target)
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    let ctx = target.ctx.clone();
    // The search waits for a peer to allow streams.
    let no_streams = AtomicBool::new(false);
    let outcome = {
        let limit = match ended.hub.upgrade() {
            Some(hub) => hub.config.connect_timeout,
            None => return,
        };
        let (hub, bucket) = (ended.hub.clone(), Arc::clone(&ended.bucket));
        let find = find::<P, C, B>(hub, bucket, planner, target, &no_streams);
        let mut find = pin!(phase_timeout(&ctx, Phase::Acquire, limit, find));
        poll_fn(|cx| match find.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => {
                ended.poll_impatient(cx);
                ended.poll_abandon(cx).map(|()| None)
            }
        })
        .await
    };
    match outcome {
        None => {}
        Some(Ok(Ok(found))) => land(ended, found),
        Some(Ok(Err(error))) => ended.failed(error),
        Some(Err(timed_out)) if no_streams.load(Relaxed) => {
            // The next search opens another one, which may lead to another server.
            if let Some(record) = ended.bucket.takes_none() {
                record.drain(CloseReason::Protocol);
            }
            ended.failed(ConnectError::new(Phase::Handshake, NoStreams(timed_out)));
        }
        Some(Err(timed_out)) => ended.failed(timed_out.into()),
    }
}

enum Found<C: Held> {
    New(Arrival<C>),
    /// One of another origin, or one of its own whose peer allows streams by now.
    Known(Arc<Record<C>>),
}

async fn find<P, C, B>(
    hub: Weak<Hub<C>>,
    bucket: Arc<Bucket<C>>,
    mut planner: P,
    target: Target,
    no_streams: &AtomicBool,
) -> Result<Found<C>, ConnectError>
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    // A peer that allows no streams would most likely allow none on another connection either.
    while let Some(record) = bucket.takes_none() {
        capacity(&record, no_streams).await;
        if record.has_room() {
            return Ok(Found::Known(record));
        }
    }
    poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
    let plan = planner.plan(target).await.map_err(Into::into)?;
    let route = plan.route().clone();
    if let Some(record) = look(&hub, &bucket, &route) {
        return Ok(Found::Known(record));
    }
    let mut endpoints = route.endpoints.clone();
    let mut connecting = pin!(plan.connect());
    let found = poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(connected.map(Err));
        }
        // Each late answer may be the address of a connection that is there.
        while let Poll::Ready(Some(_)) = endpoints.poll_more(cx) {
            if let Some(record) = look(&hub, &bucket, &route) {
                return Poll::Ready(Ok(Ok(record)));
            }
        }
        Poll::Pending
    });
    let connection = match found.await? {
        Ok(record) => return Ok(Found::Known(record)),
        Err(connection) => connection,
    };
    // A layer between may have planned for another target.
    if let Err(unfit) = connection.info().fit_for_key(&bucket.key) {
        return Err(connection.info().tried().failed(ConnectError::from(unfit).in_phase(Phase::Handshake)));
    }
    let Some(arrival) = hub.upgrade().map(|hub| Arrival::new(&hub, &bucket, connection)) else {
        return Err(ConnectError::new(Phase::Acquire, Dropped));
    };
    let record = Arc::clone(arrival.record());
    capacity(&record, no_streams).await;
    Ok(Found::New(arrival))
}

/// Waits until a connection takes exchanges, or is over.
async fn capacity<C: Held>(record: &Record<C>, waits: &AtomicBool) {
    if record.takes_none() {
        waits.store(true, Relaxed);
        poll_fn(|cx| record.poll_room(cx)).await;
        waits.store(false, Relaxed);
    }
}

fn look<C: Held>(hub: &Weak<Hub<C>>, bucket: &Arc<Bucket<C>>, route: &Route) -> Option<Arc<Record<C>>> {
    hub.upgrade()?.coalesce(bucket, route, &route.endpoints.snapshot())
}

fn land<C: Held>(mut ended: Ended<C>, found: Found<C>) {
    let Some(hub) = ended.hub.upgrade() else {
        ended.over = true;
        return;
    };
    match found {
        Found::Known(record) => {
            ended.over = true;
            ended.bucket.found(&hub, &ended.flight, &record);
        }
        Found::New(arrival) => {
            if arrival.publish(&hub, &ended.bucket, &ended.flight) {
                ended.over = true;
            } else {
                ended.failed(ConnectError::new(Phase::Handshake, ClosedAtOnce));
            }
        }
    }
}
