use crate::{
    H2Body, H2Error,
    chunk::Chunk,
    classify, head,
    kept::Kept,
    shared::Shared,
    tie::{Hold, Reading, Tie},
    upload::Upload,
};
use h2::{
    RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body, SizeHint};
use skybridge_core::{
    BoxError, Capacity, Cause, ConnInfo, Connection, Delivery, Error, Failed, Phase, Replays, ResponseResult,
    StatusListener,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// A handle to an HTTP/2 connection: carries one exchange at a time, beside those of other handles.
///
/// Until the head of the response is here the exchange is the handle's: dropping it resets the stream with CANCEL. From then on it is the
/// body's. A request that is still being sent then goes on in a task of its own, as long as the response or the handle is held.
pub struct Http2<B: Body> {
    exchange: Exchange<B>,
    kept: Option<Kept<B>>,
    send: SendRequest<Chunk<B::Data>>,
    shared: Arc<Shared<B>>,
}

/// ```text
/// Idle -> (Waiting | Failed) -> (Idle | Uploading -> Idle)
/// ```
enum Exchange<B: Body> {
    Idle,
    /// It could not be started.
    Failed(Failed<Request<B>>),
    /// For the head of the response; the request may not be sent yet.
    Waiting {
        response: ResponseFuture,
        upload: Option<Pin<Box<Upload<B>>>>,
        /// How the body failed, which the answer will tell if there is one.
        failed: Option<H2Error>,
        is_head: bool,
        /// How often the driver had written when it began.
        writes: usize,
    },
    /// Answered before all of the request was sent.
    Uploading(Hold),
}

impl<B: Body> Http2<B> {
    pub(crate) fn new(send: SendRequest<Chunk<B::Data>>, shared: Arc<Shared<B>>) -> Self {
        shared.enter();
        Self { exchange: Exchange::Idle, kept: None, send, shared }
    }

    fn error(&self, delivery: Delivery, phase: Phase, error: H2Error) -> Error {
        Error::new(delivery, phase, error).on(&self.shared.info)
    }

    /// The request as it came down, if it could be kept.
    fn restore(&mut self, unpolled: Option<B>) -> Option<Request<B>> {
        let (request, headers) = self.kept.take()?.restore(unpolled);
        self.shared.recycle(None, headers);
        request
    }

    /// Nobody waits for the response any more: its stream is reset.
    fn give_up(&mut self) {
        let upload = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Waiting { upload, .. } => upload,
            _ => None,
        };
        self.recycle(upload);
    }

    /// Ends with what is known of the request.
    fn failed(&mut self, error: Error, unpolled: Option<B>) -> Failed<Request<B>> {
        let again = match error.delivery() {
            Delivery::Unsent | Delivery::Refused => true,
            _ => self.kept.as_ref().is_some_and(Kept::may_repeat),
        };
        match self.restore(unpolled).filter(|_| again) {
            Some(request) => Failed::with(error, request),
            None => Failed::lost(error),
        }
    }

    /// Takes back the buffers of an exchange.
    fn recycle(&mut self, mut upload: Option<Pin<Box<Upload<B>>>>) {
        let kept = self.kept.take();
        if upload.is_none() && kept.is_none() {
            return;
        }
        if let Some(upload) = &mut upload {
            upload.as_mut().clear();
        }
        self.shared.recycle(upload, kept.map(Kept::into_buffer).unwrap_or_default());
    }
}

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn begin(&mut self, request: Request<B>) -> Result<Exchange<B>, Failed<Request<B>>> {
        let (mut parts, body) = request.into_parts();
        let (ended, is_head) = (body.is_end_stream(), parts.method == Method::HEAD);
        let size = if ended { SizeHint::with_exact(0) } else { body.size_hint() };
        let mut body = Some(body);
        if let Some(replays) = Replays::wanted() {
            let copy = if ended { body.take() } else { body.as_ref().and_then(|body| replays.body(body)) };
            let may_repeat = replays.may_repeat(&parts.method);
            self.kept = Some(Kept::new(&mut parts, self.shared.spare_headers(), copy, may_repeat));
        }
        let length = match head::prepare(&mut parts, &size, |length| self.shared.length(length)) {
            Ok(length) => length,
            Err(error) => return Err(self.failed(error.into(), body)),
        };
        let writes = self.shared.writes.count();
        let (response, stream) = match self.send.send_request(Request::from_parts(parts, ()), ended) {
            Ok(opened) => opened,
            Err(error) => {
                let error = self.error(Delivery::Unsent, Phase::Send, error.into());
                return Err(self.failed(error, body));
            }
        };
        let upload = body.filter(|_| !ended).map(|body| {
            let mut upload = self.shared.spare_upload().unwrap_or_else(|| Box::pin(Upload::idle()));
            let patient = self.kept.as_ref().is_some_and(Kept::has_no_copy);
            upload.as_mut().begin(body, length, stream, patient);
            upload
        });
        Ok(Exchange::Waiting { response, upload, failed: None, is_head, writes })
    }

    /// Polls both halves: the request's until it is over, the response's until its head is here. An answer that is
    /// there is given, whatever has become of the request.
    fn poll_halves(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, Stop>> {
        let Exchange::Waiting { response, upload, failed, .. } = &mut self.exchange else {
            return Poll::Ready(Err(Stop::NotStarted));
        };
        if let Some(sending) = upload {
            let mut sent = sending.as_mut().poll_send(cx);
            if sent.is_pending() && sending.is_patient() && self.send.poll_ready(cx).is_ready() {
                sending.as_mut().opened(&*self.shared.runtime);
                sent = sending.as_mut().poll_send(cx);
            }
            match sent {
                Poll::Pending => {}
                // One that ended before it began still has its body to give back.
                Poll::Ready(Ok(())) => {
                    if let Some(mut sent) = upload.take_if(|upload| !upload.is_unpolled()) {
                        sent.as_mut().clear();
                        self.shared.recycle(Some(sent), Vec::new());
                    }
                }
                Poll::Ready(Err(error)) => *failed = Some(error),
            }
        }
        match Pin::new(response).poll(cx) {
            Poll::Pending => failed.take().map_or(Poll::Pending, |error| Poll::Ready(Err(Stop::Body(error)))),
            polled => polled.map_err(|error| failed.take().map_or(Stop::Stream(error), Stop::Body)),
        }
    }

    /// A connection that was opened for another origin says that it is the wrong one, and the request is here to be sent elsewhere.
    fn misdirected(&mut self, response: &Response<RecvStream>) -> Option<Failed<Request<B>>> {
        if response.status() != StatusCode::MISDIRECTED_REQUEST {
            return None;
        }
        let own = self.shared.info.route.target.origin().as_ref();
        if self.kept.as_ref()?.origin().is_none_or(|origin| origin == own) {
            return None;
        }
        let unpolled = match &mut self.exchange {
            Exchange::Waiting { upload: Some(upload), .. } => upload.as_mut().take_unpolled(),
            _ => None,
        };
        let request = self.restore(unpolled)?;
        let error = Error::of(Delivery::Refused, Phase::Wait, Cause::Misdirected).on(&self.shared.info);
        Some(Failed::with(error, request))
    }

    fn answered(&mut self, response: Response<RecvStream>) -> Response<H2Body> {
        self.shared.answered();
        let exchange = std::mem::replace(&mut self.exchange, Exchange::Idle);
        let Exchange::Waiting { upload, failed, is_head, .. } = exchange else {
            return response.map(|_| H2Body::default());
        };
        self.recycle(None);
        let is_over = response.body().is_end_stream();
        let upload = upload.and_then(|upload| self.untether(upload, failed, is_over));
        let length = if is_head { None } else { content_length(&response) };
        response.map(|stream| if is_over { H2Body::default() } else { H2Body::new(stream, length, upload) })
    }

    /// Answered early: the rest of the request goes on by itself, or ends with the response if it has failed.
    fn untether(&mut self, mut upload: Pin<Box<Upload<B>>>, failed: Option<H2Error>, is_over: bool) -> Option<Reading> {
        let tie = Arc::new(Tie::default());
        self.exchange = Exchange::Uploading(tie.hold());
        // Before it runs: a failure is told to who reads, and waits for nobody else.
        let reading = (!is_over).then(|| tie.read());
        upload.as_mut().untether(&tie);
        if let Some(error) = failed {
            upload.as_mut().fail(error);
        }
        self.shared.runtime.spawn(upload);
        reading
    }

    fn stopped(&mut self, stop: Stop) -> Failed<Request<B>> {
        let exchange = std::mem::replace(&mut self.exchange, Exchange::Idle);
        let (mut upload, writes) = match exchange {
            Exchange::Waiting { upload, writes, .. } => (upload, writes),
            Exchange::Failed(failed) => return failed,
            Exchange::Idle | Exchange::Uploading(_) => (None, 0),
        };
        let failed = match stop {
            Stop::Stream(error) => {
                let unpolled = upload.as_mut().and_then(|upload| upload.as_mut().take_unpolled());
                let delivery = classify::delivery(&error, writes == self.shared.writes.count());
                // A peer that ends what has carried nothing wants no connection, and would want no other either.
                let planned = classify::is_planned(&error) && self.shared.has_answered();
                let error = H2Error::from(error).into();
                let cause = if planned { Cause::GoingAway(error) } else { Cause::Exchange(error) };
                self.failed(Error::of(delivery, Phase::Wait, cause).on(&self.shared.info), unpolled)
            }
            Stop::Body(error) => {
                if let Some(upload) = &mut upload {
                    upload.as_mut().reset();
                }
                Failed::lost(self.error(Delivery::Unknown, Phase::Send, error))
            }
            Stop::NotStarted => Failed::lost(self.error(Delivery::Unsent, Phase::Wait, H2Error::NotStarted)),
        };
        self.recycle(upload);
        failed
    }
}

