mod body;
mod closed_io;
mod idle;
mod inner;
#[cfg(all(test, loom))]
mod interleavings;
mod read_buffer;
mod reuse;
mod sent;
mod shared;
mod sync;
mod timer;
mod upload;
mod upload_task;
mod write_buffer;

pub use self::body::H1Body;
use self::{
    idle::IdleWatch, inner::Ending, sent::Sent, shared::Shared, timer::Timer, upload::Fetched, upload_task::UploadTask,
};
use crate::{
    H1Error,
    head::{self, Fixed},
    settings::Settings,
};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::Body;
use skybridge_core::{
    BoxError, Capacity, Cause, CloseReason, ConnInfo, Connection, Delivery, Error, Failed, Io, OnInformational, Phase,
    RequestError, ResponseResult, StatusListener, Upgrade, Upgraded,
};
use skybridge_h1_codec::{BodyDecoder, Framing, HeadDecoder, ResponseHead};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// One HTTP/1.1 connection: it carries one exchange at a time, and can't be shared.
///
/// There is no task behind it: the exchange's own future writes the request and reads the response, both at once, so
/// that an early answer is never lost behind a request that can't be written to its end. Only what goes on when nobody
/// polls has a task, while it does: a request whose body outlasts its response's head, and a look at the socket of an
/// idle connection when something happened there.
///
/// Dropped between [`start`](Connection::start) and the response's head it closes. After that it lives as long as the
/// response's body, and closes when both are dropped. Moving it moves one pointer.
pub struct Http1<B: Body>(Box<Handle<B>>);

struct Handle<B: Body> {
    shared: Arc<Shared>,
    upload: upload::Upload<B>,
    /// The request, as long as it can be given back.
    sent: Sent<B>,
    /// It asked for another protocol.
    upgrade: bool,
    /// It has carried an exchange before.
    used: bool,
    step: Step,
    interim: u32,
    timer: Timer,
    drain_budget: u64,
    settings: Arc<Settings>,
    fixed: Fixed,
    info: Arc<ConnInfo>,
}

#[derive(Clone, Debug)]
enum Step {
    /// No request is under way, as far as this handle is concerned.
    Idle,
    /// The request can't be sent, here or elsewhere.
    Invalid(RequestError),
    /// The connection was closed before the request was started.
    NotOpen(CloseReason),
    /// The body is held back until the peer wants it, or has said nothing for a while (RFC 9110, section 10.1.1).
    Held,
    /// The request goes out, and the response is waited for.
    Open,
    /// The request can't go on. There may be an answer all the same, that says why.
    Broken(H1Error),
}

impl<B> Http1<B>
where
    B: Body + Send + 'static,
{
    pub(crate) fn new(io: impl Io, settings: Arc<Settings>, host: HeaderValue, info: Arc<ConnInfo>) -> Self {
        let decoder =
            HeadDecoder::default().keep_spelling(settings.keep_case).ignore_invalid_fields(settings.ignore_invalid);
        let idle = IdleWatch::new(Arc::clone(info.route.ctx().runtime()));
        let shared = Shared::new(io, decoder, settings.limits, idle);
        let credentials = head::credentials(&info);
        Self(Box::new(Handle {
            shared,
            upload: upload::Upload::new(),
            sent: Sent::Nothing,
            upgrade: false,
            used: false,
            step: Step::Idle,
            interim: 0,
            timer: Timer::default(),
            drain_budget: settings.drain_bytes,
            settings,
            fixed: Fixed { host, credentials },
            info,
        }))
    }
}

impl<B> Connection<B> for Http1<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Body = H1Body;

    #[inline]
    fn info(&self) -> &Arc<ConnInfo> {
        &self.0.info
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        if self.0.shared.lock().closed().is_some() { Capacity::None } else { Capacity::Streams(1) }
    }

    fn share(&self) -> Option<Self> {
        None
    }

    fn subscribe(&self, listener: Arc<dyn StatusListener>) {
        self.0.shared.idle.status.subscribe(listener);
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let handle = &mut *self.0;
        let mut inner = handle.shared.lock();
        if inner.is_idle() && !handle.shared.idle.was_woken() {
            return Poll::Ready(Ok(()));
        }
        let effects = inner.look_idle();
        drop(inner);
        handle.shared.apply(effects);
        handle.poll_over(cx)
    }

    #[inline]
    fn is_sent(&self) -> bool {
        self.0.shared.lock().is_sent()
    }

    #[inline]
    fn start(&mut self, request: Request<B>) {
        self.0.start(request);
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H1Body>> {
        self.0.poll_response(cx)
    }
}

