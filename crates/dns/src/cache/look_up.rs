use super::{
    entries::CacheKey,
    found,
    progress::Progress,
    store::{Outcome, Store, is_negative},
};
use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Phase, Query, Resolver, timeout};
use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

/// How long a lookup may find nothing before addresses of an earlier one are used: the "client response timer" of RFC
/// 8767, section 5.
const STALE_AFTER: Duration = Duration::from_millis(1800);
/// Asks the resolver, tells `progress` what it answers, and keeps that. After the last answer it doesn't wait any more,
/// as nobody need be left then who polls it.
pub(super) async fn look_up<R: Resolver>(resolver: R, query: Query, store: Arc<Store>, progress: Arc<Progress>) {
    let (key, ctx) = (CacheKey::of(&query), query.ctx.clone());
    let begun = ctx.runtime().now();
    let limit = if store.has_stale(&key, begun) { STALE_AFTER } else { Duration::MAX };
    let mut outcome = Outcome::default();
    let asked = timeout(&ctx, Phase::Resolve, limit, ask(resolver, query, &progress, &mut outcome)).await;
    let ended = match asked.unwrap_or_else(|timed_out| Err(timed_out.into())) {
        Ok(Some(mut answers)) => read(&mut answers, &progress, &mut outcome, |_| false).await.map(drop),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    outcome.error = ended.err();
    let failed = outcome.is_empty() && outcome.error.as_ref().is_some_and(|error| !is_negative(error));
    let stale = if failed { store.use_stale(&key, ctx.runtime().now()) } else { None };
    if let Some(found) = stale {
        for mut answer in found::answers(&found) {
            answer.ttl = Some(Duration::ZERO);
            progress.push(answer);
        }
        progress.finish(Ok(()));
        return;
    }
    // Before the others know: whoever asks once they do finds it.
    store.keep(&key, begun, &outcome);
    progress.finish(outcome.error.map_or(Ok(()), Err));
}

type Answers<R> = Pin<Box<<R as Resolver>::Answers>>;

/// Up to the first addresses: what is left of the answers, if there may be more.
async fn ask<R: Resolver>(
    mut resolver: R,
    query: Query,
    progress: &Progress,
    outcome: &mut Outcome,
) -> Result<Option<Answers<R>>, ConnectError> {
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(Into::into)?;
    let mut answers = Box::pin(resolver.resolve(query).await.map_err(Into::into)?);
    let more = read(&mut answers, progress, outcome, |outcome| !outcome.is_empty()).await?;
    Ok(more.then_some(answers))
}

/// Reads answers until there is enough: whether there may be more.
async fn read<A, E>(
    answers: &mut Pin<Box<A>>,
    progress: &Progress,
    outcome: &mut Outcome,
    is_enough: fn(&Outcome) -> bool,
) -> Result<bool, ConnectError>
where
    A: Stream<Item = Result<Answer, E>>,
    E: Into<ConnectError>,
{
    loop {
        let Some(answer) = poll_fn(|cx| answers.as_mut().poll_next(cx)).await.transpose().map_err(Into::into)? else {
            return Ok(false);
        };
        let last = answer.last;
        if let Some(answer) = outcome.take(answer) {
            progress.push(answer);
        }
        if last || outcome.is_full() {
            return Ok(false);
        }
        if is_enough(outcome) {
            return Ok(true);
        }
    }
}
