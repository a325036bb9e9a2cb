use crate::{
    bucket::Bucket,
    flight::Flight,
    held::Held,
    hub::Hub,
    record::{Record, RecordWatch},
    slots::Slots,
    ticket::Luggage,
};
use skybridge_core::{ConnectError, Connection, Ctx, EventKind, Phase, Plan, Planner, Room, Route, Target, within};
use std::{
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
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
        let target = Target::new(Arc::clone(&bucket.key), hub.ctx(luggage));
        let ticket = Ended { hub: Arc::downgrade(hub), bucket, flight, ctx: target.ctx.clone(), over: false };
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
}

impl<C: Held> Ended<C> {
    fn failed(&mut self, error: ConnectError) {
        self.over = true;
        if let Some(hub) = self.hub.upgrade() {
            let error =
                if error.attempts().is_empty() { error.with_attempts(self.ctx.trail().reports()) } else { error };
            self.bucket.failed(&hub, &self.flight, &error);
        }
    }

    /// Nobody waits for it: it is given up, unless it has got as far as a socket.
    fn poll_abandon(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.flight.lonely.poll(cx).is_ready() {
            if (self.bucket.is_closed() || !self.ctx.trail().has_socket()) && self.bucket.abandon(&self.flight) {
                self.over = true;
                return Poll::Ready(());
            }
        }
        Poll::Pending
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

/// Plans, looks for a connection of another origin that will do, connects, publishes.
async fn search<P, C, B>(mut ended: Ended<C>, planner: P, target: Target)
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Connection<B>,
    B: 'static,
{
    let ctx = target.ctx.clone();
    let outcome = {
        let limit = match ended.hub.upgrade() {
            // One request's shorter limit is its own business: others may wait for this connection.
            Some(hub) => {
                let limit = hub.limits.connect.unwrap_or(hub.config.connect_timeout);
                ctx.limits().connect.map_or(limit, |own| own.max(limit))
            }
            None => return,
        };
        let (hub, bucket) = (ended.hub.clone(), Arc::clone(&ended.bucket));
        let mut find = pin!(within(&ctx, Phase::Acquire, limit, find(hub, bucket, planner, target)));
        poll_fn(|cx| match find.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => ended.poll_abandon(cx).map(|()| None),
        })
        .await
    };
    match outcome {
        None => {}
        Some(Ok(Ok(found))) => land::<C, B>(ended, found),
        Some(Ok(Err(error))) => ended.failed(error),
        Some(Err(timed_out)) => ended.failed(timed_out.into()),
    }
}

enum Found<C: Held> {
    New(C),
    Coalesced(Arc<Record<C>>),
}

async fn find<P, C>(
    hub: Weak<Hub<C>>,
    bucket: Arc<Bucket<C>>,
    mut planner: P,
    target: Target,
) -> Result<Found<C>, ConnectError>
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Held,
{
    poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
    let plan = planner.plan(target).await.map_err(Into::into)?;
    let route = plan.route().clone();
    if let Some(record) = look(&hub, &bucket, &route) {
        return Ok(Found::Coalesced(record));
    }
    let mut endpoints = route.endpoints.clone();
    let mut connecting = pin!(plan.connect());
    poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(connected.map(Found::New));
        }
        // Each late answer may be the address of a connection that is there.
        while let Poll::Ready(Some(_)) = endpoints.poll_more(cx) {
            if let Some(record) = look(&hub, &bucket, &route) {
                return Poll::Ready(Ok(Found::Coalesced(record)));
            }
        }
        Poll::Pending
    })
    .await
}

fn look<C: Held>(hub: &Weak<Hub<C>>, bucket: &Arc<Bucket<C>>, route: &Route) -> Option<Arc<Record<C>>> {
    hub.upgrade()?.coalesce(bucket, route, &route.endpoints.snapshot())
}

fn land<C: Connection<B>, B: 'static>(mut ended: Ended<C>, found: Found<C>) {
    let Some(hub) = ended.hub.upgrade() else {
        ended.over = true;
        return;
    };
    match found {
        Found::Coalesced(record) => {
            ended.over = true;
            ended.bucket.coalesced(&hub, &ended.flight, &record);
        }
        Found::New(connection) => {
            if publish::<C, B>(&hub, &ended, connection) {
                ended.over = true;
            } else {
                ended.failed(ConnectError::new(Phase::Handshake, ClosedAtOnce));
            }
        }
    }
}

/// Makes a connection visible. It was announced before, and from here on its driver tells the record.
fn publish<C: Connection<B>, B: 'static>(hub: &Arc<Hub<C>>, ended: &Ended<C>, connection: C) -> bool {
    let config = &hub.config;
    let exclusive = connection.share().is_none();
    let slots = match connection.room() {
        Room::Streams(room) => Slots::new(room.min(config.max_streams), false),
        Room::Unknown => Slots::new(config.streams_before_settings.min(config.max_streams), true),
        _ => Slots::new(0, false),
    };
    let info = Arc::clone(connection.info());
    let idle = Arc::clone(&hub.idle);
    let record = Record::new(info, slots, exclusive, &ended.bucket, idle, hub.times());
    record.emit(EventKind::Created(&record.info));
    if !exclusive {
        record.starts_idle(record.idle_from(hub.clock.get()));
    }
    connection.watch(RecordWatch::new(&record, config.max_streams));
    let connection = if exclusive {
        Some(connection)
    } else {
        record.keep(connection);
        None
    };
    let published = ended.bucket.connected(hub, &ended.flight, &record, connection);
    if !published {
        record.close(record.drain_reason());
    }
    published
}
