use crate::{NoEndpoints, TooManyEndpoints};
use futures_core::Stream;
use skybridge_core::{
    Answer, ConnectError, Ctx, Endpoint, Families, Phase, Query, Resolver, Runtime, TimedOut, sync::Mutex,
};
use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// How long a lookup may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The name whose addresses are balanced.
pub(crate) struct Name<R> {
    pub(crate) resolver: R,
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) families: Families,
    /// When to look up again if the resolver doesn't say, and the longest pause after lookups that failed.
    pub(crate) refresh: Duration,
    pub(crate) most: usize,
}

/// What was found, and for how long it holds if that is known.
#[derive(Clone, Default)]
pub(crate) struct Found {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) ttl: Option<Duration>,
}

/// How far a lookup has got.
pub(crate) enum Progress {
    /// There are addresses, and there may be more.
    Some(Vec<Endpoint>),
    /// It ended then, with all there are, or with why it has no others.
    Over(Instant, Found, Result<(), ConnectError>),
}

/// A lookup in a task of its own: it goes on when no request is there to wait for it, and ends when this is dropped.
pub(crate) struct Lookup(Arc<Shared>);

/// What the task and those who wait have in common.
struct Shared {
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    found: Found,
    /// How many of them are known to those who wait.
    told: usize,
    over: Option<(Instant, Result<(), ConnectError>)>,
    /// Nobody wants it any more.
    dropped: bool,
    waiting: Option<Waker>,
    task: Option<Waker>,
}

/// Says that the task is gone, however it went.
struct Ends(Arc<Shared>);

impl<R: Resolver> Name<R> {
    /// All its addresses.
    pub(crate) fn look_up(&self, runtime: &Arc<dyn Runtime>) -> Lookup {
        let shared = Arc::new(Shared { runtime: Arc::clone(runtime), state: Mutex::default() });
        let mut query = Query::new(Arc::clone(&self.host), self.port, Ctx::new(Arc::clone(runtime)));
        query.families = self.families;
        let (resolver, most, ends) = (self.resolver.clone(), self.most, Ends(Arc::clone(&shared)));
        runtime.spawn(Box::pin(async move {
            let runtime = &ends.0.runtime;
            let mut limit = runtime.sleep_until(runtime.now() + LIMIT);
            let mut looking = pin!(all_of(resolver, query, most, &ends.0));
            let looked_up = poll_fn(|cx: &mut Context<'_>| {
                if ends.0.is_dropped(cx) {
                    return Poll::Ready(None);
                }
                if let Poll::Ready(looked_up) = looking.as_mut().poll(cx) {
                    return Poll::Ready(Some(looked_up));
                }
                let over = TimedOut { phase: Phase::Resolve, limit: LIMIT };
                limit.as_mut().poll(cx).map(|()| Some(Err(ConnectError::new(Phase::Resolve, over))))
            });
            if let Some(looked_up) = looked_up.await {
                ends.0.end(looked_up);
            }
        }));
        Lookup(shared)
    }
}

async fn all_of<R: Resolver>(mut resolver: R, query: Query, most: usize, to: &Shared) -> Result<(), ConnectError> {
    let of_resolving = |error: ConnectError| error.in_phase(Phase::Resolve);
    let host = Arc::clone(&query.host);
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(|error| of_resolving(error.into()))?;
    let mut answers = pin!(resolver.resolve(query).await.map_err(|error| of_resolving(error.into()))?);
    while let Some(answer) = poll_fn(|cx| answers.as_mut().poll_next(cx)).await {
        let answer = answer.map_err(|error| of_resolving(error.into()))?;
        let last = answer.last;
        if !answer.early && !to.add(answer, most) {
            return Err(ConnectError::new(Phase::Resolve, TooManyEndpoints { host, most }));
        }
        if last {
            break;
        }
    }
    if to.has_none() {
        return Err(ConnectError::new(Phase::Resolve, NoEndpoints { host }));
    }
    Ok(())
}

// === impl Shared ===

impl Shared {
    /// False when they are too many.
    fn add(&self, answer: Answer, most: usize) -> bool {
        let mut state = self.state.lock();
        let found = &mut state.found;
        found.ttl = found.ttl.into_iter().chain(answer.ttl).min();
        for endpoint in answer.endpoints {
            if found.endpoints.contains(&endpoint) {
                continue;
            }
            if found.endpoints.len() >= most {
                return false;
            }
            found.endpoints.push(endpoint);
        }
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        true
    }

    fn has_none(&self) -> bool {
        self.state.lock().found.endpoints.is_empty()
    }

    fn is_dropped(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        state.task = Some(cx.waker().clone());
        state.dropped
    }

    fn end(&self, looked_up: Result<(), ConnectError>) {
        let now = self.runtime.now();
        let mut state = self.state.lock();
        state.over.get_or_insert((now, looked_up));
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        // After all has been said that there is to say, this isn't heard.
        let error = io::Error::new(io::ErrorKind::Interrupted, "the lookup was given up");
        self.0.end(Err(ConnectError::new(Phase::Resolve, error)));
    }
}

// === impl Lookup ===

impl Lookup {
    /// Ready when there is more than there was.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Progress> {
        let mut state = self.0.state.lock();
        if let Some((at, looked_up)) = state.over.take() {
            return Poll::Ready(Progress::Over(at, std::mem::take(&mut state.found), looked_up));
        }
        state.waiting = Some(cx.waker().clone());
        let found = state.found.endpoints.len();
        if found > std::mem::replace(&mut state.told, found) {
            return Poll::Ready(Progress::Some(state.found.endpoints.clone()));
        }
        Poll::Pending
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.dropped = true;
        let task = state.task.take();
        drop(state);
        task.into_iter().for_each(Waker::wake);
    }
}
