//! The requests that one URL takes: the first, and one for each redirect that is followed. Each is a call of its own to the client, so that
//! its events, its timeline and its line of the report tell of it alone.

use crate::{
    args::Seconds,
    call::{Asked, Broken, Job, Outcome, is_failure},
    layers::Counted,
    shared::Shared,
    sink::{self, Place, Sink, blocking},
    verbose,
};
use bytes::Bytes;
use http::{Method, Request, Response, header::LOCATION};
use http_body::Body as _;
use skybridge::types::sync::Mutex;
use skybridge::{
    Body, Cause, Delivery, Error, Phase, RequestBody, ResponseExt, Timeouts,
    types::{CallId, TimedOut},
};
use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Poll, ready},
    time::Duration,
};

pub(crate) struct Trip<'a> {
    shared: &'a Shared,
    place: Place,
    state: Mutex<State>,
}

struct State {
    /// Those that are over.
    past: Vec<Outcome>,
    now: Outcome,
    is_sent: bool,
    /// Its body can be sent once only.
    streams: bool,
    received: Arc<AtomicU64>,
    /// Opened for the first byte; away while it is written to.
    sink: Option<Sink>,
}

impl<'a> Trip<'a> {
    pub(crate) fn new(shared: &'a Shared, job: &Job) -> Self {
        let url = shared.secrets.url(&job.url);
        let now = Outcome::new(job.call, url, shared.method(), shared.witness.runtime.now());
        let state =
            State { past: Vec::new(), now, is_sent: false, streams: false, received: Arc::default(), sink: None };
        Self { shared, place: shared.place(job.place), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sends the next one.
    pub(crate) async fn send(&self, mut request: Request<RequestBody>) -> Result<Response<Counted>, Broken> {
        let call = self.begin(&request);
        let options = self.shared.options(request.uri()).map_err(Broken::Usage)?.call(call).timeouts(self.timeouts());
        request.extensions_mut().insert(options);
        if self.shared.args.request.verbose {
            self.shared.witness.expect(call, verbose::lines(&request, self.shared.secrets));
        }
        let response = self.shared.client.request(request).await.map_err(Broken::Stack)?;
        if let Some(head) = self.answered(&response) {
            self.write(head).await?;
        }
        let received = Arc::clone(&self.state().received);
        Ok(response.map(|body| Counted::new(body, received)))
    }

    fn begin(&self, request: &Request<RequestBody>) -> CallId {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_sent, true) {
            let shared = self.shared;
            let url = shared.secrets.url(&request.uri().to_string());
            let next = Outcome::new(shared.another_call(), url, request.method().clone(), shared.witness.runtime.now());
            state.turn(shared, next);
        }
        state.streams = !request.body().is_end_stream() && request.body().replay().is_none();
        state.now.call
    }

    /// `--max-time` is for all of them together.
    fn timeouts(&self) -> Timeouts {
        let mut timeouts = Timeouts::new();
        if let Some(most) = self.shared.args.request.max_time {
            let started = self.state().first().started;
            let spent = self.shared.witness.runtime.now().saturating_duration_since(started);
            timeouts.call = Some(most.limit().saturating_sub(spent));
        }
        timeouts
    }

    /// Notes the answer; the head to be written, if it is asked for.
    fn answered(&self, response: &Response<Body>) -> Option<Bytes> {
        let (request, secrets) = (&self.shared.args.request, self.shared.secrets);
        let version = {
            let mut state = self.state();
            state.now.status = Some(response.status());
            state.now.info = response.connection().cloned();
            state.now.http_version().unwrap_or_default()
        };
        if request.verbose {
            verbose::response(response, version, secrets);
        }
        let is_shown = request.include || request.head;
        let is_shown = is_shown && !(request.fail && is_failure(response.status()));
        is_shown.then(|| sink::head(response, version, secrets))
    }

    /// # Errors
    /// When the last answer is a redirect that could not be followed.
    pub(crate) fn followed<B>(&self, response: &Response<B>) -> Result<(), Broken> {
        let Some(location) = response.headers().get(LOCATION) else { return Ok(()) };
        let state = self.state();
        match response.status().as_u16() {
            301 | 302 if state.streams && state.now.method != Method::POST => Err(Broken::Rewind),
            307 | 308 if state.streams => Err(Broken::Rewind),
            301..=303 | 307 | 308 => Err(Broken::Location(self.shared.secrets.reference(location))),
            _ => Ok(()),
        }
    }

    /// Where this URL's answers go.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// To where this URL's answers go.
    pub(crate) async fn write(&self, bytes: Bytes) -> Result<(), Broken> {
        self.with_sink(move |sink| sink.write(&bytes)).await
    }

    /// Opens the sink if need be, and sees to it that everything has been written.
    pub(crate) async fn flush(&self) -> Result<(), Broken> {
        self.with_sink(Sink::flush).await
    }

    async fn with_sink(&self, work: impl FnOnce(&mut Sink) -> io::Result<()> + Send + 'static) -> Result<(), Broken> {
        if let Place::Nowhere = self.place {
            return Ok(());
        }
        let (place, open) = (self.place.clone(), self.state().sink.take());
        let worked = blocking(move || {
            let mut sink = open.map_or_else(|| place.open(), Ok)?;
            work(&mut sink)?;
            Ok(sink)
        });
        let sink = worked.await.and_then(|worked| worked).map_err(Broken::Write)?;
        self.state().sink = Some(sink);
        Ok(())
    }

    /// Ends what `--max-time` leaves no more time for, whatever it is waiting for. The client's own limit, which knows more, goes first.
    pub(crate) async fn timeout<T>(&self, future: impl Future<Output = Result<T, Broken>>) -> Result<T, Broken> {
        let (started, runtime) = (self.state().first().started, &self.shared.witness.runtime);
        let limit = self.shared.args.request.max_time.map_or(Duration::MAX, Seconds::limit);
        let mut timer = started.checked_add(limit).map(|deadline| runtime.sleep_until(deadline));
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(over) = future.as_mut().poll(cx) {
                return Poll::Ready(over);
            }
            let Some(timer) = &mut timer else { return Poll::Pending };
            ready!(timer.as_mut().poll(cx));
            let timed_out = TimedOut { phase: Phase::Call, limit };
            Poll::Ready(Err(Broken::Stack(Error::of(Delivery::Unknown, Phase::Call, Cause::TimedOut(timed_out)))))
        })
        .await
    }

    /// How much of the last one's body has arrived.
    pub(crate) fn received(&self) -> u64 {
        self.state().received.load(Relaxed)
    }

    /// All of them, in order, when nothing of the last one is held any more.
    pub(crate) fn end(self, broken: Option<Broken>) -> Vec<Outcome> {
        let mut state = self.state.into_inner();
        state.close(self.shared);
        let connects = state.past.iter().map(|past| past.seen.connects).sum();
        state.now.asked = Asked { connects, ..state.first().asked.clone() };
        if let Some(broken) = broken {
            state.now.fail(broken);
        }
        state.past.push(state.now);
        state.past
    }
}

impl State {
    fn first(&self) -> &Outcome {
        self.past.first().unwrap_or(&self.now)
    }

    fn close(&mut self, shared: &Shared) {
        self.now.body_bytes = self.received.load(Relaxed);
        self.now.seen = shared.witness.take(self.now.call);
    }

    fn turn(&mut self, shared: &Shared, next: Outcome) {
        self.close(shared);
        self.received = Arc::default();
        self.past.push(std::mem::replace(&mut self.now, next));
    }
}
