use crate::{NoEndpoints, TooManyEndpoints};
use futures_core::Stream;
use skybridge_core::{Answer, BoxFuture, ConnectError, Ctx, Endpoint, Phase, Query, Resolver, TimedOut};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// How long a lookup may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The name whose addresses are balanced.
pub(crate) struct Name<R> {
    pub(crate) resolver: R,
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// When to look up again if the resolver doesn't say, and the longest pause after lookups that failed.
    pub(crate) refresh: Duration,
    pub(crate) most: usize,
}

/// What was found, and for how long it holds if that is known.
pub(crate) struct Found {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) ttl: Option<Duration>,
}

impl<R: Resolver> Name<R> {
    /// All its addresses.
    pub(crate) fn look_up(&self, ctx: Ctx) -> BoxFuture<Result<Found, ConnectError>> {
        let (resolver, runtime, most) = (self.resolver.clone(), Arc::clone(ctx.runtime()), self.most);
        let query = Query::new(Arc::clone(&self.host), self.port, ctx);
        Box::pin(async move {
            let mut limit = runtime.sleep_until(runtime.now() + LIMIT);
            let mut found = pin!(all_of(resolver, query, most));
            poll_fn(|cx: &mut Context<'_>| {
                if let Poll::Ready(found) = found.as_mut().poll(cx) {
                    return Poll::Ready(found);
                }
                let over = TimedOut { phase: Phase::Resolve, limit: LIMIT };
                limit.as_mut().poll(cx).map(|()| Err(ConnectError::new(Phase::Resolve, over)))
            })
            .await
        })
    }
}

async fn all_of<R: Resolver>(mut resolver: R, query: Query, most: usize) -> Result<Found, ConnectError> {
    let of_resolving = |error: ConnectError| error.in_phase(Phase::Resolve);
    let host = Arc::clone(&query.host);
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(|error| of_resolving(error.into()))?;
    let mut answers = pin!(resolver.resolve(query).await.map_err(|error| of_resolving(error.into()))?);
    let mut found = Found { endpoints: Vec::new(), ttl: None };
    while let Some(answer) = poll_fn(|cx| answers.as_mut().poll_next(cx)).await {
        let answer: Answer = answer.map_err(|error| of_resolving(error.into()))?;
        if answer.early {
            continue;
        }
        found.ttl = found.ttl.into_iter().chain(answer.ttl).min();
        for endpoint in answer.endpoints {
            if found.endpoints.contains(&endpoint) {
                continue;
            }
            if found.endpoints.len() == most {
                return Err(ConnectError::new(Phase::Resolve, TooManyEndpoints { host, most }));
            }
            found.endpoints.push(endpoint);
        }
        if answer.last {
            break;
        }
    }
    if found.endpoints.is_empty() {
        return Err(ConnectError::new(Phase::Resolve, NoEndpoints { host }));
    }
    Ok(found)
}
