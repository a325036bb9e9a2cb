use crate::{error::NoAddresses, route_history::RouteHistory, settings::Settings};
use futures_core::Stream;
use skybridge_core::{
    AddressSource, Advice, Answer, BoxFuture, ConnectError, Ctx, EchMode, Endpoint, Endpoints, EndpointsFeed,
    EventKind, Families, HttpVersions, Phase, Query, Resolver, Route, RouteFeedback, Span, TimedOut, phase_timeout,
    timeout,
};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

/// A name whose addresses are wanted.
pub(crate) struct Lookup {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) families: Families,
    /// Whether what the HTTPS record leads to is wanted too.
    pub(crate) https_record: bool,
}

/// The first addresses of a name, and the rest of the lookup.
pub(crate) struct Resolved {
    pub(crate) endpoints: Endpoints,
    pub(crate) span: Span,
    /// Adds later answers to `endpoints` while it is polled; `None` when the lookup is complete.
    pub(crate) rest: Option<BoxFuture<()>>,
}

/// Asks the resolver, and waits for the first addresses, up to `limit`. What it waits before it begins has a time limit
/// of its own.
pub(crate) async fn resolve<R: Resolver>(
    resolver: R,
    settings: &Settings,
    lookup: Lookup,
    route: &Route,
    history: &Arc<RouteHistory>,
    limit: Duration,
) -> Result<Resolved, ConnectError> {
    let ctx = route.ctx();
    let mut query = Query::new(Arc::clone(&lookup.host), lookup.port, ctx.clone());
    query.families = lookup.families;
    query.https_record = lookup.https_record;
    let wanted = Wanted(lookup.https_record.then_some(route.target.connect_options().http_versions));
    let (host, families) = (Arc::clone(&lookup.host), lookup.families);
    let guard = route.phase(Phase::Resolve);
    let mut begun = ctx.runtime().now();
    let asked = phase_timeout(ctx, Phase::Resolve, limit, ask::<R>(resolver, query, wanted)).await;
    let found = match flatten(asked) {
        Ok(First::Found(answer, answers)) => Ok((answer, answers)),
        Ok(First::Queued(answers)) => {
            // In a box of its own, so that no look-up that needn't wait is larger for it.
            Box::pin(begin::<R>(answers, settings.timeout, route, lookup.host, limit, wanted)).await.map(
                |(since, found)| {
                    begun = since;
                    found
                },
            )
        }
        Err(error) => Err(error),
    };
    let (answer, answers) = match found {
        Ok(found) => found,
        Err(error) => return Err(guard.fail(name_family(error, &host, families))),
    };
    tell_found(ctx, &host, &answer);
    let span = guard.done();
    let (mut feed, endpoints) = Endpoints::feed_up_to(settings.max_addresses);
    if !matches!(route.target.connect_options().ech, None | Some(EchMode::Off | EchMode::Grease)) {
        feed.hide_name();
    }
    let max = settings.max_addresses;
    let mut sink = AddressSink { feed, history: Arc::clone(history), ctx: ctx.clone(), host, max, wanted };
    sink.add(answer);
    let rest = match answers {
        Some(answers) => {
            let taken = span.end.saturating_duration_since(begun);
            let remaining = ctx.limit(Phase::Resolve, limit).saturating_sub(taken);
            let rest: BoxFuture<()> = Box::pin(add_rest(answers, sink, remaining));
            Some(rest)
        }
        None => {
            sink.feed.finish();
            None
        }
    };
    Ok(Resolved { endpoints, span, rest })
}

/// Says it when one family alone was asked for. Not every system tells a name without its addresses from no name.
#[cold]
fn name_family(error: ConnectError, host: &str, families: Families) -> ConnectError {
    let family = match families {
        Families::V4 => "IPv4",
        Families::V6 => "IPv6",
        // Both were: none is left to ask for.
        _ if error.advice() == Some(Advice::NoAddresses) => return error.advise(Advice::NoSuchName),
        _ => return error,
    };
    match error.advice() {
        Some(Advice::NoAddresses) => error.because(format_args!("`{host}` has no {family} address")),
        Some(Advice::NoSuchName) => {
            let why = format_args!("`{host}` was not found, or has no {family} address");
            error.because(why).advise(Advice::NoAddresses)
        }
        _ => error,
    }
}

/// The versions of HTTP that endpoints of HTTPS records must speak one of; `None` where no record was asked for.
#[derive(Clone, Copy)]
struct Wanted(Option<HttpVersions>);

impl Wanted {
    /// Not endpoints of a record that nobody asked for: they may be of another port.
    fn takes(self, answer: &Answer) -> bool {
        answer.service.as_ref().is_none_or(|service| self.0.is_some_and(|versions| service.speaks(versions)))
    }
}

/// The first answer with addresses, and the stream of further answers unless it was the last.
type Found<R> = (Answer, Option<Pin<Box<<R as Resolver>::Answers>>>);

/// What a resolver says first.
enum First<R: Resolver> {
    Found(Answer, Option<Pin<Box<R::Answers>>>),
    /// It has not begun.
    Queued(Pin<Box<R::Answers>>),
}

