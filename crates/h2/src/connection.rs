use crate::{
    H2Body, H2Error,
    body::BodyParts,
    chunk::Chunk,
    classify,
    forwarded::ToProxy,
    head,
    saved_request::SavedRequest,
    shared::Shared,
    strikes,
    upload::Upload,
    upload_control::{ResponseReader, UploadControl, UploadHandle},
    watched_streams::StreamOf,
    wire::OpenStream,
};
use h2::{
    RecvStream,
    client::{ResponseFuture, SendRequest},
    ext::Protocol,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, SizeHint};
use skybridge_core::{
    Advice, BodyLength, BoxError, Capacity, Cause, CloseReason, ConnInfo, ConnectProtocol, Connection,
    ConnectionStatus, Delivery, Error, Failed, FollowUp, OnInformational, Phase, Replays, RequestError, ResponseResult,
    StatusListener,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

const NOT_ALLOWED: RequestError =
    RequestError::ExtendedConnect("the peer's SETTINGS don't allow it (SETTINGS_ENABLE_CONNECT_PROTOCOL)");

/// A handle to an HTTP/2 connection. It carries one exchange at a time, concurrently with those of other handles. Until
/// the response's head has arrived the handle owns the exchange: dropping it resets the stream with CANCEL. From then
/// on the response's body owns it. If the request is still being sent then, that goes on in a task of its own, until
/// both the response and the handle are dropped.
pub struct Http2<B: Body> {
    exchange: Exchange<B>,
    saved: SavedRequest<B>,
    send: SendRequest<Chunk<B::Data>>,
    /// The last stream may have had to wait until the peer allowed one more, of which `send` keeps a reference until it
    /// is asked.
    may_be_pending: bool,
    shared: Arc<Shared<B>>,
}

/// ```text
/// Idle -> (Waiting | Failed) -> (Idle | Uploading -> Idle)
/// ```
enum Exchange<B: Body> {
    Idle,
    /// The request could not be started.
    Failed(Failed<Request<B>>),
    /// An extended CONNECT waits for the peer's SETTINGS.
    AwaitingSettings(Box<(Request<B>, OpenStream)>),
    /// Waiting for the response's head; the request's body may still be being sent.
    Waiting {
        response: ResponseFuture,
        upload: Option<Pin<Box<Upload<B>>>>,
        /// How the request's body failed. A response that has arrived takes precedence.
        failed: Option<H2Error>,
        is_head: bool,
        /// An extended CONNECT, which is answered while its body goes on.
        is_stream: bool,
        /// The driver's count of writes when the request was started.
        writes: usize,
        /// How often something had been read then.
        reads: usize,
        /// How many streams had ended with a head then.
        ended: usize,
        /// Who wants to see interim responses, and how many there were. Boxed, as hardly anybody does.
        interim: Option<Box<(OnInformational, u32)>>,
    },
    /// The response's head arrived before all of the request was sent.
    Uploading(UploadHandle),
}

impl<B: Body> Http2<B> {
    pub(crate) fn new(send: SendRequest<Chunk<B::Data>>, shared: Arc<Shared<B>>) -> Self {
        shared.enter();
        Self { exchange: Exchange::Idle, saved: SavedRequest::none(), send, may_be_pending: false, shared }
    }

    #[cold]
    fn error(&self, delivery: Delivery, phase: Phase, cause: Cause) -> Error {
        let is_other = matches!(cause, Cause::Protocol(_)) && self.shared.wire.ending().speaks_no_http2();
        let error = Error::of(delivery, phase, cause).on(&self.shared.info);
        if is_other { error.advise(Advice::NotHttp2) } else { error }
    }

    /// Asks the h2 crate whether it takes a request.
    fn poll_send_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = ready!(self.send.poll_ready(cx));
        self.may_be_pending = false;
        Poll::Ready(ready.map_err(|error| {
            let cause = match classify::draining(&error) {
                // Its stream ids are used up.
                Some(reason @ CloseReason::MaxRequests) => Cause::ConnectionClosed(reason),
                _ => self.shared.wire.ending().cause(error, false),
            };
            self.error(Delivery::Unsent, Phase::Acquire, cause)
        }))
    }

    /// Drops the exchange, which resets its stream if that isn't over.
    fn cancel_exchange(&mut self) {
        let upload = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Waiting { upload, .. } => {
                self.shared.wire.close_stream();
                upload
            }
            _ => None,
        };
        self.recycle(upload);
    }

    /// The error, with the request if it may be sent again.
    fn failed(&mut self, error: Error, unpolled: Option<B>) -> Failed<Request<B>> {
        let again = match error.delivery() {
            Delivery::Unsent | Delivery::Refused => true,
            _ => self.saved.may_repeat(),
        };
        match self.saved.restore(unpolled).filter(|_| again) {
            Some(request) => Failed::with(error, request),
            None => Failed::lost(error),
        }
    }

    /// Puts the buffers of an exchange by, for the next.
    fn recycle(&mut self, upload: Option<Pin<Box<Upload<B>>>>) {
        self.saved.forget();
        if let Some(upload) = upload {
            self.shared.recycle(upload);
        }
    }
}

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    #[inline]
    fn begin(&mut self, from: &mut Option<Request<B>>) -> Result<(), Failed<Request<B>>> {
        let Some(request) = from else { return Ok(()) };
        // Before the request is saved, which takes its extensions.
        let watched = self.shared.wire.watch().map(|_| Box::new(StreamOf::request(request.extensions())));
        let interim = request.extensions().get::<OnInformational>().map(|on| Box::new((on.clone(), 0)));
        let protocol = ConnectProtocol::of(request).map(|protocol| Protocol::from(protocol.as_str()));
        let (ended, is_stream) = (request.body().is_end_stream(), protocol.is_some());
        let is_head = *request.method() == Method::HEAD;
        let size = match (ended, is_stream) {
            (true, _) => SizeHint::with_exact(0),
            // What goes through a stream is no content (RFC 9110, section 9.3.6).
            (_, true) => SizeHint::default(),
            _ => request.body().size_hint(),
        };
        let to_proxy = self.shared.info.forwarded.then(|| ToProxy::of(request, &self.shared.info));
        if let Some(replays) = Replays::<B>::wanted() {
            let may_repeat = replays.may_repeat(request.method());
            let copy = if ended { None } else { replays.body(request.body()) };
            self.saved.save(request, copy, may_repeat);
        }
        let mut prepared = match to_proxy {
            None => head::prepare(request, &size, |length| self.shared.length(length)),
            Some(mut to_proxy) => self.prepare_forwarded(request, &size, &mut to_proxy),
        };
        if let Some(protocol) = protocol {
            if !self.allows_streams() {
                prepared = Err(NOT_ALLOWED);
            }
            request.extensions_mut().insert(protocol);
        }
        let wire = &self.shared.wire;
        let (writes, reads, over) = (wire.attempts(), wire.reads(), wire.ended());
        let length = match prepared {
            Ok(length) => length,
            Err(error) => return Err(self.failed(error.into(), from.take().map(Request::into_body))),
        };
        wire.open_stream();
        self.may_be_pending |= !self.shared.is_roomy();
        // Not earlier: a request is large, and one whose parts were changed is copied once more.
        let Some(request) = from.take() else { return Ok(()) };
        let (parts, body) = request.into_parts();
        let (response, stream) = match self.send.send_request(Request::from_parts(parts, ()), ended) {
            Ok(opened) => opened,
            Err(error) => {
                self.shared.wire.close_stream();
                let error = self.error(Delivery::Unsent, Phase::Send, self.shared.wire.ending().cause(error, false));
                return Err(self.failed(error, Some(body)));
            }
        };
        if let (Some(watch), Some(of)) = (self.shared.wire.watch(), watched) {
            watch.opened(response.stream_id().into(), *of);
        }
        let mut body = Some(body);
        if ended {
            self.saved.keep_body(&mut body);
        }
        let upload = body.filter(|_| !ended).map(|body| {
            let mut upload = self.shared.take_upload().unwrap_or_else(|| Box::pin(Upload::idle()));
            let awaits_window = self.saved.has_no_copy();
            upload.as_mut().start(body, length, stream, awaits_window);
            upload
        });
        if !matches!(self.exchange, Exchange::Idle) {
            self.exchange = Exchange::Idle;
        }
        // In place: an exchange is large, and each name it is given is a copy. The one before has nothing to be
        // dropped, which a call would find out.
        std::mem::forget(std::mem::replace(
            &mut self.exchange,
            Exchange::Waiting {
                response,
                upload,
                failed: None,
                is_head,
                is_stream,
                writes,
                reads,
                ended: over,
                interim,
            },
        ));
        Ok(())
    }

    /// As [`head::prepare`], for the proxy that forwards the request. By whose credentials a connection was used
    /// decides who may use it next, and no key has what a header says: one that brings its own is the last on this
    /// connection.
    #[cold]
    fn prepare_forwarded(
        &mut self,
        request: &mut Request<B>,
        size: &SizeHint,
        to_proxy: &mut ToProxy,
    ) -> Result<Option<BodyLength>, RequestError> {
        if let Some(shown) = to_proxy.shown() {
            self.saved.show(shown);
        }
        to_proxy.take(request.headers_mut());
        let length = head::prepare(request, size, |length| self.shared.length(length))?;
        if to_proxy.put(request.headers_mut(), &self.shared.info)? {
            self.shared.status.report(ConnectionStatus::Draining(CloseReason::Evicted));
        }
        Ok(length)
    }

    /// Whether the peer allows extended CONNECT. One whose connection has ended says nothing: that is told by the
    /// attempt.
    #[cold]
    fn allows_streams(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled() || self.shared.capacity.get() == Capacity::None
    }

    /// Nothing was started, but for an extended CONNECT, which must not be sent before the peer's SETTINGS allow it
    /// (RFC 8441, section 3).
    #[cold]
    fn poll_unstarted(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H2Body>> {
        let Exchange::AwaitingSettings(awaiting) = &mut self.exchange else {
            return Poll::Ready(Err(self.make_failed(Stop::NotStarted)));
        };
        awaiting.1.register_reader(cx.waker());
        if !self.shared.capacity.is_announced() {
            return Poll::Pending;
        }
        if let Exchange::AwaitingSettings(awaiting) = std::mem::replace(&mut self.exchange, Exchange::Idle) {
            self.start_now(&mut Some(awaiting.0));
        }
        self.poll_response(cx)
    }

    #[inline]
    fn start_now(&mut self, request: &mut Option<Request<B>>) {
        if let Err(failed) = self.begin(request) {
            self.exchange = Exchange::Failed(failed);
        }
    }

    /// An extended CONNECT, which may have to wait.
    #[cold]
    fn start_stream(&mut self, from: &mut Option<Request<B>>) {
        let Some(request) =
            from.take_if(|request| !self.shared.capacity.is_announced() && ConnectProtocol::of(request).is_some())
        else {
            return self.start_now(from);
        };
        let wire = &self.shared.wire;
        wire.open_stream();
        self.exchange = Exchange::AwaitingSettings(Box::new((request, wire.hand_over_stream())));
    }

    /// Polls what is polled besides the response: the request until it is sent, and who wants interim responses.
    fn poll_others(&mut self, cx: &mut Context<'_>) -> Result<(), Stop> {
        let Exchange::Waiting { response, upload, failed, interim, .. } = &mut self.exchange else { return Ok(()) };
        if let Some(sending) = upload {
            let mut sent = sending.as_mut().poll_send(cx);
            if sent.is_pending() && sending.is_awaiting_window() && self.send.poll_ready(cx).is_ready() {
                sending.as_mut().opened(&*self.shared.runtime);
                sent = sending.as_mut().poll_send(cx);
            }
            match sent {
                Poll::Pending => {}
                // An upload that ended before its body was polled still holds the body, to be given back.
                Poll::Ready(Ok(())) => {
                    if let Some(sent) = upload.take_if(|upload| !upload.is_unpolled()) {
                        self.shared.recycle(sent);
                    }
                }
                Poll::Ready(Err(error)) => *failed = Some(error),
            }
        }
        match interim {
            Some(interim) => poll_interim(response, interim, self.shared.max_informational, cx),
            None => Ok(()),
        }
    }

    /// There is no response. One that had arrived would take precedence over a failure of the request.
    #[cold]
    fn poll_stopped(
        &mut self,
        polled: Poll<Result<Response<RecvStream>, h2::Error>>,
    ) -> Poll<ResponseResult<B, H2Body>> {
        let failed = match &mut self.exchange {
            Exchange::Waiting { failed, .. } => failed.take(),
            _ => None,
        };
        let stop = match (polled, failed) {
            (_, Some(error)) => Stop::Body(error),
            (Poll::Ready(Err(error)), None) => Stop::Stream(error),
            _ => return Poll::Pending,
        };
        Poll::Ready(Err(self.make_failed(stop)))
    }

    /// A 421 (RFC 9110, section 15.5.20) on a connection that was opened for another origin: the request goes back, to
    /// be sent on another connection. Where a proxy forwards it is about the proxy's, and not this one.
    fn misdirected(&mut self) -> Option<Failed<Request<B>>> {
        if self.shared.info.forwarded {
            return None;
        }
        let own = self.shared.info.route.target.origin().as_ref();
        if self.saved.origin().is_none_or(|origin| origin == own) {
            return None;
        }
        let unpolled = match &mut self.exchange {
            Exchange::Waiting { upload: Some(upload), .. } => upload.as_mut().take_unpolled(),
            _ => None,
        };
        let request = self.saved.restore(unpolled)?;
        let error = Error::of(Delivery::Refused, Phase::Wait, Cause::Misdirected).on(&self.shared.info);
        Some(Failed::with(error, request))
    }

    /// What such a response asks for, if it can be had: the request, with what it has shown to a proxy, for a layer
    /// above that wants to decide it. A 421 may give the request back at once.
    #[cold]
    #[expect(clippy::type_complexity, reason = "it is named nowhere else")]
    fn take_again(
        &mut self,
        status: StatusCode,
    ) -> Result<Option<Box<(Request<B>, Option<HeaderValue>)>>, Failed<Request<B>>> {
        if status == StatusCode::MISDIRECTED_REQUEST
            && let Some(failed) = self.misdirected()
        {
            self.cancel_exchange();
            return Err(failed);
        }
        if !FollowUp::is_wanted::<B>(status) {
            return Ok(None);
        }
        let shown = self.saved.shown().cloned();
        Ok(self.saved.restore(None).map(|request| Box::new((request, shown))))
    }

    #[cold]
    fn attach(
        &self,
        (request, shown): (Request<B>, Option<HeaderValue>),
        mut response: Response<H2Body>,
    ) -> Response<H2Body> {
        FollowUp::challenged(request, shown.as_ref(), &self.shared.info, &mut response);
        response
    }

    /// A response is here: ends its wait, and says what its body is made of besides its stream; `None` if it is over.
    #[inline]
    fn answered(&mut self, response: &Response<RecvStream>) -> Option<BodyParts> {
        let wire = &self.shared.wire;
        wire.ending().strikes().answered();
        let exchange = std::mem::replace(&mut self.exchange, Exchange::Idle);
        let Exchange::Waiting { upload, failed, is_head, ended, .. } = exchange else { return None };
        // To ask the stream takes the h2 crate's lock: for nothing, if no head has ended a stream meanwhile.
        let may_be_over = ended != wire.ended();
        self.saved.forget();
        // None of them has content, whatever its `content-length` (RFC 9110, section 8.6).
        let is_bare = is_head || matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = if is_bare { Some(0) } else { content_length(response) };
        let is_over = may_be_over && length.is_none_or(|length| length == 0) && response.body().is_end_stream();
        let upload = upload.and_then(|upload| self.detach(upload, failed, is_over));
        let open = self.shared.wire.hand_over_stream();
        (!is_over).then_some(BodyParts { length, is_bare, upload, open, is_held: self.may_be_pending })
    }

    /// The response's head arrived early: the rest of the upload goes on in a task, or ends with the response if it has
    /// failed.
    fn detach(
        &mut self,
        mut upload: Pin<Box<Upload<B>>>,
        failed: Option<H2Error>,
        is_over: bool,
    ) -> Option<ResponseReader> {
        let control = Arc::new(UploadControl::default());
        self.exchange = Exchange::Uploading(control.handle());
        // Registered before the upload runs, so that a failure of it is reported to the reader.
        let reader = (!is_over).then(|| control.reader());
        upload.as_mut().detach(&control);
        if let Some(error) = failed {
            upload.as_mut().fail(error);
        }
        self.shared.runtime.spawn(upload);
        reader
    }

    fn make_failed(&mut self, stop: Stop) -> Failed<Request<B>> {
        let exchange = std::mem::replace(&mut self.exchange, Exchange::Idle);
        let (mut upload, writes) = match exchange {
            Exchange::Waiting { response, upload, writes, .. } => {
                self.shared.wire.close_stream();
                if let Stop::Stream(error) = &stop
                    && strikes::is_refusal(error)
                {
                    self.shared.refused(response.stream_id().into());
                }
                (upload, writes)
            }
            Exchange::Failed(failed) => return failed,
            Exchange::Idle | Exchange::Uploading(_) | Exchange::AwaitingSettings(_) => (None, 0),
        };
        let failed = match stop {
            Stop::Stream(error) => {
                let unpolled = upload.as_mut().and_then(|upload| upload.as_mut().take_unpolled());
                let delivery = classify::delivery(&error, writes == self.shared.wire.attempts());
                let ending = self.shared.wire.ending();
                let error = self.error(delivery, ending.phase(Phase::Wait), ending.cause(error, false));
                self.failed(error, unpolled)
            }
            Stop::Body(error) => {
                if let Some(upload) = &mut upload {
                    upload.as_mut().reset();
                }
                Failed::lost(self.error(Delivery::Unknown, Phase::Send, Cause::RequestBody(error.into())))
            }
            Stop::NotStarted => {
                let cause = Cause::Exchange(H2Error::NotStarted.into());
                Failed::lost(self.error(Delivery::Unsent, Phase::Wait, cause))
            }
            Stop::Interim(max) => {
                let cause = Cause::Protocol(H2Error::InterimResponses(max).into());
                Failed::lost(self.error(Delivery::Unknown, Phase::Wait, cause))
            }
        };
        self.recycle(upload);
        failed
    }
}

