use crate::{error::NoAddresses, route_history::RouteHistory, settings::Settings};
use futures_core::Stream;
use skybridge_core::{
    Answer, BoxFuture, ConnectError, Ctx, Endpoint, Endpoints, EndpointsFeed, EventKind, Families, Phase, Query,
    Resolver, Route, Span, phase_timeout, timeout,
};
use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

/// A name whose addresses are wanted.
pub(crate) struct Lookup {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) families: Families,
}

/// The first addresses of a name, and the rest of the lookup.
pub(crate) struct Resolved {
    pub(crate) endpoints: Endpoints,
    pub(crate) span: Span,
    /// Adds later answers to `endpoints` while it is polled; `None` when the lookup is complete.
    pub(crate) rest: Option<BoxFuture<()>>,
}

/// Asks the resolver, and waits for the first addresses.
pub(crate) async fn resolve<R: Resolver>(
    resolver: R,
    settings: Settings,
    lookup: Lookup,
    route: &Route,
    history: &Arc<RouteHistory>,
) -> Result<Resolved, ConnectError> {
    let ctx = route.ctx();
    let mut query = Query::new(lookup.host, lookup.port, ctx.clone());
    query.families = lookup.families;
    let guard = route.phase(Phase::Resolve);
    let first = phase_timeout(ctx, Phase::Resolve, settings.timeout, first(resolver, query)).await;
    let (answer, answers) = match first {
        Ok(Ok(first)) => first,
        Ok(Err(error)) => return Err(guard.fail(error)),
        Err(timed_out) => return Err(guard.fail(timed_out)),
    };
    let span = guard.done();
    let (feed, endpoints) = Endpoints::feed_up_to(settings.max_addresses);
    let max = settings.max_addresses;
    let mut sink = AddressSink { feed, history: Arc::clone(history), ctx: ctx.clone(), max };
    sink.add(answer.endpoints);
    let rest = answers.map(|answers| {
        let remaining = ctx.limit(Phase::Resolve, settings.timeout).saturating_sub(span.elapsed());
        let rest: BoxFuture<()> = Box::pin(add_rest(answers, sink, remaining));
        rest
    });
    Ok(Resolved { endpoints, span, rest })
}

/// The first answer that has addresses, and the stream of further answers unless it was the last.
async fn first<R: Resolver>(
    mut resolver: R,
    query: Query,
) -> Result<(Answer, Option<Pin<Box<R::Answers>>>), ConnectError> {
    let host = Arc::clone(&query.host);
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(Into::into)?;
    let mut answers = Box::pin(resolver.resolve(query).await.map_err(Into::into)?);
    while let Some(answer) = next(&mut answers).await {
        let answer = answer.map_err(Into::into)?;
        if !answer.endpoints.is_empty() {
            let answers = (!answer.last).then_some(answers);
            return Ok((answer, answers));
        }
        if answer.last {
            break;
        }
    }
    Err(ConnectError::new(Phase::Resolve, NoAddresses { host }))
}

async fn next<A: Stream>(answers: &mut Pin<Box<A>>) -> Option<A::Item> {
    poll_fn(|cx| answers.as_mut().poll_next(cx)).await
}

/// Takes the addresses of one lookup, up to the limit of each family.
struct AddressSink {
    feed: EndpointsFeed,
    history: Arc<RouteHistory>,
    ctx: Ctx,
    max: usize,
}

impl AddressSink {
    /// Adds those that failed recently last, so that they are the first to be left out.
    fn add(&mut self, endpoints: Vec<Endpoint>) {
        let addresses = self.feed.extend(self.history.sort_failed_last(endpoints));
        if addresses > 0 {
            self.ctx.emit(None, None, EventKind::LeftOut { addresses, limit: self.max });
        }
    }
}

/// Adds further answers, until the last one, the time limit, or the sink is full.
async fn add_rest<A, E>(mut answers: Pin<Box<A>>, mut sink: AddressSink, remaining: Duration)
where
    A: Stream<Item = Result<Answer, E>>,
    E: Into<ConnectError>,
{
    let ctx = sink.ctx.clone();
    let added = timeout(&ctx, Phase::Resolve, remaining, async {
        while !sink.feed.is_full()
            && let Some(answer) = next(&mut answers).await
        {
            let answer = answer.map_err(Into::into)?;
            sink.add(answer.endpoints);
            if answer.last {
                break;
            }
        }
        Ok(())
    });
    if let Err(error) = added.await.unwrap_or_else(|timed_out| Err(ConnectError::from(timed_out))) {
        sink.feed.fail(error);
    }
}
