//! The requests for one URL: the first, and one for each redirect. Each is a separate call of the client, so that its
//! events, its timeline and its line of the report describe it alone.

use crate::{
    archived,
    args::{Args, Seconds},
    client,
    cookies::Asked,
    head, job_url,
    jobs::Job,
    layers::{CountedBody, counted_upload},
    observer::CallObserver,
    outcome::{CallError, Outcome, UrlTotals},
    progress::Transfer,
    response_out::ResponseOut,
    secrets::Secrets,
    shared::Shared,
    sink::blocking,
    verbose,
};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, Response, Uri,
    header::{LOCATION, REFERER},
};
use http_body::Body as _;
use skybridge::types::sync::Mutex;
use skybridge::{
    Body, Cause, Delivery, Error, OnInformational, Phase, RequestBody, ResponseExt, Timeouts,
    types::{CallId, OriginRef, TimedOut},
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Poll, ready},
    time::Duration,
};
use tokio::sync::mpsc;

pub(crate) struct CallChain<'a> {
    shared: &'a Shared,
    out: ResponseOut,
    /// Its progress, where that is shown.
    transfer: Option<Arc<Transfer>>,
    state: Arc<Mutex<State>>,
    /// The first of its calls.
    first: CallId,
}

struct State {
    /// Calls that are finished.
    finished: Vec<Outcome>,
    current: Outcome,
    is_sent: bool,
    /// The request's body can be sent only once.
    is_one_shot: bool,
    /// How many answers of proxies to the current call are written.
    proxies_heads: usize,
    received: Arc<AtomicU64>,
    /// Bytes of the current request's body.
    sent: Arc<AtomicU64>,
}

