use crate::{
    Body, RequestBody,
    call_limit::CallLimit,
    seams::Built,
    stack::{ClientStack, IntoBody, Sending, Stack, timed_out_error},
};
use http::{Request, Response};
use pin_project::pin_project;
use skybridge_core::{
    CallId, Deadline, Delivery, Error, Event, EventKind, Ids, Observe, Phase, Rare, RedactedUri, RequestOptions,
    Runtime, TimedOut, Timeouts, notify,
};
use std::{
    fmt,
    future::Future,
    mem,
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
    scope: Rare<CallScope>,
}

#[pin_project(project = StateProj)]
enum State<F> {
    Sending(#[pin] F),
    /// There was nothing to send, or it is over.
    Over(Option<Error>),
}

/// What ends with a call, where it has such: its time limit, and whoever observes it. It goes from the call to the body
/// of its response.
#[derive(Default)]
pub(crate) struct CallScope {
    limit: Option<Box<CallLimit>>,
    events: Option<CallEvents>,
}

/// Reports that a call began, and once that it ended, failed, or was given up before its response's head came.
struct CallEvents {
    observer: Arc<dyn Observe>,
    runtime: Arc<dyn Runtime>,
    call: CallId,
    start: Instant,
    /// The response's head is here: whoever drops the body has what it wants.
    answered: bool,
    over: bool,
}

/// What a client does for its calls besides sending them.
pub(crate) struct CallDefaults<P = Built> {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) ids: Ids,
    /// For what a client says of its pool, whatever is above that.
    pub(crate) pool: P,
}

// === impl Call ===

impl<S: ClientStack> Call<S> {
    #[inline]
    pub(crate) fn new<P>(stack: &S, defaults: &CallDefaults<P>, mut request: Request<impl Into<RequestBody>>) -> Self {
        // One way down for all: of a call that is made in one of two places there is a copy for each name it has on
        // the way to where it is awaited.
        let scope = match defaults.is_needed() || !request.extensions().is_empty() {
            true => defaults.scope(&mut request).into(),
            false => Rare::none(),
        };
        Self { state: State::Sending(stack.send(request.map(Into::into))), scope }
    }

    pub(crate) fn failed(error: impl Into<Error>) -> Self {
        Self { state: State::Over(Some(error.into())), scope: Rare::none() }
    }
}

impl<S: ClientStack> Future for Call<S> {
    type Output = Result<Response<Body>, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.scope.is_some() {
            return poll_in_scope(this.state, this.scope, cx);
        }
        match this.state.project() {
            // Straight up: a response is large, and each name it is given is a copy.
            StateProj::Sending(sending) => match sending.poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response.map(IntoBody::into_body))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            },
            StateProj::Over(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        }
    }
}

/// A call with a time limit, or with somebody who observes it.
#[inline(never)]
fn poll_in_scope<F, B>(
    mut state: Pin<&mut State<F>>,
    scope: &mut Option<Box<CallScope>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<Body>, Error>>
where
    F: Sending + Future<Output = Result<Response<B>, Error>>,
    B: IntoBody,
{
    let Some(running) = scope.as_mut() else { return Poll::Pending };
    let answered = match state.as_mut().project() {
        StateProj::Sending(sending) => match &running.limit {
            Some(limit) => Deadline::during(limit.deadline(), || sending.poll(cx)),
            None => sending.poll(cx),
        },
        StateProj::Over(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
    };
    let answered = match answered {
        Poll::Ready(answered) => answered,
        Poll::Pending => {
            let timed_out = ready!(running.poll_limit(cx));
            let error = give_up(state.as_mut(), timed_out);
            timed_out.ends(|| state.set(State::Over(None)));
            Err(error)
        }
    };
    // Whatever is still under way ends with the call, not with its future.
    state.set(State::Over(None));
    Poll::Ready(match answered {
        Ok(response) => Ok(response.map(|body| body.into_body().within(scope.take()))),
        Err(error) => {
            if let Some(mut scope) = scope.take() {
                scope.end(Some(&error));
            }
            Err(error)
        }
    })
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

// === impl CallScope ===

impl CallScope {
    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<TimedOut> {
        match &mut self.limit {
            Some(limit) => limit.poll_over(cx),
            None => Poll::Pending,
        }
    }

    pub(crate) fn limit(&mut self) -> Option<&mut CallLimit> {
        self.limit.as_deref_mut()
    }

    /// The response's head is here.
    pub(crate) fn answered(&mut self) {
        if let Some(events) = &mut self.events {
            events.answered = true;
        }
    }

    /// All of the response is here, or the call has failed.
    pub(crate) fn end(&mut self, error: Option<&Error>) {
        if let Some(mut events) = self.events.take() {
            events.end(error);
        }
    }
}

// === impl CallEvents ===

impl CallEvents {
    fn begin<B>(observer: Arc<dyn Observe>, runtime: &Arc<dyn Runtime>, call: CallId, request: &Request<B>) -> Self {
        let events =
            Self { observer, runtime: Arc::clone(runtime), call, start: runtime.now(), answered: false, over: false };
        events.report(EventKind::CallStarted { method: request.method(), uri: RedactedUri(request.uri()) });
        events
    }

    fn end(&mut self, error: Option<&Error>) {
        self.over = true;
        self.report(EventKind::CallEnded(error));
    }

    fn report(&self, kind: EventKind<'_>) {
        notify(&*self.observer, &Event::new(self.runtime.now(), Some(self.call), None, None, kind));
    }
}

impl Drop for CallEvents {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if self.answered {
            self.report(EventKind::CallEnded(None));
        } else {
            let elapsed = self.runtime.now().saturating_duration_since(self.start);
            self.report(EventKind::PhaseDropped(Phase::Call, elapsed));
        }
    }
}

// === impl CallDefaults ===

impl<P> CallDefaults<P> {
    /// Whether every call needs it, or only those that wish.
    fn is_needed(&self) -> bool {
        self.observer.is_some() || self.timeouts.call.is_some()
    }

    /// Perhaps a request has a time limit, or an observer.
    #[cold]
    fn scope<B>(&self, request: &mut Request<B>) -> Option<Box<CallScope>> {
        let options = request.extensions().get::<RequestOptions>();
        let limit = options.and_then(|options| options.timeouts.call).or(self.timeouts.call);
        let limit = limit.into_iter().chain(options.and_then(|options| options.call_within)).min();
        let observer = options.and_then(|options| options.observer.as_ref()).or(self.observer.as_ref()).cloned();
        if limit.is_none() && observer.is_none() {
            return None;
        }
        let limit = limit.and_then(|limit| CallLimit::start(&self.runtime, limit));
        let events = observer.map(|observer| {
            let options = request.extensions_mut().get_or_insert_default::<RequestOptions>();
            let call = options.call_id.unwrap_or_else(|| self.ids.next_call());
            // So that every layer, and every further try, names the same call, and tells the same observer.
            *options = mem::take(options).call(call).observer(Arc::clone(&observer));
            CallEvents::begin(observer, &self.runtime, call, request)
        });
        Some(Box::new(CallScope { limit, events }))
    }
}
