use crate::{Head, policy::Counts, policy::Policy};
use http::{Request, Response};
use skybridge_core::{
    CallId, Cause, ConnInfo, Delivery, Error, Event, EventKind, Failed, Observe, Phase, RequestOptions, Runtime, Sleep,
    notify,
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// The history of a request. Created when it first fails, so that others carry only an empty pointer.
pub(crate) struct RetryState<B> {
    earlier: Vec<Error>,
    counts: Counts,
    request: Option<Box<Request<B>>>,
    pause: Option<Pin<Box<dyn Sleep>>>,
    observer: Option<Arc<dyn Observe>>,
    call: Option<CallId>,
}

impl<B> RetryState<B> {
    pub(crate) fn new() -> Self {
        Self { earlier: Vec::new(), counts: Counts::default(), request: None, pause: None, observer: None, call: None }
    }

    /// Saves observer and call id before the request is passed on.
    #[cold]
    pub(crate) fn from_options(options: &RequestOptions) -> Option<Box<Self>> {
        let (observer, call) = (options.observer.clone(), options.call_id);
        (observer.is_some() || call.is_some()).then(|| Box::new(Self { observer, call, ..Self::new() }))
    }

    /// Decides about a failure: keeps the request for another try, or returns the final error.
    pub(crate) fn fail(&mut self, policy: &Policy, failed: Failed<Request<B>>) -> Result<(), Error> {
        let (error, request) = failed.into_parts();
        // Without a clock there is neither age nor pause, so there is no other try.
        let Some(runtime) = policy.runtime(error.connection()) else { return Err(self.finish(error)) };
        let now = runtime.now();
        let head = request.as_deref().map(Head::of);
        let decision = policy.decide(&mut self.counts, &self.earlier, &error, head, now);
        self.notify_observer(policy, now, decision.is_some(), &error);
        let Some(pause) = decision else { return Err(self.finish(error)) };
        self.earlier.push(error);
        self.request = request;
        self.pause = timer(pause, &*runtime, now);
        Ok(())
    }

    /// Decides about a response that may ask for its request again: keeps the request for another try if it does.
    pub(crate) fn follow_up<T>(
        &mut self,
        policy: &Policy,
        response: &Response<T>,
        request: Box<Request<B>>,
        connection: &Arc<ConnInfo>,
    ) -> bool {
        let Some(runtime) = policy.runtime(Some(connection)) else { return false };
        let (now, status) = (runtime.now(), response.status());
        let decision = policy.decide_answer(&mut self.counts, &self.earlier, status, response.headers(), now);
        let Some(pause) = decision else { return false };
        let error = Error::of(Delivery::Refused, Phase::Wait, Cause::Answered(status)).on(connection);
        self.notify_observer(policy, now, true, &error);
        self.earlier.push(error);
        self.request = Some(request);
        self.pause = timer(pause, &*runtime, now);
        true
    }

    /// The final error, with all earlier ones.
    pub(crate) fn finish(&mut self, error: Error) -> Error {
        let earlier = std::mem::take(&mut self.earlier);
        if earlier.is_empty() { error } else { error.after(earlier) }
    }

    pub(crate) fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// The request that came back, once per failure.
    pub(crate) fn request(&mut self) -> Option<Request<B>> {
        self.request.take().map(|request| *request)
    }

    fn notify_observer(&self, policy: &Policy, at: Instant, again: bool, error: &Error) {
        // Where no exchange failed there was nothing to decide.
        if error.connection().is_none() && !Policy::is_exchange(error) {
            return;
        }
        let Some(observer) = self.observer.as_ref().or(policy.observer.as_ref()) else { return };
        let delivery = self.earlier.iter().map(Error::delivery).fold(error.delivery(), Delivery::max);
        let kind = EventKind::RetryDecided { again, delivery, error };
        let connection = error.connection().and_then(|info| info.id);
        notify(&**observer, &Event::new(at, self.call, None, connection, kind));
    }
}

fn timer(pause: Duration, runtime: &dyn Runtime, now: Instant) -> Option<Pin<Box<dyn Sleep>>> {
    let deadline = now.checked_add(pause)?;
    if pause.is_zero() { None } else { Some(runtime.sleep_until(deadline)) }
}