/// Why there is no response.
enum Stop {
    Stream(h2::Error),
    Body(H2Error),
    /// More interim responses than so many.
    Interim(u32),
    NotStarted,
}

/// Hands on the interim responses that have come.
#[cold]
fn poll_interim(
    response: &mut ResponseFuture,
    (on, count): &mut (OnInformational, u32),
    max: u32,
    cx: &mut Context<'_>,
) -> Result<(), Stop> {
    while let Poll::Ready(Some(Ok(interim))) = response.poll_informational(cx) {
        *count += 1;
        if *count > max {
            return Err(Stop::Interim(max));
        }
        on.call(interim);
    }
    Ok(())
}

/// Whether a response with this status may be none for its caller.
#[inline]
fn asks_again(status: StatusCode) -> bool {
    status == StatusCode::MISDIRECTED_REQUEST || FollowUp::may_follow(status)
}

#[inline]
fn content_length<T>(response: &Response<T>) -> Option<u64> {
    if response.headers().is_empty() {
        return None;
    }
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<B> Connection<B> for Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = H2Body;

    fn info(&self) -> &Arc<ConnInfo> {
        &self.shared.info
    }

    fn capacity(&self) -> Capacity {
        self.shared.capacity.get()
    }

    fn share(&self) -> Option<Self> {
        Some(Self::new(self.send.clone(), Arc::clone(&self.shared)))
    }

    fn subscribe(&self, subscribe: Arc<dyn StatusListener>) {
        self.shared.status.subscribe(subscribe);
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Exchange::Uploading(upload) = &self.exchange {
            ready!(upload.poll_over(cx));
            self.exchange = Exchange::Idle;
        }
        // To ask takes the h2 crate's lock. The driver is the first to learn that no more streams can be opened.
        if !self.may_be_pending && self.shared.is_roomy() {
            return Poll::Ready(Ok(()));
        }
        self.poll_send_ready(cx)
    }

    fn is_sent(&self) -> bool {
        match &self.exchange {
            Exchange::Idle => true,
            Exchange::Waiting { upload, .. } => upload.is_none(),
            Exchange::Failed(_) | Exchange::Uploading(_) | Exchange::AwaitingSettings(_) => false,
        }
    }

    fn sent(&self, cx: &mut Context<'_>) -> Option<u64> {
        match &self.exchange {
            // Its response is waited for from the beginning.
            Exchange::Waiting { is_stream: true, .. } => None,
            Exchange::AwaitingSettings(_) => Some(0),
            Exchange::Waiting { upload, .. } => upload.as_ref()?.sent(cx),
            _ => None,
        }
    }

    /// The driver sends a PING. The connection is suspect until that is answered if nothing came since the request was
    /// started; if it is the rest of a body that doesn't come, the PING alone decides.
    fn timed_out(&self) {
        match &self.exchange {
            Exchange::Waiting { reads, .. } => self.shared.suspect(Some(*reads)),
            Exchange::Idle | Exchange::Uploading(_) | Exchange::AwaitingSettings(_) => self.shared.suspect(None),
            Exchange::Failed(_) => {}
        }
    }

    /// The driver sends a PING. The connection is suspect until that is answered, or something else has come.
    fn suspect(&self) {
        self.shared.suspect(Some(self.shared.wire.reads()));
    }

    fn start(&mut self, request: Request<B>) {
        self.start_from(&mut Some(request));
    }

    fn start_from(&mut self, request: &mut Option<Request<B>>) {
        if request.as_ref().is_some_and(|request| *request.method() == Method::CONNECT) {
            return self.start_stream(request);
        }
        self.start_now(request);
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H2Body>> {
        if let Exchange::Waiting { upload, interim, .. } = &self.exchange
            && (upload.is_some() || interim.is_some())
            && let Err(stop) = self.poll_others(cx)
        {
            return Poll::Ready(Err(self.make_failed(stop)));
        }
        let Exchange::Waiting { response, failed, .. } = &mut self.exchange else {
            return self.poll_unstarted(cx);
        };
        let polled = Pin::new(response).poll(cx);
        if polled.is_pending() && failed.is_none() {
            return Poll::Pending;
        }
        let Poll::Ready(Ok(response)) = polled else { return self.poll_stopped(polled) };
        let mut again = None;
        if asks_again(response.status()) {
            again = match self.take_again(response.status()) {
                Ok(again) => again,
                Err(failed) => return Poll::Ready(Err(failed)),
            };
        }
        let body = self.answered(&response);
        // From where it is to where it goes: a response is large, and each name it is given is a copy.
        let (head, stream) = response.into_parts();
        let body = body.map_or_else(H2Body::default, |parts| parts.with(stream));
        match again {
            None => Poll::Ready(Ok(Response::from_parts(head, body))),
            Some(again) => Poll::Ready(Ok(self.attach(*again, Response::from_parts(head, body)))),
        }
    }
}

impl<B: Body> Drop for Http2<B> {
    fn drop(&mut self) {
        self.cancel_exchange();
        self.shared.leave();
    }
}

impl<B: Body> fmt::Debug for Http2<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = match &self.exchange {
            Exchange::Idle => "idle",
            Exchange::Failed(_) => "failed",
            Exchange::AwaitingSettings(_) => "awaiting settings",
            Exchange::Waiting { upload: None, .. } => "waiting",
            Exchange::Waiting { .. } => "sending",
            Exchange::Uploading(_) => "uploading",
        };
        f.debug_struct("Http2")
            .field("connection", &self.shared.info.id)
            .field("capacity", &self.shared.capacity.get())
            .field("exchange", &exchange)
            .finish_non_exhaustive()
    }
}
