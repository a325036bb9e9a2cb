use crate::{policy::Policy, retry_state::RetryState};
use http::{Request, Response};
use pin_project::pin_project;
use skybridge_core::{Error, Failed, FollowUp, Rare};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// The future of [`Retry`](crate::Retry): a request, perhaps on its second try.
///
/// ```text
/// Calling ─ok──▶ the response, unless it asks for the request again: then decide
///    ▲ └──failed─▶ decide ─▶ the error, with all earlier ones, or the response
///    │               └─again─▶ Waiting
///    └─────── paused and ready ───┘
/// ```
#[pin_project]
pub struct Retrying<S: Service<Request<B>>, B> {
    /// The service that was ready. A clone of it has replaced it in [`Retry`](crate::Retry).
    service: S,
    policy: Arc<Policy>,
    retry_state: Rare<RetryState<B>>,
    #[pin]
    state: State<S::Future>,
}

#[pin_project(project = StateProj)]
enum State<F> {
    Calling(#[pin] F),
    Waiting,
}

impl<S, B> Retrying<S, B>
where
    S: Service<Request<B>, Error: Into<Failed<Request<B>>>>,
{
    /// The future of the current try; `None` between two tries.
    pub fn current(&self) -> Option<&S::Future> {
        match &self.state {
            State::Calling(future) => Some(future),
            State::Waiting => None,
        }
    }

    /// Adds the errors of earlier tries to an error from above that ends the request, such as a timeout.
    pub fn give_up(self: Pin<&mut Self>, error: Error) -> Error {
        match &mut **self.project().retry_state {
            Some(retry_state) => retry_state.finish(error),
            None => error,
        }
    }

    #[inline]
    pub(crate) fn new(mut ready: S, policy: Arc<Policy>, request: Request<B>) -> Self {
        // Not `&request`: what has its address given away is copied once more for each later name it has.
        let retry_state = Rare::from(request.extensions().get().and_then(RetryState::from_options));
        let _asked = policy.ask();
        // In place: a call is large, and each name it is given is a copy.
        Self { retry_state, state: State::Calling(ready.call(request)), service: ready, policy }
    }
}

impl<S, B, T> Future for Retrying<S, B>
where
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>>,
    B: 'static,
{
    type Output = Result<Response<T>, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let polled = match this.state.as_mut().project() {
                StateProj::Calling(future) => {
                    // No longer than this: a response is large, and is moved once less if nothing is between its
                    // arrival and its return.
                    let _asked = this.policy.ask();
                    future.poll(cx)
                }
                StateProj::Waiting => {
                    let _asked = this.policy.ask();
                    let request = ready!(poll_again(this.retry_state, this.service, cx))?;
                    this.state.set(State::Calling(this.service.call(request)));
                    continue;
                }
            };
            match polled {
                Poll::Ready(Ok(response)) if !FollowUp::may_follow(response.status()) => {
                    return Poll::Ready(Ok(response));
                }
                Poll::Ready(Ok(response)) => {
                    if let Some(response) = answered(this.retry_state, this.policy, response) {
                        return Poll::Ready(Ok(response));
                    }
                }
                Poll::Ready(Err(failed)) => fail(this.retry_state, this.policy, failed.into())?,
                Poll::Pending => return Poll::Pending,
            }
            // Drops the failed call and what it holds before the pause.
            this.state.set(State::Waiting);
        }
    }
}

/// The response, unless its request is sent again. Then it is dropped at once: its connection may be what the next try
/// is made on.
#[cold]
fn answered<B: 'static, T>(
    retry_state: &mut Option<Box<RetryState<B>>>,
    policy: &Policy,
    mut response: Response<T>,
) -> Option<Response<T>> {
    let Some((request, connection)) = FollowUp::take(&mut response) else { return Some(response) };
    let retry_state = retry_state.get_or_insert_with(|| Box::new(RetryState::new()));
    (!retry_state.follow_up(policy, &response, request, &connection)).then_some(response)
}

#[cold]
fn fail<B>(
    retry_state: &mut Option<Box<RetryState<B>>>,
    policy: &Policy,
    failed: Failed<Request<B>>,
) -> Result<(), Error> {
    retry_state.get_or_insert_with(|| Box::new(RetryState::new())).fail(policy, failed)
}

#[cold]
#[expect(clippy::expect_used, reason = "an invariant of the two states")]
fn poll_again<S, B>(
    retry_state: &mut Option<Box<RetryState<B>>>,
    service: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Result<Request<B>, Error>>
where
    S: Service<Request<B>, Error: Into<Failed<Request<B>>>>,
{
    let retry_state =
        retry_state.as_mut().expect("invariant: `Waiting` is entered through `fail`, which creates the state");
    ready!(retry_state.poll_pause(cx));
    if let Err(failed) = ready!(service.poll_ready(cx)) {
        return Poll::Ready(Err(retry_state.finish(failed.into().error)));
    }
    Poll::Ready(Ok(retry_state.request().expect("invariant: `fail` keeps the request of each call that is made again")))
}

impl<S: Service<Request<B>>, B> fmt::Debug for Retrying<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.state, State::Waiting);
        f.debug_struct("Retrying")
            .field("failed_before", &self.retry_state.is_some())
            .field("between_tries", &waiting)
            .finish_non_exhaustive()
    }
}
