use super::{
    parts::{Part, Parts},
    slot::{Shared, Slot},
};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use skybridge_core::BoxError;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The body of a fake response. Dropping it early closes an exclusive connection, unless that
/// [drains](super::Facts::drains), and frees the stream of a shared one.
pub struct Body {
    parts: Parts,
    exchange: Option<Box<dyn Running>>,
}

/// The sending end of a [`Body`]. Dropping it ends the body.
#[derive(Debug)]
pub struct Sender {
    parts: UnboundedSender<Part>,
}

/// An exchange whose response is being read.
trait Running: Send {
    fn is_cancelled(&self) -> bool;
    fn finish(&self);
    fn cut(&self);
    fn leave_unread(&self, parts: Parts);
}

struct Reading<B> {
    shared: Arc<Shared<B>>,
    slot: Arc<Slot>,
}

// === impl Body ===

impl Body {
    pub(super) fn streamed<B: Send + 'static>(shared: &Arc<Shared<B>>, slot: &Arc<Slot>) -> (Sender, Self) {
        let (sender, parts) = unbounded_channel();
        let exchange = Reading { shared: Arc::clone(shared), slot: Arc::clone(slot) };
        let parts = Parts::new(parts);
        (Sender { parts: sender }, Self { parts, exchange: Some(Box::new(exchange)) })
    }

    pub(super) fn full<B: Send + 'static>(shared: &Arc<Shared<B>>, slot: &Arc<Slot>, data: Bytes) -> Self {
        let (sender, mut body) = Self::streamed(shared, slot);
        body.parts.announce(data.len() as u64);
        if data.is_empty() {
            body.over();
        } else {
            sender.data(data);
        }
        body
    }

    fn over(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.finish();
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Part>> {
        let Some(exchange) = &self.exchange else { return Poll::Ready(None) };
        if exchange.is_cancelled() {
            self.exchange = None;
            return Poll::Ready(Some(Err("the handle of this exchange was dropped".into())));
        }
        let part = std::task::ready!(self.parts.poll(cx));
        if matches!(part, Some(Err(_))) {
            self.exchange.take().inspect(|exchange| exchange.cut());
        } else if part.is_none() || self.parts.are_all_here() {
            self.over();
        }
        Poll::Ready(part)
    }

    fn is_end_stream(&self) -> bool {
        self.exchange.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.parts.length().map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            let none = Parts::new(unbounded_channel().1);
            exchange.leave_unread(std::mem::replace(&mut self.parts, none));
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("over", &self.exchange.is_none()).finish_non_exhaustive()
    }
}

// === impl Sender ===

impl Sender {
    /// Sends data; false when the body was dropped.
    pub fn data(&self, data: impl Into<Bytes>) -> bool {
        self.parts.send(Ok(Frame::data(data.into()))).is_ok()
    }

    /// Sends trailers; false when the body was dropped.
    pub fn trailers(&self, trailers: HeaderMap) -> bool {
        self.parts.send(Ok(Frame::trailers(trailers))).is_ok()
    }

    /// Ends the body without an error.
    pub fn end(self) {}

    /// Ends the body with an error, which ends an exclusive connection too.
    pub fn fail(self, error: impl Into<BoxError>) {
        // A body that was dropped needs no error.
        let _ = self.parts.send(Err(error.into()));
    }

    /// Whether the body was dropped.
    pub fn is_dropped(&self) -> bool {
        self.parts.is_closed()
    }

    /// Waits until the body is dropped.
    pub async fn dropped(&self) {
        self.parts.closed().await;
    }
}

// === impl Reading ===

impl<B: Send + 'static> Running for Reading<B> {
    fn is_cancelled(&self) -> bool {
        self.slot.is_cancelled()
    }

    fn finish(&self) {
        self.slot.finish(&self.shared);
    }

    fn cut(&self) {
        if self.slot.cancel(&self.shared) {
            self.shared.cut();
        }
    }

    fn leave_unread(&self, parts: Parts) {
        if !self.slot.leave_unread(&self.shared, parts) {
            self.cut();
        }
    }
}
