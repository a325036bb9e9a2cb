use crate::{config::Settings, error::NoAddresses, recall::Recall};
use futures_core::Stream;
use skybridge_core::{
    Answer, BoxFuture, ConnectError, Ctx, Endpoint, Endpoints, EndpointsFeed, EventKind, Families, Phase, Query,
    Resolver, Route, Span, phase_timeout, timeout,
};
use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

/// Whose addresses are wanted.
pub(crate) struct Asked {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) families: Families,
}

/// The first addresses, and what may bring more.
pub(crate) struct Resolved {
    pub(crate) endpoints: Endpoints,
    pub(crate) span: Span,
    /// Feeds `endpoints` with later answers while it is polled.
    pub(crate) rest: Option<BoxFuture<()>>,
}

/// Asks the resolver, until there are addresses.
pub(crate) async fn resolve<R: Resolver>(
    resolver: R,
    settings: Settings,
    asked: Asked,
    route: &Route,
    recall: &Arc<Recall>,
) -> Result<Resolved, ConnectError> {
    let ctx = route.ctx();
    let mut query = Query::new(asked.host, asked.port, ctx.clone());
    query.families = asked.families;
    let guard = route.phase(Phase::Resolve);
    let first = phase_timeout(ctx, Phase::Resolve, settings.timeout, first(resolver, query)).await;
    let (answer, answers) = match first {
        Ok(Ok(first)) => first,
        Ok(Err(error)) => return Err(guard.fail(error)),
        Err(timed_out) => return Err(guard.fail(timed_out)),
    };
    let span = guard.done();
    let (feed, endpoints) = Endpoints::feed_up_to(settings.max_addresses);
    let mut basin = Basin { feed, recall: Arc::clone(recall), ctx: ctx.clone(), most: settings.max_addresses };
    basin.take(answer.endpoints);
    let rest = answers.map(|answers| {
        let left = ctx.limit(Phase::Resolve, settings.timeout).saturating_sub(span.elapsed());
        let rest: BoxFuture<()> = Box::pin(pour(answers, basin, left));
        rest
    });
    Ok(Resolved { endpoints, span, rest })
}

/// An answer with addresses, and the stream of the others unless it was the last.
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

/// Where the addresses of one look-up are put.
struct Basin {
    feed: EndpointsFeed,
    recall: Arc<Recall>,
    ctx: Ctx,
    most: usize,
}

impl Basin {
    /// Those that failed lately last, so that they are the first to be left out.
    fn take(&mut self, endpoints: Vec<Endpoint>) {
        let addresses = self.feed.extend(self.recall.postpone(endpoints));
        if addresses > 0 {
            self.ctx.emit(None, None, EventKind::LeftOut { addresses, limit: self.most });
        }
    }
}

/// Puts later answers into the list, until the last one, the end of the time, or the list takes no more.
async fn pour<A, E>(mut answers: Pin<Box<A>>, mut basin: Basin, left: Duration)
where
    A: Stream<Item = Result<Answer, E>>,
    E: Into<ConnectError>,
{
    let ctx = basin.ctx.clone();
    let poured = timeout(&ctx, Phase::Resolve, left, async {
        while !basin.feed.is_full()
            && let Some(answer) = next(&mut answers).await
        {
            let answer = answer.map_err(Into::into)?;
            basin.take(answer.endpoints);
            if answer.last {
                break;
            }
        }
        Ok(())
    });
    if let Err(error) = poured.await.unwrap_or_else(|timed_out| Err(ConnectError::from(timed_out))) {
        basin.feed.fail(error);
    }
}
