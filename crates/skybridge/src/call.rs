use crate::{
    Body, RequestBody,
    call_limit::CallLimit,
    stack::{ClientStack, HttpPool, IntoBody, Sending, Stack, timed_out_error},
};
use http::{Request, Response};
use pin_project::pin_project;
use skybridge_core::{
    CallId, Delivery, Error, Event, EventKind, Ids, Observe, Phase, RequestOptions, Runtime, TimedOut, Timeouts,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

/// A call of a [`Client`](crate::Client): all that becomes of one request. Nothing is sent until it is polled, though
/// its time limit, if it has one, runs from when it was made; dropped, it is cancelled.
#[pin_project]
#[must_use = "nothing is sent until it is polled"]
pub struct Call<S: ClientStack = Stack> {
    #[pin]
    state: State<S::Future>,
    extras: Option<Box<Extras>>,
}

#[pin_project(project = StateProj)]
enum State<F> {
    Sending(#[pin] F),
    /// There was nothing to send, or it is over.
    Over(Option<Error>),
}

/// What only some calls have.
#[derive(Default)]
struct Extras {
    limit: Option<Box<CallLimit>>,
    told: Option<Told>,
}

/// Tells that a call began, and once that it ended, failed, or was given up.
struct Told {
    observer: Arc<dyn Observe>,
    runtime: Arc<dyn Runtime>,
    call: CallId,
    start: Instant,
    over: bool,
}

/// What a client does for its calls besides sending them.
pub(crate) struct Care {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) ids: Ids,
    /// For what a client says of its pool, whatever is above that.
    pub(crate) pool: HttpPool,
}

// === impl Call ===

impl<S: ClientStack> Call<S> {
    #[inline]
    pub(crate) fn new(stack: &mut S, care: &Care, mut request: Request<RequestBody>) -> Self {
        let extras =
            if care.is_needed() || !request.extensions().is_empty() { care.extras(&mut request) } else { None };
        Self { state: State::Sending(stack.call(request)), extras }
    }

    pub(crate) fn failed(error: impl Into<Error>) -> Self {
        Self { state: State::Over(Some(error.into())), extras: None }
    }
}

impl<S: ClientStack> Future for Call<S> {
    type Output = Result<Response<Body>, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let answered = match this.state.as_mut().project() {
            StateProj::Sending(sending) => sending.poll(cx),
            StateProj::Over(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        };
        let Some(extras) = this.extras else {
            return answered.map_ok(|response| response.map(IntoBody::into_body));
        };
        let answered = match answered {
            Poll::Ready(answered) => answered,
            Poll::Pending => Err(give_up(this.state.as_mut(), ready!(extras.poll_limit(cx)))),
        };
        if let Some(mut told) = extras.told.take() {
            told.end(answered.as_ref().err());
        }
        // Whatever is still under way ends with the call, not with its future.
        this.state.set(State::Over(None));
        let limit = extras.limit.take();
        Poll::Ready(answered.map(|response| response.map(|body| body.into_body().limited(limit))))
    }
}

/// The error of a time limit: with what was tried before, and with how far the request has got.
#[cold]
fn give_up<F: Sending>(state: Pin<&mut State<F>>, timed_out: TimedOut) -> Error {
    match state.project() {
        StateProj::Sending(sending) => sending.give_up(timed_out),
        StateProj::Over(_) => timed_out_error(Delivery::Unknown, timed_out),
    }
}

impl<S: ClientStack> fmt::Debug for Call<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Sending(_) => "Sending",
            State::Over(Some(_)) => "Failed",
            State::Over(None) => "Over",
        };
        f.debug_struct("Call").field("state", &state).finish_non_exhaustive()
    }
}

// === impl Extras ===

impl Extras {
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<TimedOut> {
        match &mut self.limit {
            Some(limit) => limit.poll_over(cx),
            None => Poll::Pending,
        }
    }
}

// === impl Told ===

impl Told {
    fn begin(observer: Arc<dyn Observe>, runtime: &Arc<dyn Runtime>, call: CallId) -> Self {
        let told = Self { observer, runtime: Arc::clone(runtime), call, start: runtime.now(), over: false };
        told.tell(EventKind::CallStarted);
        told
    }

    fn end(&mut self, error: Option<&Error>) {
        self.over = true;
        self.tell(EventKind::CallEnded(error));
    }

    fn tell(&self, kind: EventKind<'_>) {
        self.observer.observe(&Event::new(self.runtime.now(), Some(self.call), None, None, kind));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !self.over {
            let elapsed = self.runtime.now().saturating_duration_since(self.start);
            self.tell(EventKind::PhaseDropped(Phase::Call, elapsed));
        }
    }
}

// === impl Care ===

impl Care {
    /// Whether every call needs it, or only those that wish.
    fn is_needed(&self) -> bool {
        self.observer.is_some() || self.timeouts.call.is_some()
    }

    fn extras(&self, request: &mut Request<RequestBody>) -> Option<Box<Extras>> {
        let options = request.extensions().get::<RequestOptions>();
        let limit = options.and_then(|options| options.timeouts.call).or(self.timeouts.call);
        let observer = options.and_then(|options| options.observer.as_ref()).or(self.observer.as_ref()).cloned();
        if limit.is_none() && observer.is_none() {
            return None;
        }
        let limit = limit.and_then(|limit| CallLimit::start(&self.runtime, limit));
        let told = observer.map(|observer| {
            let options = request.extensions_mut().get_or_insert_default::<RequestOptions>();
            let call = options.call_id.unwrap_or_else(|| self.ids.next_call());
            // So that every layer, and every further try, tells of the same call.
            *options = std::mem::take(options).call(call);
            Told::begin(observer, &self.runtime, call)
        });
        Some(Box::new(Extras { limit, told }))
    }
}