impl<'a> CallChain<'a> {
    /// # Errors
    /// With the outcome, when there is no place for the response.
    pub(crate) fn new(shared: &'a Shared, job: &Job) -> Result<Self, Box<Outcome>> {
        let started = shared.observer.runtime.now();
        let mut current = Outcome::new(job.call, &job.url, shared.secrets, shared.method(job), started);
        let out = match ResponseOut::of(shared, job) {
            Ok(found) => found,
            Err(error) => {
                current.fail(CallError::NoPlace(error));
                return Err(Box::new(current));
            }
        };
        current.first.place = job.place;
        let state = State {
            finished: Vec::new(),
            current,
            is_sent: false,
            is_one_shot: false,
            proxies_heads: 0,
            received: Arc::default(),
            sent: Arc::default(),
        };
        let transfer = shared.transfer(&job.url, &out.place());
        let state = Arc::new(Mutex::new(state));
        let (observer, secrets, of) = (Arc::clone(&shared.observer), shared.secrets, Arc::clone(&state));
        shared.running.begin(job.call, Box::new(move || of.lock().so_far(&observer, secrets)));
        Ok(Self { shared, out, transfer, state, first: job.call })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sends the next request.
    pub(crate) async fn send(&self, mut request: Request<RequestBody>) -> Result<Response<CountedBody>, CallError> {
        let call = self.begin(&request);
        let options =
            self.shared.options(request.uri()).map_err(CallError::Usage)?.call(call).timeouts(self.timeouts());
        request.extensions_mut().insert(options);
        let asked = Asked::of(request.uri(), request.headers(), self.shared.stays_here(request.uri()));
        if let Some(jar) = &self.shared.jar {
            jar.add_to(&mut request, &asked, self.shared.observer.runtime.wall_now());
        }
        self.state().current.heads = archived::requested(&request, &self.shared.args, self.shared.secrets);
        if self.shared.args.request.verbose > 0 {
            self.shared.observer.announce(call, verbose::lines(&request, self.shared.secrets));
        }
        if self.shared.counts_uploads() || (self.transfer.is_some() && !request.body().is_end_stream()) {
            let sent = Arc::clone(&self.state().sent);
            request = request.map(|body| counted_upload(body, &sent, self.transfer.as_ref()));
        }
        let uri = request.uri().clone();
        let response = self.response(call, request).await?;
        let (head, is_shown) = self.response_head(&response, &uri);
        self.keep_cookies(response.headers(), &asked);
        self.write_head(head, is_shown).await?;
        let received = Arc::clone(&self.state().received);
        Ok(response.map(|body| CountedBody::new(body, received)))
    }

    /// The response. What comes before it is written as it comes: interim responses, and the answers of proxies.
    async fn response(&self, call: CallId, mut request: Request<RequestBody>) -> Result<Response<Body>, CallError> {
        // The library bounds how many come before a response, and none comes while one is written.
        let (interim, mut arrived) = mpsc::unbounded_channel();
        request.extensions_mut().insert(OnInformational::new(move |response| {
            // Nobody waits for them any more once the call is over.
            let _ = interim.send(response);
        }));
        let mut response = pin!(self.shared.client.request(request));
        loop {
            let (mut interim, response) = tokio::select! {
                biased;
                Some(interim) = arrived.recv() => (Some(interim), None),
                response = &mut response => (arrived.try_recv().ok(), Some(response)),
            };
            self.write_proxies_heads(call).await?;
            while let Some(next) = interim {
                self.write_interim(&next).await?;
                interim = arrived.try_recv().ok();
            }
            if let Some(response) = response {
                return response.map_err(CallError::Stack);
            }
        }
    }

    async fn write_interim(&self, interim: &Response<()>) -> Result<(), CallError> {
        let Args { request, .. } = &self.shared.args;
        let version = head::digits(interim.version());
        if request.verbose > 0 {
            verbose::response(interim, version, self.shared.secrets);
        }
        let head = head::of(interim, version);
        self.state().current.head_bytes += head.len() as u64;
        self.write_head(head, request.include || request.head).await
    }

    /// As with curl, they go where heads go, behind the body.
    pub(crate) async fn write_trailers(&self, trailers: &HeaderMap) -> Result<(), CallError> {
        let Args { request, .. } = &self.shared.args;
        if request.verbose > 0 {
            verbose::fields(trailers, self.shared.secrets);
        }
        self.write_head(head::fields(trailers), request.include || request.head).await
    }

    /// To `-D`, and where it is shown before the body.
    async fn write_head(&self, head: Bytes, is_shown: bool) -> Result<(), CallError> {
        if let Some(dump) = self.shared.dump().map(Arc::clone) {
            let head = head.clone();
            blocking(move || dump.write(&head)).await.and_then(|written| written).map_err(CallError::Write)?;
        }
        if is_shown { self.write(head).await } else { Ok(()) }
    }

    /// As with curl, the heads of proxies' answers to CONNECT go where that of the response goes.
    async fn write_proxies_heads(&self, call: CallId) -> Result<(), CallError> {
        let Args { request, output, .. } = &self.shared.args;
        let written = self.state().proxies_heads;
        for head in self.shared.observer.proxies_heads(call).into_iter().skip(written) {
            {
                let mut state = self.state();
                state.proxies_heads += 1;
                state.current.head_bytes += head.len() as u64;
            }
            if !output.suppress_connect_headers {
                self.write_head(head, request.include || request.head).await?;
            }
        }
        Ok(())
    }

    fn begin(&self, request: &Request<RequestBody>) -> CallId {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_sent, true) {
            let shared = self.shared;
            let (url, method) = (request.uri().to_string(), request.method().clone());
            let started = shared.observer.runtime.now();
            let next = Outcome::new(shared.next_call_id(), &url, shared.secrets, method, started);
            state.next_call(shared, next);
        }
        let referer = request.headers().get(REFERER);
        state.current.referer = referer.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        state.current.scheme = request.uri().scheme_str().map(str::to_owned);
        state.is_one_shot = !request.body().is_end_stream() && request.body().replay().is_none();
        state.current.call
    }

    /// `--max-time` limits all calls together.
    fn timeouts(&self) -> Timeouts {
        let mut timeouts = client::timeouts(&self.shared.args);
        if let Some(most) = self.shared.args.request.max_time {
            let started = self.state().first().started;
            let spent = self.shared.observer.runtime.now().saturating_duration_since(started);
            timeouts.call = Some(most.limit().saturating_sub(spent));
        }
        timeouts
    }

    /// Notes the response. Returns its head, and whether it is written with the body.
    fn response_head(&self, response: &Response<Body>, uri: &Uri) -> (Bytes, bool) {
        let (request, secrets) = (&self.shared.args.request, self.shared.secrets);
        let version = {
            let mut state = self.state();
            state.current.answered(response);
            if let Some(heads) = &mut state.current.heads {
                heads.response = archived::fields(response.headers(), secrets).collect();
            }
            state.current.info = response.connection().cloned();
            state.current.http_version().unwrap_or_default()
        };
        if request.verbose > 0 {
            verbose::response(response, version, secrets);
        }
        let head = head::of(response, version);
        let mut state = self.state();
        if let Some(place) = self.shared.place_by_header(state.first().first.place, response.headers()) {
            self.out.set_place(place);
        }
        state.current.head_bytes += head.len() as u64;
        let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
        state.current.redirect =
            location.filter(|_| !request.location).and_then(|to| job_url::joined(uri, to.as_bytes()));
        (head, request.include || request.head)
    }

