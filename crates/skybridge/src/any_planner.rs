use skybridge_core::{BoxFuture, ConnectError, Plan, Planner, Route, Target};
use std::{
    fmt,
    task::{Context, Poll},
};
use tower::Service;

/// Any planner of connections of one type. On the cold side of the pool, where a box is paid once per connection: this is why a client has no
/// type parameters.
pub(crate) struct AnyPlanner<C>(Box<dyn Plans<C>>);

/// Any plan.
pub(crate) struct AnyPlan<C>(Box<dyn Connects<C>>);

trait Plans<C>: Send {
    fn another(&self) -> Box<dyn Plans<C>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>>;
    fn plan(&mut self, target: Target) -> BoxFuture<Result<AnyPlan<C>, ConnectError>>;
}

trait Connects<C>: Send {
    fn route(&self) -> &Route;
    fn connect(self: Box<Self>) -> BoxFuture<Result<C, ConnectError>>;
}

// === impl AnyPlanner ===

impl<C: Send + 'static> AnyPlanner<C> {
    pub(crate) fn new(planner: impl Planner<Plan: Plan<Connection = C>>) -> Self {
        Self(Box::new(planner))
    }
}

impl<P, C> Plans<C> for P
where
    P: Planner<Plan: Plan<Connection = C>>,
    C: Send + 'static,
{
    fn another(&self) -> Box<dyn Plans<C>> {
        Box::new(self.clone())
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Planner::poll_ready(self, cx).map_err(Into::into)
    }

    fn plan(&mut self, target: Target) -> BoxFuture<Result<AnyPlan<C>, ConnectError>> {
        let planning = Planner::plan(self, target);
        Box::pin(async move {
            let plan = planning.await.map_err(Into::into)?;
            Ok(AnyPlan(Box::new(plan) as Box<dyn Connects<C>>))
        })
    }
}

impl<C> Clone for AnyPlanner<C> {
    fn clone(&self) -> Self {
        Self(self.0.another())
    }
}

impl<C: Send + 'static> Service<Target> for AnyPlanner<C> {
    type Response = AnyPlan<C>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<AnyPlan<C>, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        self.0.plan(target)
    }
}

impl<C> fmt::Debug for AnyPlanner<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyPlanner").finish_non_exhaustive()
    }
}

// === impl AnyPlan ===

impl<P: Plan> Connects<P::Connection> for P {
    fn route(&self) -> &Route {
        Plan::route(self)
    }

    fn connect(self: Box<Self>) -> BoxFuture<Result<P::Connection, ConnectError>> {
        Box::pin(Plan::connect(*self))
    }
}

impl<C: Send + 'static> Plan for AnyPlan<C> {
    type Connection = C;
    type Connecting = BoxFuture<Result<C, ConnectError>>;

    fn route(&self) -> &Route {
        self.0.route()
    }

    fn connect(self) -> Self::Connecting {
        self.0.connect()
    }
}
