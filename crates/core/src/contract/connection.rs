use crate::{BoxError, ConnInfo, Error, Failed, StatusListener};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::{
    sync::Arc,
    task::{Context, Poll},
};

/// How many exchanges a connection may carry at once.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Capacity {
    /// The peer has not said yet (its SETTINGS are not here).
    Unknown,
    /// This many.
    Streams(u32),
    /// No more: it is closed or draining.
    None,
}

/// How an exchange on a connection ends: with a response's head, or with an error and perhaps the request.
pub type ResponseResult<B, R> = Result<Response<R>, Failed<Request<B>>>;

/// One HTTP connection as a pool sees it; or, where it can be shared, one handle to it that carries one exchange at a time.
///
/// Implemented by the h1 and h2 crates and by what chooses between them; called by the pool, in this order for each exchange:
/// [`poll_ready`](Self::poll_ready), [`start`](Self::start), [`poll_response`](Self::poll_response), the response's body to its end, and
/// `poll_ready` again, which is ready when *both* halves of the exchange are over. Dropping the handle in between cancels the exchange: an h1
/// connection closes, an h2 stream is reset. Dropping it otherwise costs the connection nothing, unless it was the last handle: then it closes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an HTTP connection for requests with a body of type `{B}`",
    label = "a pool holds HTTP connections; is `NegotiateLayer` missing below it?",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait Connection<B>: Send + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// The facts.
    fn info(&self) -> &Arc<ConnInfo>;

    /// How many exchanges it may carry at once, by now. Changes are told to the [`StatusListener`].
    fn capacity(&self) -> Capacity;

    /// Another handle, when many exchanges may share it; `None` when it is exclusive.
    fn share(&self) -> Option<Self>
    where
        Self: Sized;

    /// Who is told when something happens to it. What happened before is told at once. Set once, before it is used.
    fn subscribe(&self, subscribe: Arc<dyn StatusListener>);

    /// Ready when this handle can carry an exchange. A pending one needs nothing but its driver to go on.
    ///
    /// # Errors
    /// When it is closed or draining: nothing was sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Whether all of the last request has left for the peer. If it has, and the response is here to its end, a
    /// `poll_ready` that is pending waits for nothing but the connection's own driver: the connection is as good as
    /// ready. By default that isn't known, and never assumed.
    fn is_sent(&self) -> bool {
        false
    }

    /// Begins an exchange. Only after `poll_ready` was ready.
    fn start(&mut self, request: Request<B>);

    /// The response to what was started.
    ///
    /// # Errors
    /// With the request, complete and as it came down, whenever it is known not to have been processed and could be kept.
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, Self::Body>>;
}
