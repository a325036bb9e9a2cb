use crate::{
    layer::Settings,
    memory::Memory,
    planned::Planned,
    recall::Recall,
    resolve::{Resolved, resolve},
};
use skybridge_core::{BoxFuture, ConnectError, Endpoint, Endpoints, Resolver, Route, Target};
use std::{
    fmt,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Decides a route. Dropped, it cancels its query.
pub struct Planning<S>(pub(crate) BoxFuture<Result<Planned<S>, ConnectError>>);

/// The plan is there as soon as the first addresses are.
pub(crate) async fn plan<S, R: Resolver>(
    opener: S,
    resolver: R,
    settings: Settings,
    memory: Arc<Memory>,
    target: Target,
) -> Result<Planned<S>, ConnectError> {
    let mut route = Route::direct(target, Endpoints::fixed([]));
    route.hops = route.target.terms().proxy.clone().unwrap_or_else(|| Arc::clone(&route.hops));
    let recall = Arc::new(Recall::new(memory, &route));
    route.verdict = Some(recall.clone());
    let mut late = None;
    if let Some(known) = known(&route) {
        route.endpoints = Endpoints::fixed(recall.postpone(known));
    } else {
        let resolved = resolve(resolver, settings, &route, &recall).await;
        let Resolved { endpoints, span, ech, rest } = resolved.map_err(|error| error.on_route(&route))?;
        route.endpoints = endpoints;
        route.resolved = Some(span);
        route.ech = ech.filter(|_| route.hops.is_empty());
        late = rest;
    }
    Ok(Planned { opener, route, recall, late })
}

/// The endpoints that need no look-up.
fn known(route: &Route) -> Option<Vec<Endpoint>> {
    let (ip, port) = match route.hops.first() {
        Some(hop) => (hop.host.trim_matches(['[', ']']).parse().ok(), hop.port),
        None => {
            if let Some(dial) = &route.target.terms().dial {
                return Some(dial.to_vec());
            }
            (route.target.origin().ip(), route.target.origin().port())
        }
    };
    ip.map(|ip: IpAddr| vec![SocketAddr::new(ip, port).into()])
}

impl<S> Future for Planning<S> {
    type Output = Result<Planned<S>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<S> fmt::Debug for Planning<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planning").finish_non_exhaustive()
    }
}
