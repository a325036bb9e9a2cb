use crate::{
    NotBalanced,
    balanced_endpoint::{Chosen, Sent},
    discovery::Discovery,
    fan::{Fan, Place},
    health::{Health, is_of_the_server},
    until_end::{CountedBody, UntilEnd},
};
use futures_util::future::MapErr;
use http::{Request, Response};
use http_body::Body;
use pin_project::pin_project;
use skybridge_core::{
    BoxError, Cause, Delivery, Endpoint, Error, Failed, Origin, OriginRef, Phase, RequestOptions, Resolver, sync::Mutex,
};
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
};
use tower::{
    Service,
    balance::p2c::Balance,
    load::{completion::TrackCompletionFuture, pending_requests::Handle},
};

/// How many servers are tried for a request while none can be connected to.
const TRIES: usize = 5;

/// A request to the server that was chosen; `F` is that of the service below.
type ToServer<F, B> = MapErr<TrackCompletionFuture<Sent<F, B>, UntilEnd, Handle>, fn(Failed<Request<B>>) -> BoxError>;

/// A server that could not be connected to, and why.
type Try = (Endpoint, Error);

/// Requests spread over servers: what [`BalanceLayer`](crate::BalanceLayer) makes. Clones share the servers.
pub struct Balanced<S, B>
where
    S: Service<Request<B>>,
{
    origin: Arc<Origin>,
    balancer: Arc<dyn Balancer<S::Future, B>>,
    /// Where it waits for the first server.
    place: Option<Place>,
}

