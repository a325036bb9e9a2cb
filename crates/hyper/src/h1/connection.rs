use super::{
    body::HyperH1Body,
    classify,
    error::HyperH1Error,
    in_flight::{InFlight, Unsent},
    replay_copy::ReplayCopy,
    request_body::{RequestBody, Shared, look},
    rewrite::{Prepared, Rewrite, shared_host},
};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use hyper::client::conn::http1::SendRequest;
use skybridge_core::{
    BoxError, Capacity, Cause, CloseReason, ConnInfo, Connection, Delivery, Error, Failed, FollowUp, Phase,
    ProxyAnswer, ResponseResult, StatusListener,
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// One HTTP/1.1 connection over hyper: it carries one exchange at a time, and can't be shared.
///
/// Dropped between [`start`](Connection::start) and the response's head, or before all of the request has left, it
/// closes, and its socket with it, whatever the peer does. Otherwise it lives as long as the response's body, and
/// closes when both are dropped. Moving it moves one pointer.
pub struct HyperHttp1<B>(Box<Inner<B>>);

struct Inner<B> {
    sender: SendRequest<RequestBody<B>>,
    in_flight: InFlight<B>,
    state: State,
    /// It has carried an exchange before.
    reused: bool,
    rewrite: Rewrite,
    replay_copy: ReplayCopy<B>,
    /// A body that was over before it was sent: it goes back with its request.
    ended: Option<B>,
    refused: Option<Failed<Request<B>>>,
    host: HeaderValue,
    /// For the proxy that forwards what is sent here: the present request's, or the last one's.
    credentials: Option<HeaderValue>,
    info: Arc<ConnInfo>,
    shared: Arc<Shared<B>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Idle,
    /// `in_flight` holds a request's future.
    Waiting,
    /// There is a response's head; its body may be under way.
    Answered,
}

// === impl HyperHttp1 ===

impl<B> HyperHttp1<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    pub(crate) fn new(
        sender: SendRequest<RequestBody<B>>,
        host: HeaderValue,
        info: Arc<ConnInfo>,
        shared: Arc<Shared<B>>,
    ) -> Self {
        Self(Box::new(Inner {
            sender,
            in_flight: InFlight::new(),
            state: State::Idle,
            reused: false,
            rewrite: Rewrite::default(),
            replay_copy: ReplayCopy::new(),
            ended: None,
            refused: None,
            host,
            credentials: None,
            info,
            shared,
        }))
    }
}

