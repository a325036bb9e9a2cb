//! The body of an answer: in pieces, with pauses, and with what becomes of its connection.

use super::{
    answer::Answer,
    serving::ResponseBody,
    socket::{Control, stream_reset},
    socket_effect::SocketEffect,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use skybridge_core::BoxError;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

struct AnswerBody {
    left: Bytes,
    trailers: Option<HeaderMap>,
    has_length: bool,
    http1: bool,
    /// How many bytes are left where `in_the_middle` happens.
    half: usize,
    in_the_middle: Option<SocketEffect>,
    at_the_end: Option<SocketEffect>,
    throttle: Option<(usize, Duration)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Nothing of it is sent any more.
    stopped: bool,
    control: Arc<Control>,
}

impl Answer {
    pub(super) fn into_response(self, method: &Method, http1: bool, control: Arc<Control>) -> Response<ResponseBody> {
        let (status, headers) = (self.status, self.headers.clone());
        let body = AnswerBody::new(self, method, http1, control);
        let mut response = Response::new(body.boxed_unsync());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl AnswerBody {
    fn new(answer: Answer, method: &Method, http1: bool, control: Arc<Control>) -> Self {
        let effects = answer.effects;
        let mut body = Self {
            half: answer.body.len() / 2,
            left: answer.body,
            trailers: answer.trailers,
            has_length: !answer.chunked,
            http1,
            in_the_middle: effects.response_body,
            at_the_end: effects.response_end,
            throttle: answer.throttle,
            timer: (!answer.body_delay.is_zero()).then(|| Box::pin(sleep(answer.body_delay))),
            stopped: false,
            control,
        };
        let is_bare = body.left.is_empty() && body.trailers.is_none();
        if is_bare || method == Method::HEAD {
            // Nobody asks for more of it.
            for effect in [body.in_the_middle.take(), body.at_the_end.take()].into_iter().flatten() {
                body.control.arm(effect);
            }
        }
        body
    }

    /// The next piece: not beyond the half if something happens there.
    fn piece(&mut self) -> Bytes {
        let until = if self.in_the_middle.is_some() { self.left.len() - self.half } else { self.left.len() };
        let most = self.throttle.map_or(usize::MAX, |(bytes, _)| bytes);
        let piece = self.left.split_to(until.min(most));
        if let Some((_, every)) = self.throttle.filter(|_| !self.left.is_empty()) {
            self.timer = Some(Box::pin(sleep(every)));
        }
        if self.left.is_empty() && self.has_length && self.http1 {
            // Nobody asks for more of it.
            self.end();
        }
        piece
    }

    fn end(&mut self) {
        if let Some(effect) = self.at_the_end.take() {
            self.control.arm(effect);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.stopped {
            return Poll::Pending;
        }
        if self.left.len() == self.half
            && let Some(effect) = self.in_the_middle.take()
        {
            match effect {
                SocketEffect::CloseStream(code) if !self.http1 => return Poll::Ready(Some(Err(stream_reset(code)))),
                SocketEffect::Drain => self.control.arm(effect),
                _ => {
                    // What was given so far is sent before it happens.
                    self.control.arm(effect);
                    self.stopped = true;
                    return Poll::Pending;
                }
            }
        }
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        if !self.left.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.piece()))));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        self.end();
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.trailers.is_none() && self.in_the_middle.is_none() && self.at_the_end.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.has_length { SizeHint::with_exact(self.left.len() as u64) } else { SizeHint::default() }
    }
}