/// A balancer, whatever its servers are found by.
trait Balancer<F, B>: Send + Sync {
    /// Ready when there is a server.
    fn poll_ready(&self, place: &mut Option<Place>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>;

    /// Gives the request to a server, once there is one: not to one of those that it was `tried` at, if another works.
    fn poll_call(
        &self,
        request: &mut Option<Request<B>>,
        tried: &[Try],
        place: &mut Option<Place>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ToServer<F, B>, BoxError>>;

    fn health(&self) -> &Health;
}

/// The one that asks a resolver.
struct OfDiscovery<R, S, B>
where
    R: Resolver,
    S: Clone,
{
    balance: Mutex<Balance<Discovery<R, S>, Request<B>>>,
    health: Arc<Health>,
    fan: Arc<Fan>,
}

/// A request on its way to one of the servers.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct Balancing<F, B> {
    balancer: Arc<dyn Balancer<F, B>>,
    /// Those of the servers that could not be connected to.
    earlier: Vec<Try>,
    #[pin]
    state: State<F, B>,
}

#[pin_project(project = StateProj)]
#[allow(clippy::large_enum_variant, reason = "both are usual, and neither is boxed on purpose")]
enum State<F, B> {
    Refused(Option<Failed<Request<B>>>),
    Choosing(Option<Request<B>>, Option<Place>),
    Sending(#[pin] ToServer<F, B>),
}

// === impl OfDiscovery ===

impl<R, S, B, T> Balancer<S::Future, B> for OfDiscovery<R, S, B>
where
    R: Resolver,
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone + Send + 'static,
    T: Body,
    B: Send + 'static,
{
    fn poll_ready(&self, place: &mut Option<Place>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.poll_balance(&mut self.balance.lock(), place, cx)
    }

    fn poll_call(
        &self,
        request: &mut Option<Request<B>>,
        tried: &[Try],
        place: &mut Option<Place>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ToServer<S::Future, B>, BoxError>> {
        let mut balance = self.balance.lock();
        // One that comes back goes to another server, if there is one, though this one may have less to do.
        let before = request.as_ref().and_then(|request| request.extensions().get::<Chosen>());
        let mut missed = false;
        let mut is_ready = false;
        if let Some(Chosen(last)) = before {
            // The servers that are avoided are woken when they aren't any more. Where none is ready that would wake
            // this request at once, and so on without end.
            self.fan.quiet();
            is_ready = self.is_ready_without(&mut balance, last, tried, place, cx);
            missed = self.fan.heard();
        }
        if !is_ready {
            // Asks all that were woken meanwhile.
            ready!(self.poll_balance(&mut balance, place, cx))?;
        }
        let Some(request) = request.take() else { return Poll::Pending };
        let called = balance.call(request);
        drop(balance);
        if missed {
            // There may be a server for another one too.
            Wake::wake_by_ref(&self.fan);
        }
        Poll::Ready(Ok(called))
    }

    fn health(&self) -> &Health {
        &self.health
    }
}

impl<R, S, B, T> OfDiscovery<R, S, B>
where
    R: Resolver,
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone + Send + 'static,
    T: Body,
    B: Send + 'static,
{
    /// Whether there is a server that the request has not been at; or, where there is none, another than the last.
    #[cold]
    fn is_ready_without(
        &self,
        balance: &mut Balance<Discovery<R, S>, Request<B>>,
        last: &Endpoint,
        tried: &[Try],
        place: &mut Option<Place>,
        cx: &mut Context<'_>,
    ) -> bool {
        let before = tried.iter().map(|(endpoint, _)| endpoint).filter(|endpoint| *endpoint != last);
        let all: Vec<_> = before.chain([last]).cloned().collect();
        let mut is_ready = |avoided| {
            self.health.avoid(avoided);
            let ready = self.poll_balance(balance, place, cx);
            self.health.avoid_none();
            matches!(ready, Poll::Ready(Ok(())))
        };
        let is_one = all.len() == 1;
        is_ready(all) || (!is_one && is_ready(vec![last.clone()]))
    }

    fn poll_balance(
        &self,
        balance: &mut Balance<Discovery<R, S>, Request<B>>,
        place: &mut Option<Place>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BoxError>> {
        let waker = Waker::from(Arc::clone(&self.fan));
        let mut fanned = Context::from_waker(&waker);
        if balance.poll_ready(&mut fanned)?.is_pending() {
            // Asked once more with a place to be woken at: what happened before it was there woke nobody.
            place.get_or_insert_with(|| self.fan.place()).wait(cx);
            ready!(balance.poll_ready(&mut fanned))?;
        }
        *place = None;
        Poll::Ready(Ok(()))
    }
}

// === impl Balanced ===

impl<S, B> Balanced<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new<R, T>(origin: Arc<Origin>, discovery: Discovery<R, S>, health: Arc<Health>) -> Self
    where
        R: Resolver,
        S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone + Send + 'static,
        T: Body,
        B: Send + 'static,
    {
        let balance = Mutex::new(Balance::new(discovery));
        let balancer = Arc::new(OfDiscovery { balance, health, fan: Arc::default() });
        Self { origin, balancer, place: None }
    }

    fn no_server(&self, error: BoxError) -> Error {
        Error::new(Delivery::Unsent, Phase::Acquire, error).to(&self.origin)
    }

    /// Why a request isn't one of those that are balanced.
    fn refusal(&self, request: &Request<B>) -> Option<Error> {
        let origin = match OriginRef::of(request.uri()) {
            Ok(origin) => origin,
            Err(error) => return Some(skybridge_core::RequestError::from(error).into()),
        };
        let refuse = |why| Some(Error::new(Delivery::Unsent, Phase::Acquire, why));
        if origin != self.origin.as_ref().as_ref() {
            return refuse(NotBalanced::OtherOrigin { balanced: self.origin.to_string().into() });
        }
        // A request that is sent again has that of its last server.
        let extensions = request.extensions();
        let options = extensions.get::<RequestOptions>().filter(|_| extensions.get::<Chosen>().is_none());
        options.and_then(|options| options.connect_options.dial.as_ref()).and_then(|_| refuse(NotBalanced::Dials))
    }
}

impl<S, B, T> Service<Request<B>> for Balanced<S, B>
where
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>>,
    T: Body,
    B: Send + 'static,
{
    type Response = Response<CountedBody<T>>;
    type Error = Failed<Request<B>>;
    type Future = Balancing<S::Future, B>;

    /// Ready when a server is known, or why none is. It reserves nothing: a request that finds no server any more waits
    /// in its own future.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let ready = ready!(self.balancer.poll_ready(&mut self.place, cx));
        Poll::Ready(ready.map_err(|error| Failed::lost(self.no_server(error))))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.place = None;
        let state = match self.refusal(&request) {
            Some(error) => State::Refused(Some(Failed::with(error.to(&self.origin), request))),
            None => State::Choosing(Some(request), None),
        };
        Balancing { balancer: Arc::clone(&self.balancer), earlier: Vec::new(), state }
    }
}

impl<S: Service<Request<B>>, B> Clone for Balanced<S, B> {
    fn clone(&self) -> Self {
        Self { origin: Arc::clone(&self.origin), balancer: Arc::clone(&self.balancer), place: None }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for Balanced<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.balancer.health().states();
        f.debug_struct("Balanced").field("origin", &self.origin).field("endpoints", &endpoints).finish()
    }
}

// === impl Balancing ===

impl<F, B, T, E> Future for Balancing<F, B>
where
    F: Future<Output = Result<Response<T>, E>>,
    E: Into<Failed<Request<B>>>,
    T: Body,
    B: Send + 'static,
{
    type Output = Result<Response<CountedBody<T>>, Failed<Request<B>>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Refused(failed) => return failed.take().map_or(Poll::Pending, |it| Poll::Ready(Err(it))),
                StateProj::Choosing(request, place) => {
                    match ready!(this.balancer.poll_call(request, this.earlier, place, cx)) {
                        Ok(sending) => this.state.set(State::Sending(sending)),
                        Err(error) => {
                            let request = request.take().map(Box::new);
                            let error = Error::new(Delivery::Unsent, Phase::Acquire, error);
                            this.state.set(State::Refused(None));
                            return Poll::Ready(Err(Failed::new(error, request)));
                        }
                    }
                }
                StateProj::Sending(sending) => {
                    let failed = match ready!(sending.poll(cx)) {
                        Ok(response) => return Poll::Ready(Ok(response)),
                        Err(error) => Failed::<Request<B>>::from(error),
                    };
                    this.state.set(State::Refused(None));
                    let (error, request) = failed.into_parts();
                    let chosen = request.as_ref().and_then(|request| request.extensions().get::<Chosen>());
                    let Chosen(server) = match chosen {
                        // Another server is as good, and this one was not reached.
                        Some(chosen) if is_of_one_server(&error) && this.earlier.len() + 1 < TRIES => chosen.clone(),
                        _ => return Poll::Ready(Err(after(error, this.earlier, request))),
                    };
                    let tried = this.earlier.iter().map(|(endpoint, _)| endpoint);
                    let tried: Vec<_> = tried.chain([&server]).cloned().collect();
                    match request {
                        Some(request) if this.balancer.health().has_another(&tried) => {
                            this.earlier.push((server, error));
                            this.state.set(State::Choosing(Some(*request), None));
                        }
                        request => return Poll::Ready(Err(after(error, this.earlier, request))),
                    }
                }
            }
        }
    }
}

/// The last error, which knows of those before.
fn after<B>(error: Error, earlier: &mut Vec<Try>, request: Option<Box<Request<B>>>) -> Failed<Request<B>> {
    let earlier = mem::take(earlier).into_iter().map(|(_, error)| error).collect();
    Failed::new(error.after(earlier), request)
}

/// Whether it could not be connected to, and another may: what no other route would help against, as a failed pin, is
/// not asked of another server either.
fn is_of_one_server(error: &Error) -> bool {
    error.is_connect()
        && is_of_the_server(error)
        && matches!(error.cause(), Cause::Connect(connect) if !connect.is_fatal())
}

impl<F, B> fmt::Debug for Balancing<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Refused(_) => "Over",
            State::Choosing(..) => "Choosing",
            State::Sending(_) => "Sending",
        };
        f.debug_struct("Balancing").field("state", &state).finish_non_exhaustive()
    }
}