    fn keep_cookies(&self, headers: &HeaderMap, asked: &Asked) {
        let Some(jar) = &self.shared.jar else { return };
        let noted = jar.note(headers, asked, self.shared.observer.runtime.wall_now());
        if self.shared.args.request.verbose > 0 {
            noted.iter().for_each(verbose::cookie);
        }
    }

    /// # Errors
    /// When the last response is a redirect that could not be followed.
    pub(crate) fn check_redirect<B>(&self, response: &Response<B>) -> Result<(), CallError> {
        let Some(location) = response.headers().get(LOCATION) else { return Ok(()) };
        let state = self.state();
        match response.status().as_u16() {
            301 | 302 if state.is_one_shot && state.current.method != Method::POST => Err(CallError::Rewind),
            307 | 308 if state.is_one_shot => Err(CallError::Rewind),
            301..=303 | 307 | 308 => Err(CallError::Location(self.shared.secrets.reference(location))),
            _ => Ok(()),
        }
    }

    /// From which byte on the rest is fetched.
    pub(crate) fn continues_at(&self) -> Option<u64> {
        self.out.continues_at()
    }

    pub(crate) fn transfer(&self) -> Option<&Transfer> {
        self.transfer.as_deref()
    }

    /// Writes to this URL's destination.
    pub(crate) async fn write(&self, bytes: Bytes) -> Result<(), CallError> {
        self.out.write(bytes).await.map_err(CallError::Write)
    }

    /// Opens the sink if necessary, and flushes it.
    pub(crate) async fn flush(&self) -> Result<(), CallError> {
        self.out.flush().await.map_err(CallError::Write)
    }

    /// Applies `--max-time` to anything that is waited for. The client's own timeout, whose error says more, fires
    /// first.
    pub(crate) async fn timeout<T>(&self, future: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
        let (started, runtime) = (self.state().first().started, &self.shared.observer.runtime);
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
            let error = Error::of(Delivery::Unknown, Phase::Call, Cause::TimedOut(timed_out));
            Poll::Ready(Err(CallError::Stack(self.placed(error))))
        })
        .await
    }

    /// Says of whom the current call has asked, and how far that has come.
    fn placed(&self, mut error: Error) -> Error {
        let state = self.state();
        let url = state.current.url.parse::<Uri>().ok();
        if let Some(origin) = url.and_then(|url| OriginRef::of(&url).ok()?.to_owned().ok()) {
            error = error.to(&origin);
        }
        if state.current.status.is_some() {
            error = error.during(Phase::Body);
        }
        match &state.current.info {
            Some(info) => error.on(info),
            None => error,
        }
    }

    /// How many bytes of the current body have arrived.
    pub(crate) fn received(&self) -> u64 {
        self.state().received.load(Relaxed)
    }

    /// Ends the chain. Returns the outcomes of all calls in order.
    pub(crate) fn end(self, error: Option<CallError>) -> Vec<Outcome> {
        // Nobody else has it then.
        self.shared.running.end(self.first);
        let Some(state) = Arc::into_inner(self.state) else { return Vec::new() };
        let mut state = state.into_inner();
        state.close(self.shared);
        let connects = state.finished.iter().map(|finished| finished.record.connects).sum();
        let head_bytes = state.finished.iter().map(|finished| finished.head_bytes).sum();
        let redirects = state.finished.len();
        let file = self.out.path();
        state.current.first = UrlTotals { connects, redirects, head_bytes, file, ..state.first().first.clone() };
        if let Some(error) = error {
            state.current.fail(error);
        }
        state.finished.push(state.current);
        state.finished
    }
}

impl State {
    fn first(&self) -> &Outcome {
        self.finished.first().unwrap_or(&self.current)
    }

    /// The calls that were redirected, and the one that is running.
    fn so_far(&mut self, observer: &CallObserver, secrets: Secrets) -> Vec<Outcome> {
        let current = &self.current;
        let current = current.so_far(secrets, self.received.load(Relaxed), observer.so_far(current.call));
        let mut all = std::mem::take(&mut self.finished);
        all.push(current);
        all
    }

    fn close(&mut self, shared: &Shared) {
        (self.current.body_bytes, self.current.sent_bytes) = (self.received.load(Relaxed), self.sent.load(Relaxed));
        self.current.record = shared.observer.finish(self.current.call);
    }

    fn next_call(&mut self, shared: &Shared, next: Outcome) {
        self.close(shared);
        (self.received, self.sent, self.proxies_heads) = (Arc::default(), Arc::default(), 0);
        self.finished.push(std::mem::replace(&mut self.current, next));
    }
}