fn flatten<T>(result: Result<Result<T, ConnectError>, TimedOut>) -> Result<T, ConnectError> {
    result.unwrap_or_else(|timed_out| Err(timed_out.into()))
}

async fn ask<R: Resolver>(mut resolver: R, query: Query, wanted: Wanted) -> Result<First<R>, ConnectError> {
    let host = Arc::clone(&query.host);
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(Into::into)?;
    let mut answers = Box::pin(resolver.resolve(query).await.map_err(Into::into)?);
    let answer = next(&mut answers).await.transpose().map_err(Into::into)?;
    if answer.as_ref().is_some_and(|answer| answer.queued) {
        return Ok(First::Queued(answers));
    }
    first::<R>(answer, answers, host, wanted).await.map(|(answer, answers)| First::Found(answer, answers))
}

/// Waits until the resolver has begun, and then for the first addresses: since when, and what was found.
async fn begin<R: Resolver>(
    mut answers: Pin<Box<R::Answers>>,
    queue_limit: Duration,
    route: &Route,
    host: Arc<str>,
    limit: Duration,
    wanted: Wanted,
) -> Result<(Instant, Found<R>), ConnectError> {
    let ctx = route.ctx();
    let guard = route.phase(Phase::LookupQueue);
    let begun = phase_timeout(ctx, Phase::LookupQueue, queue_limit, next(&mut answers)).await;
    let answer = match begun.map(|answer| answer.transpose().map_err(Into::into)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(guard.fail(error)),
        Err(timed_out) => return Err(guard.fail(timed_out)),
    };
    let _ = guard.done();
    let since = ctx.runtime().now();
    let first = first::<R>(answer, answers, host, wanted);
    let found = flatten(phase_timeout(ctx, Phase::Resolve, limit, first).await)?;
    Ok((since, found))
}

/// The first answer that has addresses, from this one on.
async fn first<R: Resolver>(
    mut answer: Option<Answer>,
    mut answers: Pin<Box<R::Answers>>,
    host: Arc<str>,
    wanted: Wanted,
) -> Result<Found<R>, ConnectError> {
    while let Some(found) = answer {
        if !found.endpoints.is_empty() && wanted.takes(&found) {
            let answers = (!found.last).then_some(answers);
            return Ok((found, answers));
        }
        if found.last {
            break;
        }
        answer = next(&mut answers).await.transpose().map_err(Into::into)?;
    }
    Err(NoAddresses { host }.into())
}

async fn next<A: Stream>(answers: &mut Pin<Box<A>>) -> Option<A::Item> {
    poll_fn(|cx| answers.as_mut().poll_next(cx)).await
}

/// Tells what a resolver has answered.
fn tell_found(ctx: &Ctx, host: &str, answer: &Answer) {
    if answer.endpoints.is_empty() {
        return;
    }
    let source = match answer {
        Answer { overridden: true, .. } => AddressSource::Overrides,
        Answer { early: true, .. } => AddressSource::Hints,
        _ => AddressSource::Resolver,
    };
    ctx.emit(None, None, EventKind::addresses_found(host, &answer.endpoints, source));
}

/// Takes the addresses of one lookup, up to the limit of each family.
struct AddressSink {
    feed: EndpointsFeed,
    history: Arc<RouteHistory>,
    ctx: Ctx,
    host: Arc<str>,
    max: usize,
    wanted: Wanted,
}

impl AddressSink {
    /// Adds those that failed recently last, so that they are the first to be left out.
    fn add(&mut self, mut answer: Answer) {
        answer.endpoints = self.history.sort_failed_last(answer.endpoints);
        self.tell_postponed(&answer.endpoints);
        let addresses = self.feed.extend_by(answer);
        if addresses > 0 {
            self.ctx.emit(None, None, EventKind::LeftOut { addresses, limit: self.max });
        }
    }

    /// Where all have failed, none comes after another for it.
    fn tell_postponed(&self, sorted: &[Endpoint]) {
        let failed = |endpoint: &Endpoint| self.history.recent_failure(endpoint);
        if sorted.first().is_none_or(|first| failed(first).is_some()) {
            return;
        }
        for endpoint in sorted {
            if let Some(failure) = failed(endpoint) {
                self.ctx.emit(None, None, EventKind::Postponed(endpoint, &failure));
            }
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
        while !sink.feed.is_full() {
            let Some(answer) = next(&mut answers).await.transpose().map_err(Into::into)? else { return Ok(true) };
            let last = answer.last;
            if sink.wanted.takes(&answer) {
                tell_found(&sink.ctx, &sink.host, &answer);
                sink.add(answer);
            }
            if last {
                return Ok(true);
            }
        }
        Ok(false)
    });
    match added.await.unwrap_or_else(|timed_out| Err(ConnectError::from(timed_out))) {
        Ok(true) => sink.feed.finish(),
        // It is full, and there may be more.
        Ok(false) => {}
        Err(error) => sink.feed.fail(error),
    }
}
