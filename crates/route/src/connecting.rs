use crate::{
    attempt_budget::AttemptBudget,
    attempt_recorder::AttemptRecorder,
    candidates::{Candidate, Candidates, LateAnswers},
    error::NoAddresses,
    route_history::RouteHistory,
};
use skybridge_core::{BoxFuture, ConnectError, Ctx, Endpoint, Phase, Resolver, Route, RouteConnector, TimedOut};
use std::{
    collections::HashSet,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// The future of [`RoutePlan::connect`](skybridge_core::Plan::connect). Dropped, it closes the sockets it has opened
/// and cancels its lookups.
pub struct Connecting<C>(pub(crate) BoxFuture<Result<C, ConnectError>>);

/// Tries one candidate after another, until one works, none is left, or an error says that no other would help.
pub(crate) async fn connect<S: RouteConnector, R: Resolver>(
    mut connector: Box<S>,
    mut candidate: Box<Candidate>,
    mut candidates: Box<Candidates<R>>,
) -> Result<S::Connection, ConnectError> {
    let ctx = candidate.route.ctx().clone();
    let mut left_out = 0;
    loop {
        let (targets, endpoints) = (candidate.proxy_targets.clone(), candidate.route.endpoints.clone());
        let history = Arc::clone(&candidate.history);
        // Kept for the error; in a box, as few candidates have a limit.
        let limit = candidate.limit.map(|limit| (limit, Box::new(candidate.route.clone())));
        let mut budget = AttemptBudget::new(&ctx, candidates.max_attempts());
        let logged_before = ctx.attempt_log().count();
        let connected = {
            let connecting = pin!(connect_candidate(&mut *connector, candidate, &mut budget));
            reach_within(limit, &ctx, connecting).await
        };
        let error = match connected {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => {
                // What was refused here, before any attempt or for want of a descriptor, says nothing of the way.
                let is_ours = error.is_fatal() || error.is_out_of_descriptors();
                if !is_ours && ctx.attempt_log().count() > logged_before {
                    history.failed_by(&error, AttemptRecorder::opened_socket(&ctx, logged_before));
                }
                error
            }
            // It is known already that it has failed.
            Err((timed_out, route)) => ConnectError::from(timed_out).on_route(&route),
        };
        left_out += endpoints.left_out() + targets.map_or(0, |list| list.left_out()) + budget.finish();
        let summarize = |error: ConnectError| error.with_attempts(ctx.attempt_log().reports()).with_left_out(left_out);
        if error.is_fatal() {
            return Err(summarize(error));
        }
        candidates.failed(error);
        candidate = candidates.next().await.map_err(summarize)?;
    }
}

/// Connects, and gives up if no socket has been opened when the limit is over: with the route that had one.
///
/// Pinned by the caller: by value it would be held twice, once as the argument.
async fn reach_within<T>(
    limit: Option<(Duration, Box<Route>)>,
    ctx: &Ctx,
    mut connecting: Pin<&mut impl Future<Output = T>>,
) -> Result<T, (TimedOut, Box<Route>)> {
    let logged_before = ctx.attempt_log().count();
    let mut timer = limit.and_then(|(limit, route)| {
        let deadline = ctx.runtime().now().checked_add(limit)?;
        Some((limit, route, ctx.runtime().sleep_until(deadline)))
    });
    poll_fn(|cx| {
        if let Poll::Ready(result) = connecting.as_mut().poll(cx) {
            return Poll::Ready(Ok(result));
        }
        if let Some((.., expired)) = &mut timer {
            ready!(expired.as_mut().poll(cx));
        }
        match timer.take() {
            Some((limit, route, _)) if !AttemptRecorder::opened_socket(ctx, logged_before) => {
                Poll::Ready(Err((TimedOut { phase: Phase::Tcp, limit }, route)))
            }
            _ => Poll::Pending,
        }
    })
    .await
}

/// Connects one candidate. Where its last proxy must be given an address, each of the origin's is tried in turn.
async fn connect_candidate<S: RouteConnector>(
    connector: &mut S,
    candidate: Box<Candidate>,
    budget: &mut AttemptBudget,
) -> Result<S::Connection, ConnectError> {
    let Candidate { mut route, history, proxy_targets, mut late_answers, limit: _ } = *candidate;
    let Some(mut proxy_targets) = proxy_targets else {
        return try_endpoints(connector, &route, &history, &mut late_answers, budget).await;
    };
    let mut first_error = None;
    let mut read = 0;
    while let Some(address) = late_answers.poll_beside(pin!(poll_fn(|cx| proxy_targets.poll_more(cx)))).await {
        read += 1;
        let target = &route.target;
        if let Err(refused) = target.connect_options().egress.check(target.origin(), &address) {
            let error = ConnectError::new(Phase::Tcp, refused).fatal();
            first_error.get_or_insert_with(|| error.on_route(&route));
            continue;
        }
        let history = Arc::new(history.with_proxy_target(address.clone()));
        route.feedback = Some(history.clone());
        route.proxy_target = Some(address);
        let logged_before = route.ctx().attempt_log().count();
        let error = match try_endpoints(connector, &route, &history, &mut late_answers, budget).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        // Where no proxy was reached, it would not help to give it another address.
        let is_final = error.is_fatal() || !AttemptRecorder::opened_socket(route.ctx(), logged_before);
        let first = first_error.get_or_insert(error);
        if is_final {
            return Err(first.clone());
        }
        if budget.is_exhausted() {
            budget.leave_out(proxy_targets.snapshot().len().saturating_sub(read));
            return Err(first.clone());
        }
    }
    let none = || NoAddresses { host: route.target.origin().name().into() }.into();
    Err(first_error.or_else(|| proxy_targets.error()).unwrap_or_else(none))
}

/// Opens the route again and again, each time without the endpoints that have failed, until one works, none is left, or
/// an error says that no other would help.
async fn try_endpoints<S: RouteConnector>(
    connector: &mut S,
    route: &Route,
    history: &Arc<RouteHistory>,
    late_answers: &mut LateAnswers,
    budget: &mut AttemptBudget,
) -> Result<S::Connection, ConnectError> {
    let mut recorder = AttemptRecorder::new(route.ctx().clone(), Arc::clone(history));
    let mut failed: HashSet<Endpoint> = HashSet::new();
    let mut rest = route.endpoints.clone();
    let mut first_error = None;
    loop {
        let mut route = route.clone();
        route.endpoints = rest.clone();
        route.max_attempts = budget.remaining();
        let opened = late_answers.poll_beside(pin!(open(connector, route.clone()))).await;
        let error = match opened {
            Ok(connection) => {
                recorder.succeeded();
                return Ok(connection);
            }
            Err(error) => error,
        };
        budget.count_call(route.max_attempts);
        if error.is_fatal() {
            recorder.ignore(error.attempt());
            return Err(error.on_route(&route));
        }
        let latest = recorder.take_failed().into_iter().chain(error.endpoint().cloned());
        let new: Vec<Endpoint> = latest.filter(|endpoint| failed.insert(endpoint.clone())).collect();
        let first = first_error.get_or_insert(error);
        rest = rest.without(&new);
        // A connector that fails without having tried anything new would do so forever.
        if new.is_empty() || (rest.is_complete() && rest.snapshot().is_empty()) {
            return Err(first.clone().on_route(&route));
        }
        if budget.is_exhausted() {
            budget.leave_out(rest.snapshot().len());
            return Err(first.clone().on_route(&route));
        }
    }
}

async fn open<S: RouteConnector>(connector: &mut S, route: Route) -> Result<S::Connection, ConnectError> {
    poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
    connector.open(route).await.map_err(Into::into)
}

impl<C> Future for Connecting<C> {
    type Output = Result<C, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<C> fmt::Debug for Connecting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
