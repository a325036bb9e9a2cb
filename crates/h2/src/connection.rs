mod asking;
mod failing;
mod starting;

use crate::{
    H2Body, H2Error,
    body::BodyParts,
    chunk::Chunk,
    classify,
    saved_request::SavedRequest,
    shared::Shared,
    upload::Upload,
    upload_control::{ResponseReader, UploadControl, UploadHandle},
    wire::OpenStream,
};
use h2::{
    RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use skybridge_core::{
    BoxError, Capacity, Cause, CloseReason, ConnInfo, Connection, Delivery, Error, Failed, FollowUp, OnInformational,
    Phase, ResponseResult, StatusListener,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

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
