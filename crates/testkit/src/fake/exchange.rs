use super::{
    Body, Sender,
    slot::{Shared, Slot},
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use skybridge_core::{Delivery, Error, Failed, Phase, ResponseResult};
use std::{fmt, sync::Arc};
use tokio::sync::oneshot;

pub(super) type Answer<B> = oneshot::Sender<ResponseResult<B, Body>>;

/// One request on a fake connection, to be answered by the test. Dropped unanswered, it fails as `Unknown`.
pub struct Exchange<B> {
    pub(super) request: Request<B>,
    pub(super) shared: Arc<Shared<B>>,
    pub(super) slot: Arc<Slot>,
    pub(super) answer: Answer<B>,
}

// === impl Exchange ===

impl<B: Send + 'static> Exchange<B> {
    /// The request, as it was given to the connection.
    pub fn request(&self) -> &Request<B> {
        &self.request
    }

    /// Whether its caller has dropped it.
    pub fn is_cancelled(&self) -> bool {
        self.answer.is_closed()
    }

    /// Waits until its caller drops it.
    pub async fn cancelled(&mut self) {
        self.answer.closed().await;
    }

    /// Answers with a whole response.
    ///
    /// # Panics
    /// When the status is invalid.
    pub fn respond(self, status: u16, body: impl Into<Bytes>) {
        let body = Body::full(&self.shared, &self.slot, body.into());
        self.answer_with(response(status), body);
    }

    /// Answers with a response's head, whose body is sent by the sender.
    ///
    /// # Panics
    /// When the status is invalid.
    pub fn begin(self, status: u16) -> Sender {
        self.begin_with(response(status))
    }

    /// As [`begin`](Self::begin), with a head of any kind.
    pub fn begin_with(self, head: Response<()>) -> Sender {
        let (sender, body) = Body::streamed(&self.shared, &self.slot);
        self.answer_with(head, body);
        sender
    }

    /// Fails, and the request is lost. An exclusive connection stays open until [`Peer::close`](super::Peer::close).
    pub fn fail(self, delivery: Delivery) {
        let error = self.shared.error(delivery, Phase::Wait, "the test failed this exchange");
        self.fail_with(error);
    }

    /// The same, with this error.
    pub fn fail_with(self, error: Error) {
        self.slot.finish(&self.shared);
        // A caller that has gone needs no answer.
        let _ = self.answer.send(Err(Failed::lost(error)));
    }

    /// Fails, and returns the request.
    pub fn return_request(self, delivery: Delivery) {
        self.slot.finish(&self.shared);
        let error = self.shared.error(delivery, Phase::Send, "the test gave this request back");
        // A caller that has gone needs no answer.
        let _ = self.answer.send(Err(Failed::with(error, self.request)));
    }

    fn answer_with(self, head: Response<()>, body: Body) {
        // A caller that has gone drops the body, which ends the exchange.
        let _ = self.answer.send(Ok(head.map(|()| body)));
    }
}

fn response(status: u16) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_else(|_| panic!("status {status}"));
    response
}

impl<B> fmt::Debug for Exchange<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("uri", self.request.uri()).finish_non_exhaustive()
    }
}
