//! Requests whose streams can't be opened yet.

use super::{Exchange, Http2, Stop, Unopened};
use crate::{H2Body, queue_place::QueuePlace};
use http::Request;
use http_body::Body;
use skybridge_core::{BoxError, ConnectProtocol, Connection, ResponseResult};
use std::task::{Context, Poll};

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    /// Starts a request that may have to wait: few streams are left, or it is a CONNECT. An extended one must not be
    /// sent before the peer's SETTINGS allow it (RFC 8441, section 3). Any other is sent at once until they come, as
    /// the peer refuses what is too much.
    ///
    /// Handles in several threads that find the last stream free at once all take it: then one waits in the h2 crate.
    #[cold]
    pub(super) fn start_in_turn(&mut self, from: &mut Option<Request<B>>) {
        let shared = &self.shared;
        let waits = |request: &mut Request<B>| match shared.capacity.is_announced() {
            true => shared.wire.queue().is_used() || !shared.has_room(),
            false => ConnectProtocol::of(request).is_some(),
        };
        let Some(request) = from.take_if(waits) else { return self.start_unqueued(from) };
        let place = QueuePlace::last(&shared.wire);
        self.exchange = Exchange::Unopened(Box::new(Unopened { request, place }));
    }

    fn start_unqueued(&mut self, request: &mut Option<Request<B>>) {
        self.may_be_pending |= !self.shared.is_roomy();
        self.start_now(request);
    }

    /// Nothing was started, but for a request that waits.
    #[cold]
    pub(super) fn poll_unstarted(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H2Body>> {
        let Exchange::Unopened(unopened) = &self.exchange else {
            return Poll::Ready(Err(self.make_failed(Stop::NotStarted)));
        };
        unopened.place.register(cx.waker());
        if !self.shared.has_room() {
            return Poll::Pending;
        }
        if let Exchange::Unopened(unopened) = std::mem::replace(&mut self.exchange, Exchange::Idle) {
            let Unopened { request, mut place } = *unopened;
            self.start_unqueued(&mut Some(request));
            if matches!(self.exchange, Exchange::Waiting { .. }) {
                place.served();
            }
        }
        self.poll_response(cx)
    }
}
