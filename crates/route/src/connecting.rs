use crate::{
    allowance::Allowance,
    connector::RouteConnector,
    error::NoAddresses,
    plan::RoutePlan,
    recall::Recall,
    tried::Tried,
    ways::{Late, Way},
};
use skybridge_core::{BoxFuture, ConnectError, Endpoint, Phase, Resolver, Route};
use std::{
    collections::HashSet,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Connects a plan. Dropped, it closes what it has opened, and cancels its query.
pub struct Connecting<C>(pub(crate) BoxFuture<Result<C, ConnectError>>);

/// Tries one way after the other, until one works, none is left, or nothing else would help.
pub(crate) async fn connect<S: RouteConnector, R: Resolver>(
    plan: RoutePlan<S, R>,
) -> Result<S::Connection, ConnectError> {
    let RoutePlan { mut connector, mut way, mut ways } = plan;
    let attempt_log = way.route.ctx().attempt_log().clone();
    let mut left_out = 0;
    loop {
        let (origins, proxies) = (way.proxy_target.clone(), way.route.endpoints.clone());
        let mut allowance = Allowance::new(way.route.ctx(), ways.max_attempts());
        let error = match along(&mut connector, way, &mut allowance).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        left_out += proxies.left_out() + origins.map_or(0, |list| list.left_out()) + allowance.end();
        let tell = |error: ConnectError| error.with_attempts(attempt_log.reports()).with_left_out(left_out);
        if error.is_fatal() {
            return Err(tell(error));
        }
        ways.failed(error);
        way = ways.next().await.map_err(tell)?;
    }
}

/// Connects by one way: to each of the origin's addresses in turn, where the last proxy is to be told one.
async fn along<S: RouteConnector>(
    connector: &mut S,
    way: Way,
    allowance: &mut Allowance,
) -> Result<S::Connection, ConnectError> {
    let Way { mut route, recall, proxy_target, mut late } = way;
    let Some(mut proxy_target) = proxy_target else {
        return exhaust(connector, &route, &recall, &mut late, allowance).await;
    };
    let mut first_error = None;
    let mut told = 0;
    while let Some(address) = late.alongside(poll_fn(|cx| proxy_target.poll_more(cx))).await {
        told += 1;
        if let Err(refused) = route.target.connect_options().egress.check(&address) {
            let error = ConnectError::new(Phase::Tcp, refused).fatal();
            first_error.get_or_insert_with(|| error.on_route(&route));
            continue;
        }
        let recall = Arc::new(recall.proxy_target(address.clone()));
        route.feedback = Some(recall.clone());
        route.proxy_target = Some(address);
        let before = route.ctx().attempt_log().count();
        let error = match exhaust(connector, &route, &recall, &mut late, allowance).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let over = error.is_fatal() || !Tried::got_through(route.ctx(), before);
        let first = first_error.get_or_insert(error);
        // To which address doesn't matter where no proxy was reached.
        if over {
            return Err(first.clone());
        }
        if allowance.is_spent() {
            allowance.leave_out(proxy_target.snapshot().len().saturating_sub(told));
            return Err(first.clone());
        }
    }
    let none = || ConnectError::new(Phase::Resolve, NoAddresses { host: route.target.origin().name().into() });
    Err(first_error.or_else(|| proxy_target.error()).unwrap_or_else(none))
}

/// Tries the endpoints that are left, until something works, nothing is left, or nothing else would help.
async fn exhaust<S: RouteConnector>(
    connector: &mut S,
    route: &Route,
    recall: &Arc<Recall>,
    late: &mut Late,
    allowance: &mut Allowance,
) -> Result<S::Connection, ConnectError> {
    let mut tried = Tried::new(route.ctx().clone(), Arc::clone(recall));
    let mut used_up: HashSet<Endpoint> = HashSet::new();
    let mut rest = route.endpoints.clone();
    let mut first_error = None;
    loop {
        let mut route = route.clone();
        route.endpoints = rest.clone();
        route.max_attempts = allowance.left();
        let error = match late.alongside(once(connector, route.clone())).await {
            Ok(connection) => {
                tried.worked();
                return Ok(connection);
            }
            Err(error) => error,
        };
        allowance.called(route.max_attempts);
        if error.is_fatal() {
            tried.excuse(error.attempt());
            return Err(error.on_route(&route));
        }
        let failed = tried.used_up().into_iter().chain(error.endpoint().cloned());
        let new: Vec<Endpoint> = failed.filter(|endpoint| used_up.insert(endpoint.clone())).collect();
        let first = first_error.get_or_insert(error);
        rest = rest.without(&new);
        // What fails without having tried anything new would do so for ever.
        if new.is_empty() || (rest.is_complete() && rest.snapshot().is_empty()) {
            return Err(first.clone().on_route(&route));
        }
        if allowance.is_spent() {
            allowance.leave_out(rest.snapshot().len());
            return Err(first.clone().on_route(&route));
        }
    }
}

async fn once<S: RouteConnector>(connector: &mut S, route: Route) -> Result<S::Connection, ConnectError> {
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
