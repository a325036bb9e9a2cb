use crate::health::Health;
use http::{Request, Response};
use pin_project::pin_project;
use skybridge_core::{ConnectError, Dial, Endpoint, Error, Failed, Origin, RequestOptions, Sleep};
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Service;

/// In the extensions of a request: the server that was chosen for this try.
#[derive(Clone)]
pub(crate) struct Chosen(pub(crate) Endpoint);

/// Sends requests to one server. It is ready while that server works.
pub(crate) struct BalancedEndpoint<S> {
    /// What `inner` is made of, once more where that has failed.
    below: S,
    inner: S,
    to: Result<(Endpoint, Dial), (Arc<Origin>, ConnectError)>,
    health: Arc<Health>,
    sleep: Option<Pin<Box<dyn Sleep>>>,
    /// `inner` was asked whether it is ready, and may have reserved, or be in line for, what others wait for too.
    reserves: bool,
    /// Why `inner` wasn't ready. The balancer would drop this server and never hear of it again.
    not_ready: Option<Error>,
}

/// A request to one server.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Sent<F, B> {
    #[pin]
    state: State<F, B>,
    health: Arc<Health>,
}

#[pin_project(project = StateProj)]
enum State<F, B> {
    Sent(#[pin] F, Endpoint),
    Failed(Option<Failed<Request<B>>>),
}

impl<S: Clone> BalancedEndpoint<S> {
    pub(crate) fn new(inner: S, endpoint: Endpoint, health: Arc<Health>) -> Self {
        let dial = Dial::from([endpoint.clone()]);
        Self {
            below: inner.clone(),
            inner,
            to: Ok((endpoint, dial)),
            health,
            sleep: None,
            reserves: false,
            not_ready: None,
        }
    }

    /// In place of servers where none is known.
    pub(crate) fn failing(inner: S, origin: Arc<Origin>, error: ConnectError, health: Arc<Health>) -> Self {
        Self {
            below: inner.clone(),
            inner,
            to: Err((origin, error)),
            health,
            sleep: None,
            reserves: false,
            not_ready: None,
        }
    }
}

impl<S, B, T> Service<Request<B>> for BalancedEndpoint<S>
where
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone,
{
    type Response = Response<T>;
    type Error = Failed<Request<B>>;
    type Future = Sent<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let Ok((endpoint, _)) = &self.to else { return Poll::Ready(Ok(())) };
        if self.health.poll_ready(endpoint, &mut self.sleep, cx).is_pending() {
            if mem::take(&mut self.reserves) {
                self.inner = self.below.clone();
            }
            return Poll::Pending;
        }
        // Asked anew each time: what it said before is old.
        self.reserves = true;
        self.not_ready = ready!(self.inner.poll_ready(cx)).err().map(|error| error.into().error);
        if self.not_ready.is_some() {
            self.inner = self.below.clone();
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let health = Arc::clone(&self.health);
        let failed = |error, request| State::Failed(Some(Failed::with(error, request)));
        let extensions = request.extensions_mut();
        let (endpoint, dial) = match &self.to {
            Ok((endpoint, dial)) => (endpoint.clone(), dial.clone()),
            Err((origin, error)) => {
                extensions.remove::<Chosen>();
                return Sent { state: failed(Error::from(error.clone()).to(origin), request), health };
            }
        };
        if let Some(error) = self.not_ready.take() {
            return Sent { state: failed(error, request), health };
        }
        extensions.insert(Chosen(endpoint.clone()));
        self.reserves = false;
        let options = extensions.get_or_insert_default::<RequestOptions>();
        let mut changed = mem::take(options);
        changed.connect_options.dial = Some(dial);
        *options = changed;
        Sent { state: State::Sent(self.inner.call(request), endpoint), health }
    }
}

impl<F, T, E, B> Future for Sent<F, B>
where
    F: Future<Output = Result<Response<T>, E>>,
    E: Into<Failed<Request<B>>>,
{
    type Output = Result<Response<T>, Failed<Request<B>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.state.project() {
            StateProj::Sent(sent, endpoint) => match ready!(sent.poll(cx)) {
                Ok(response) => {
                    this.health.answers(endpoint);
                    Poll::Ready(Ok(response))
                }
                Err(error) => {
                    let failed: Failed<Request<B>> = error.into();
                    this.health.failed(endpoint, &failed.error);
                    Poll::Ready(Err(failed))
                }
            },
            StateProj::Failed(failed) => failed.take().map_or(Poll::Pending, |failed| Poll::Ready(Err(failed))),
        }
    }
}

impl<S> fmt::Debug for BalancedEndpoint<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.to.as_ref().map(|(endpoint, _)| endpoint);
        f.debug_struct("BalancedEndpoint").field("to", &to).finish_non_exhaustive()
    }
}

impl<F, B> fmt::Debug for Sent<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").finish_non_exhaustive()
    }
}
