//! The steps of a connect, in their order: the backoff of its origin, a plan, a connection of another origin that will
//! do, and last a connection of its own.

use crate::{
    connect::{ended::Ended, new_connection::NewConnection, searching::Searching},
    connection::PooledConnection,
    origin::{OriginPool, pending_connect::PendingConnect},
    registry::Registry,
};
use skybridge_core::{
    CloseReason, ConnectError, Connection, Ctx, Phase, PhaseGuard, Plan, Planner, Route, Search, Sleep, Target,
};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Poll, ready},
};

/// How far a connect has got.
#[derive(Default)]
pub(super) struct Progress {
    /// It waits for a peer to allow streams.
    pub(super) no_streams: AtomicBool,
    /// The names are resolved, and there is no connection yet.
    pub(super) connects: AtomicBool,
    /// Of its plan.
    pub(super) route: OnceLock<Route>,
}

pub(super) enum Found<C: Send + 'static> {
    New(NewConnection<C>),
    /// One of another name, or one of its own whose peer allows streams by now.
    Known(Arc<PooledConnection<C>>),
    /// One that was another origin's, which this one has already.
    Taken,
}

/// `None` when it must not begin, as there is no permit for its socket once its origin's backoff is over.
pub(super) async fn find<P, C, B>(
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