impl<B: Body> Handle<B> {
    /// The exchange has ended, or is left to end: what is unread is read for a while, what is unsent has a while to be
    /// sent.
    #[cold]
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let (ending, effects) = self.shared.lock().poll_over(&mut self.drain_budget, cx);
            self.shared.apply(effects);
            match ending {
                Ending::Idle => {
                    self.timer.stop();
                    return Poll::Ready(Ok(()));
                }
                Ending::Closed(reason) => {
                    self.timer.stop();
                    return Poll::Ready(Err(self.error(Delivery::Unsent, Phase::Send, H1Error::NotOpen(reason))));
                }
                // Its own limits are for who reads it.
                Ending::Read => return Poll::Pending,
                Ending::Unread => ready!(self.close_after(self.settings.drain_time, cx)),
                // Whoever holds this handle knows how long that may take.
                Ending::Unwritten => return Poll::Pending,
            }
        }
    }

    fn close_after(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.poll(limit, self.info.route.ctx().runtime(), cx));
        self.shared.close(CloseReason::Unread);
        Poll::Ready(())
    }

    fn error(&self, delivery: Delivery, phase: Phase, error: H1Error) -> Error {
        Error::new(delivery, phase, error).on(&self.info)
    }
}

impl<B> Handle<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Puts the head where it can be written from. Nothing is written before the first poll.
    #[inline]
    fn start(&mut self, request: Request<B>) {
        let out = self.upload.begin();
        let written = match head::encode(&request, &self.fixed, &self.info, &self.settings, out) {
            Ok(written) => written,
            Err(error) => {
                self.upload.abandon();
                self.sent.begin(request);
                self.step = Step::Invalid(error);
                return;
            }
        };
        self.upload.body(written.framing, written.length);
        self.upgrade = written.upgrade;
        self.sent.begin(request);
        self.interim = 0;
        let mut inner = self.shared.lock();
        let mut effects = inner::Effects::default();
        // The last look before anything is written: what the peer has said by now, it hasn't said of this request.
        if self.shared.idle.was_woken() {
            effects = inner.look_idle();
        }
        let begun = inner.begin(!written.close);
        drop(inner);
        self.shared.apply(effects);
        self.step = match begun {
            Err(reason) => Step::NotOpen(reason),
            Ok(()) if written.expects_continue && !self.upload.is_fetched() => Step::Held,
            Ok(()) => Step::Open,
        };
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H1Body>> {
        if let Step::Idle | Step::Invalid(_) | Step::NotOpen(_) = self.step {
            return Poll::Ready(Err(self.not_begun()));
        }
        loop {
            // Without the lock: a body is its user's code.
            let fetched = if self.upload.is_fetched() { Ok(Fetched::Pending) } else { self.poll_body(cx) };
            let fetched = match fetched {
                Err(error) if self.upload.is_declared_empty() => return Poll::Ready(Err(self.not_written(error))),
                fetched => fetched,
            };
            let mut inner = self.shared.lock();
            let written = self.upload.poll_write(&mut inner.io, cx);
            let head = inner.poll_head(self.sent.method(), cx);
            drop(inner);
            let fetched = match fetched {
                // A body that has failed isn't asked again, and what there is of the request is no whole one.
                Err(error) if matches!(head, Poll::Ready(Ok(_))) && !matches!(self.step, Step::Broken(_)) => {
                    self.broken(error);
                    Ok(Fetched::Pending)
                }
                fetched => fetched,
            };
            match head {
                Poll::Ready(Ok(_)) if self.upload.is_untouched() => return Poll::Ready(Err(self.unsolicited())),
                Poll::Ready(Ok(head)) if head.is_interim() => match self.interim(head) {
                    Ok(()) => continue,
                    Err(error) => return Poll::Ready(Err(self.failed(error))),
                },
                Poll::Ready(Ok(head)) => return Poll::Ready(self.answered(head, cx)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.failed(error))),
                Poll::Pending => {}
            }
            match (fetched, written) {
                (Err(error), _) => return Poll::Ready(Err(self.failed(error))),
                (_, Poll::Ready(Err(error))) => self.broken(H1Error::Write(Arc::new(error))),
                (Ok(Fetched::Something), Poll::Ready(Ok(()))) => {}
                _ => return Poll::Pending,
            }
        }
    }

    /// What there is of the body, unless it has to wait.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Fetched, H1Error> {
        if let Step::Broken(error) = &self.step {
            let error = error.clone();
            return match self.timer.poll(self.settings.drain_time, self.info.route.ctx().runtime(), cx) {
                Poll::Ready(()) => Err(error),
                Poll::Pending => Ok(Fetched::Pending),
            };
        }
        if let Step::Held = self.step {
            if self.timer.poll(self.settings.continue_delay, self.info.route.ctx().runtime(), cx).is_pending() {
                return Ok(Fetched::Pending);
            }
            self.step = Step::Open;
        }
        if self.upload.wants_body() {
            match self.sent.take_body() {
                Some(body) => self.upload.give_body(body),
                // invariant: a body is taken once, and given at once.
                None => return Ok(Fetched::Pending),
            }
        }
        self.upload.poll_body(cx)
    }

    /// No exchange was begun.
    #[cold]
    fn not_begun(&mut self) -> Failed<Request<B>> {
        let error = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Invalid(error) => Error::from(error).on(&self.info),
            Step::NotOpen(reason) => self.error(Delivery::Unsent, Phase::Send, H1Error::NotOpen(reason)),
            _ => self.error(Delivery::Unsent, Phase::Send, H1Error::NotStarted),
        };
        self.given_back(error)
    }

    /// An answer, and nothing of the request has left: whatever it answers, it isn't this request.
    #[cold]
    fn unsolicited(&mut self) -> Failed<Request<B>> {
        self.shared.close(CloseReason::Unsolicited);
        let error = self.error(Delivery::Unsent, Phase::Send, H1Error::NotOpen(CloseReason::Unsolicited));
        self.given_back(error)
    }

    /// A body that was declared to be empty isn't. The peer would take the request for a whole one, so it is not
    /// written, and the connection is as it was.
    #[cold]
    fn not_written(&mut self, error: H1Error) -> Failed<Request<B>> {
        self.upload.discard();
        let effects = self.shared.lock().cancel();
        self.shared.apply(effects);
        let error = self.error(Delivery::Unsent, Phase::Send, error);
        self.given_back(error)
    }

    fn given_back(&mut self, error: Error) -> Failed<Request<B>> {
        let failed = Failed::new(error, self.sent.take().map(Box::new));
        self.over();
        failed
    }

    /// The socket takes no more of the request. An answer that is on its way says more than that, and if there is none,
    /// its end is not far.
    #[cold]
    fn broken(&mut self, error: H1Error) {
        self.timer.stop();
        self.upload.broken();
        self.step = Step::Broken(error);
    }

    #[cold]
    fn interim(&mut self, head: ResponseHead) -> Result<(), H1Error> {
        self.interim += 1;
        if self.interim > self.settings.interim {
            return Err(H1Error::InterimResponses { limit: self.settings.interim });
        }
        if head.status == StatusCode::CONTINUE && matches!(self.step, Step::Held) {
            self.timer.stop();
            self.step = Step::Open;
        }
        if let Some(on) = self.sent.extensions().and_then(|extensions| extensions.get::<OnInformational>()).cloned() {
            on.call(head::response(head, ()));
        }
        Ok(())
    }

    #[inline]
    fn answered(&mut self, head: ResponseHead, cx: &mut Context<'_>) -> ResponseResult<B, H1Body> {
        if head.framing == Framing::Upgrade {
            return self.upgraded(head);
        }
        let held = matches!(self.step, Step::Held);
        if held && head.status == StatusCode::EXPECTATION_FAILED {
            return Err(self.expectation_failed());
        }
        let mut inner = self.shared.lock();
        let mut effects = inner.answered(&head);
        let body = BodyDecoder::new(head.framing);
        let body = if body.is_done() { H1Body::default() } else { H1Body::new(Arc::clone(&self.shared), body) };
        if !held && self.upload.is_written() {
            let further = inner.request_over(true);
            drop(inner);
            self.shared.apply(effects);
            effects = further;
        } else {
            drop(inner);
            self.shared.apply(effects);
            effects = self.goes_on(held, &head, cx);
        }
        self.shared.apply(effects);
        self.used = true;
        self.over();
        Ok(head::response(head, body))
    }

    /// There is an answer, and the request isn't written to its end.
    #[cold]
    fn goes_on(&mut self, held: bool, head: &ResponseHead, cx: &mut Context<'_>) -> inner::Effects {
        // A peer that closes wants no more of it (RFC 9112, section 9.6). One that was asked whether it wants it has
        // said no.
        let failed = match &self.step {
            Step::Broken(error) => Some(error.clone()),
            _ => None,
        };
        if held || !head.is_keep_alive() || failed.is_some() {
            self.upload.abandon();
            let mut inner = self.shared.lock();
            return match failed {
                Some(error) => inner.request_failed(error, self.settings.drain_time),
                None => inner.request_over(false),
            };
        }
        let upload = std::mem::replace(&mut self.upload, upload::Upload::new());
        let upload_task = UploadTask::new(&self.shared, upload, self.settings.drain_time);
        self.shared.lock().uploads(cx.waker());
        self.info.route.ctx().runtime().spawn(Box::pin(upload_task));
        inner::Effects::default()
    }

    #[cold]
    fn upgraded(&mut self, head: ResponseHead) -> ResponseResult<B, H1Body> {
        let connect = *self.sent.method() == Method::CONNECT;
        if !connect && !self.upgrade {
            return Err(self.failed(H1Error::UnaskedUpgrade));
        }
        if !self.upload.is_written() {
            return Err(self.failed(H1Error::EarlyUpgrade));
        }
        let (io, read, effects) = self.shared.lock().upgrade();
        self.shared.apply(effects);
        self.over();
        let mut response = head::response(head, H1Body::default());
        response.extensions_mut().insert(Upgrade::new(Upgraded::new(io, read)));
        Ok(response)
    }

    /// The peer doesn't know `100-continue`: the request is to be sent without it, elsewhere, as this peer may wait for
    /// the body.
    #[cold]
    fn expectation_failed(&mut self) -> Failed<Request<B>> {
        let error = self.error(Delivery::Refused, Phase::Wait, H1Error::ExpectationFailed);
        let request = self.sent.take().map(|mut request| {
            request.headers_mut().remove(http::header::EXPECT);
            Box::new(request)
        });
        self.shared.close(CloseReason::Unread);
        self.over();
        Failed::new(error, request)
    }

    #[cold]
    fn failed(&mut self, error: H1Error) -> Failed<Request<B>> {
        // Why it couldn't be sent says more than that nothing came.
        let error = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Broken(why) if matches!(error, H1Error::Closed { .. } | H1Error::Read(_)) => why,
            _ => error,
        };
        let phase = match error {
            H1Error::Write(_) | H1Error::RequestBody(_) | H1Error::BodySize(_) | H1Error::ForbiddenTrailer(_) => {
                Phase::Send
            }
            _ => Phase::Wait,
        };
        // A TLS stream that fails to write may have sent a record before.
        let in_records = self.info.tls.is_some() || self.info.proxies_passed > 0;
        let may_have_left = matches!(error, H1Error::Write(_)) && in_records;
        let unsent = self.upload.is_untouched() && !may_have_left;
        let delivery = if unsent { Delivery::Unsent } else { Delivery::Unknown };
        let stale = self.is_stale(&error);
        self.shared.close(error.close_reason());
        // An answer that can't be understood is an answer: the request is not to be sent again.
        if error.is_answer() {
            self.sent.clear();
        }
        let error = match delivery {
            Delivery::Unknown if stale => Error::of(delivery, phase, Cause::Stale(error.into())).on(&self.info),
            _ => self.error(delivery, phase, error),
        };
        self.given_back(error)
    }

    /// Whether a used connection ended without a byte of an answer.
    fn is_stale(&self, error: &H1Error) -> bool {
        let ended = matches!(error, H1Error::Write(_) | H1Error::Read(_) | H1Error::Closed { received: 0 });
        self.used && ended && self.interim == 0 && !self.shared.lock().has_read()
    }

    /// Nothing of the exchange is this handle's any more.
    #[inline]
    fn over(&mut self) {
        self.step = Step::Idle;
        self.sent.clear();
        // A body may outlive its request: one whose length is reached, and that hasn't said that it is over.
        self.upload.abandon();
        self.upload.rest();
        self.timer.stop();
        self.drain_budget = self.settings.drain_bytes;
    }
}

impl<B: Body> Drop for Handle<B> {
    fn drop(&mut self) {
        // Between a request and its response nobody else could go on with it.
        if !matches!(self.step, Step::Idle | Step::Invalid(_) | Step::NotOpen(_)) {
            self.shared.close(CloseReason::Unread);
        }
    }
}

impl<B: Body> fmt::Debug for Http1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1").field("info", &self.0.info).field("step", &self.0.step).finish_non_exhaustive()
    }
}