/// Why there is no response.
enum Stop {
    Stream(h2::Error),
    Body(H2Error),
    NotStarted,
}

fn content_length<T>(response: &Response<T>) -> Option<u64> {
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
        self.shared.desk.subscribe(subscribe);
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Exchange::Uploading(upload) = &self.exchange {
            ready!(upload.poll_over(cx));
            self.exchange = Exchange::Idle;
        }
        let ready = ready!(self.send.poll_ready(cx));
        Poll::Ready(ready.map_err(|error| self.error(Delivery::Unsent, Phase::Acquire, error.into())))
    }

    fn start(&mut self, request: Request<B>) {
        self.exchange = self.begin(request).unwrap_or_else(Exchange::Failed);
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H2Body>> {
        Poll::Ready(match ready!(self.poll_halves(cx)) {
            Ok(response) => match self.misdirected(&response) {
                Some(failed) => {
                    self.give_up();
                    Err(failed)
                }
                None => Ok(self.answered(response)),
            },
            Err(stop) => Err(self.stopped(stop)),
        })
    }
}

impl<B: Body> Drop for Http2<B> {
    fn drop(&mut self) {
        self.give_up();
        self.shared.leave();
    }
}

impl<B: Body> fmt::Debug for Http2<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange = match &self.exchange {
            Exchange::Idle => "idle",
            Exchange::Failed(_) => "failed",
            Exchange::Waiting { upload: None, .. } => "waiting",
            Exchange::Waiting { .. } => "sending",
            Exchange::Uploading(_) => "uploading",
        };
        f.debug_struct("Http2")
            .field("connection", &self.shared.info.id)
            .field("room", &self.shared.capacity.get())
            .field("exchange", &exchange)
            .finish_non_exhaustive()
    }
}
