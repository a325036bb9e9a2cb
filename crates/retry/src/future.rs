use crate::{past::Past, policy::Policy};
use http::Request;
use pin_project::pin_project;
use skybridge_core::{Error, Failed};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// A request on its way, perhaps for the second time.
///
/// ```text
/// Calling ─ok──▶ the response
///    ▲ └──failed─▶ judged ─▶ the error, with all earlier ones
///    │               └─again─▶ Between
///    └─────── paused and ready ───┘
/// ```
#[pin_project]
pub struct Retrying<S: Service<Request<B>>, B> {
    /// The one that was ready; its clone stayed behind.
    service: S,
    policy: Arc<Policy>,
    past: Option<Box<Past<B>>>,
    #[pin]
    state: State<S::Future>,
}

#[pin_project(project = StateProj)]
enum State<F> {
    Calling(#[pin] F),
    Between,
}

impl<S, B> Retrying<S, B>
where
    S: Service<Request<B>, Error: Into<Failed<Request<B>>>>,
{
    /// The try that is under way; `None` between two.
    pub fn current(&self) -> Option<&S::Future> {
        match &self.state {
            State::Calling(future) => Some(future),
            State::Between => None,
        }
    }

    /// The error of somebody else who ends this request, such as a time limit above, with all that was tried before it.
    pub fn give_up(self: Pin<&mut Self>, error: Error) -> Error {
        match self.project().past {
            Some(past) => past.end(error),
            None => error,
        }
    }

    #[inline]
    pub(crate) fn new(mut ready: S, policy: Arc<Policy>, request: Request<B>) -> Self {
        let past = if request.extensions().is_empty() { None } else { Past::wished(&request) };
        let future = policy.ask(|| ready.call(request));
        Self { service: ready, policy, past, state: State::Calling(future) }
    }
}

impl<S, B> Future for Retrying<S, B>
where
    S: Service<Request<B>, Error: Into<Failed<Request<B>>>>,
{
    type Output = Result<S::Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Calling(future) => match ready!(this.policy.ask(|| future.poll(cx))) {
                    Ok(response) => return Poll::Ready(Ok(response)),
                    Err(failed) => fail(this.past, this.policy, failed.into())?,
                },
                StateProj::Between => {
                    let request = ready!(poll_again(this.past, this.service, cx))?;
                    let future = this.policy.ask(|| this.service.call(request));
                    this.state.set(State::Calling(future));
                    continue;
                }
            }
            // Drops the failed call, and with it what it held, before the pause and not after it.
            this.state.set(State::Between);
        }
    }
}

#[cold]
fn fail<B>(past: &mut Option<Box<Past<B>>>, policy: &Policy, failed: Failed<Request<B>>) -> Result<(), Error> {
    past.get_or_insert_with(|| Box::new(Past::new())).fail(policy, failed)
}

#[cold]
#[expect(clippy::expect_used, reason = "an invariant of the two states")]
fn poll_again<S, B>(
    past: &mut Option<Box<Past<B>>>,
    service: &mut S,
    cx: &mut Context<'_>,
) -> Poll<Result<Request<B>, Error>>
where
    S: Service<Request<B>, Error: Into<Failed<Request<B>>>>,
{
    let past = past.as_mut().expect("invariant: `Between` is entered through `fail`, which makes a past");
    ready!(past.poll_pause(cx));
    if let Err(failed) = ready!(service.poll_ready(cx)) {
        return Poll::Ready(Err(past.end(failed.into().error)));
    }
    Poll::Ready(Ok(past.request().expect("invariant: `fail` keeps the request of each call that is made again")))
}

impl<S: Service<Request<B>>, B> fmt::Debug for Retrying<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.state, State::Between);
        f.debug_struct("Retrying")
            .field("failed_before", &self.past.is_some())
            .field("between_tries", &waiting)
            .finish_non_exhaustive()
    }
}