impl<B> Connection<B> for HyperHttp1<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Body = HyperH1Body;

    #[inline]
    fn info(&self) -> &Arc<ConnInfo> {
        &self.0.info
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        if self.0.sender.is_closed() { Capacity::None } else { Capacity::Streams(1) }
    }

    fn share(&self) -> Option<Self> {
        None
    }

    fn subscribe(&self, subscribe: Arc<dyn StatusListener>) {
        self.0.shared.lifecycle.status.subscribe(subscribe);
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let inner = &mut *self.0;
        match ready!(inner.sender.poll_ready(cx)) {
            Ok(()) => {
                inner.state = State::Idle;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(classify::unsent(error).on(&inner.info))),
        }
    }

    #[inline]
    fn is_sent(&self) -> bool {
        self.0.shared.lifecycle.is_sent()
    }

    fn sent(&self, _: &mut Context<'_>) -> Option<u64> {
        let lifecycle = &self.0.shared.lifecycle;
        (!lifecycle.is_sent()).then(|| lifecycle.pieces())
    }

    fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        let inner = &mut *self.0;
        let Ok(host) = shared_host(info.route.target.origin().authority()) else { return false };
        let may = inner.info.forwarded && info.forwarded && inner.state != State::Waiting && inner.sender.is_ready();
        if may {
            (inner.host, inner.credentials, inner.info) = (host, None, Arc::clone(info));
        }
        may
    }

    #[inline]
    fn start(&mut self, request: Request<B>) {
        self.0.start(request);
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, HyperH1Body>> {
        let inner = &mut *self.0;
        if inner.state != State::Waiting {
            return Poll::Ready(Err(inner.not_sent()));
        }
        // Taken apart in place: moving what hyper sends as a whole is a tenth of this layer's cost.
        match inner.in_flight.poll(cx) {
            Poll::Ready(Ok(response)) if FollowUp::may_follow(response.status()) => {
                let response = inner.answered_to_follow_up(response);
                Poll::Ready(Ok(response.map(|body| HyperH1Body::new(body, &inner.shared))))
            }
            Poll::Ready(Ok(response)) => {
                inner.answered(response.status());
                Poll::Ready(Ok(response.map(|body| HyperH1Body::new(body, &inner.shared))))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(inner.failed(error))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<B> fmt::Debug for HyperHttp1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperHttp1").field("info", &self.0.info).field("state", &self.0.state).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl<B> Inner<B>
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    /// Not inlined: LLVM would copy the request, a quarter of a kilobyte, twice more.
    #[inline(never)]
    fn start(&mut self, mut request: Request<B>) {
        if self.info.forwarded {
            self.credentials = ProxyAnswer::credentials(&request, &self.info);
        }
        let prepared = self.rewrite.apply(&mut request, &self.host, self.credentials.as_ref(), &self.info);
        let Prepared { last, length, chunked } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.rewrite.undo(&mut request);
                self.refused = Some(Failed::with(error, request));
                return;
            }
        };
        if last {
            self.shared.lifecycle.will_end(CloseReason::Evicted);
        }
        if self.reused {
            self.replay_copy.keep(&request);
        }
        let (head, body) = request.into_parts();
        let body = match length {
            Some(mut length) if length.is_reached() && !chunked && !body.is_end_stream() => {
                if let Err(error) = look(body, &mut length) {
                    let cause = Cause::RequestBody(error.into());
                    self.refused = Some(Failed::lost(Error::of(Delivery::Unsent, Phase::Send, cause)));
                    self.rewrite.clear();
                    self.replay_copy.clear();
                    return;
                }
                RequestBody::nothing(&self.shared)
            }
            _ if body.is_end_stream() => {
                self.ended = Some(body);
                RequestBody::nothing(&self.shared)
            }
            length => RequestBody::new(&self.shared, body, length, chunked),
        };
        self.reused = true;
        self.state = State::Waiting;
        self.shared.lifecycle.wait();
        self.shared.lifecycle.begin();
        self.in_flight.send(&mut self.sender, head, body);
    }
}

impl<B> Inner<B>
where
    B: Body<Error: Into<BoxError>>,
{
    /// The copy of the request, if there is one, is given up with its response, so that whoever is above decides
    /// whether it is sent again.
    #[cold]
    fn answered_to_follow_up<T>(&mut self, mut response: Response<T>) -> Response<T>
    where
        B: Send + 'static,
    {
        if FollowUp::is_wanted::<B>(response.status())
            && let Some(mut request) = self.replay_copy.take()
        {
            self.rewrite.undo(&mut request);
            FollowUp::challenged(request, self.credentials.as_ref(), &self.info, &mut response);
        }
        self.answered(response.status());
        response
    }

    #[inline]
    fn answered(&mut self, status: StatusCode) {
        self.state = State::Answered;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            self.shared.lifecycle.will_end(CloseReason::Upgraded);
        }
        self.shared.lifecycle.waited();
        if self.sender.is_closed() {
            self.shared.lifecycle.close(CloseReason::PeerFin);
        }
        self.rewrite.clear();
        self.replay_copy.clear();
        self.ended = None;
    }

    #[cold]
    fn failed(&mut self, mut error: Box<Unsent<B>>) -> Failed<Request<B>> {
        self.state = State::Answered;
        let request = error.take_message();
        let error = error.into_error();
        self.ending(&error, request.is_some());
        let (error, request) = match request {
            Some(request) => {
                let (head, body) = request.into_parts();
                let body = body.into_inner().or_else(|| self.ended.take());
                let request = body.map(|body| Request::from_parts(head, body));
                self.shared.lifecycle.not_begun();
                (classify::unsent(error), request.or_else(|| self.replay_copy.take()))
            }
            None => {
                let error =
                    classify::unknown(error, self.shared.lifecycle.body_failure(), self.shared.lifecycle.was_cut());
                (error, self.replay_copy.take())
            }
        };
        self.replay_copy.clear();
        self.ended = None;
        let request = request.map(|mut request| {
            self.rewrite.undo(&mut request);
            Box::new(request)
        });
        self.rewrite.clear();
        Failed::new(error.on(&self.info), request)
    }

    /// The driver ends with this request, unless nothing was begun and it lives.
    fn ending(&self, error: &hyper::Error, unsent: bool) {
        let gone = self.sender.is_closed();
        if gone || !unsent {
            self.shared.lifecycle.will_end(classify::close_reason(error));
        }
        self.shared.lifecycle.waited();
        if self.sender.is_closed() {
            self.shared.lifecycle.close(CloseReason::PeerFin);
        }
    }

    #[cold]
    fn not_sent(&mut self) -> Failed<Request<B>> {
        let mut failed = self
            .refused
            .take()
            .unwrap_or_else(|| Failed::lost(Error::new(Delivery::Unsent, Phase::Send, HyperH1Error::NotStarted)));
        failed.error = failed.error.on(&self.info);
        failed
    }
}

impl<B> Drop for Inner<B> {
    fn drop(&mut self) {
        let unread = self.state != State::Idle && !self.sender.is_ready();
        self.shared.lifecycle.will_end(match self.state {
            State::Waiting if unread => CloseReason::Cancelled,
            _ if unread => CloseReason::Unread,
            _ => CloseReason::Shutdown,
        });
        self.shared.lifecycle.waited();
        // What it became is its user's: there is nothing of the request left that it waits for.
        if unread && !self.shared.lifecycle.is_sent() && !self.shared.lifecycle.is_upgraded() {
            self.shared.lifecycle.give_up();
        }
        if self.sender.is_closed() {
            self.shared.lifecycle.close(CloseReason::Shutdown);
        }
    }
}
