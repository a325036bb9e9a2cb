//! The task of a miss: plans, looks for a connection of another name that will do, connects, gives the connection to
//! its origin.

mod ended;
mod finding;
pub(crate) mod new_connection;
mod searching;
mod task;

use crate::{
    connect::task::{ConnectTask, run},
    origin::{OriginPool, pending_connect::PendingConnect, waiter::RequestContext},
    registry::{Connect, Registry},
};
use skybridge_core::{BoxFuture, ConnectError, Connection, Outline, Plan, Planner, Target};
use std::{
    future::poll_fn,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

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
        let mut task = ConnectTask::new(Arc::downgrade(pool), Arc::clone(origin), connect, target.ctx.clone());
        // If the planner panics when it is cloned, its origin is told, as when it panics later.
        let planner = task.polled(|| self.planner.lock().unwrap_or_else(PoisonError::into_inner).clone());
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
