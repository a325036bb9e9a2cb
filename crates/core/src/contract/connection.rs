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
    /// None any more: it is closed or draining.
    None,
}

/// The result of an exchange: the head of the response with its body to be read, or an error that may still hold the
/// request.
pub type ResponseResult<B, R> = Result<Response<R>, Failed<Request<B>>>;

/// One HTTP connection as a pool sees it. Where it can be shared, this is one handle to it, which carries one exchange
/// at a time.
///
/// Implemented by the h1 and h2 crates and by what chooses between them. The pool calls, in this order for each
/// exchange: [`poll_ready`](Self::poll_ready), [`start`](Self::start), [`poll_response`](Self::poll_response), the
/// response's body to its end, and `poll_ready` again, which is ready when *both* the request and the response are
/// complete. To drop the handle in between cancels the exchange: an h1 connection closes, an h2 stream is reset. To
/// drop it otherwise has no effect on the connection, unless it was the last handle: then the connection closes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an HTTP connection for requests with a body of type `{B}`",
    label = "a pool holds HTTP connections; is `NegotiateLayer` missing below it?",
    note = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer, TlsLayer, TunnelLayer, RaceLayer, Tcp"
)]
pub trait Connection<B>: Send + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// What is known of the connection. It doesn't change, but by [`forward_to`](Self::forward_to).
    fn info(&self) -> &Arc<ConnInfo>;

    /// How many exchanges it may carry at once, as of now. Changes are reported to the [`StatusListener`].
    fn capacity(&self) -> Capacity;

    /// Another handle to the connection; `None` when it carries one exchange at a time.
    fn share(&self) -> Option<Self>
    where
        Self: Sized;

    /// Sets the listener for changes of the connection's status. Changes that happened before are reported at once.
    /// Called before the connection is used, and once more when it is [taken to another origin](Self::forward_to): then
    /// the new listener takes the place of the one before, and is told of the connection's end if that has come, or
    /// has begun.
    fn subscribe(&self, listener: Arc<dyn StatusListener>);

    /// Ready when this handle can carry an exchange: the one before is over, its response read or drained to the end.
    /// While it is pending, that exchange is being brought to its end: by a task, or within this call, so it is to be
    /// polled on.
    ///
    /// # Errors
    /// When the connection is closed or draining. Nothing was sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Whether the last request has been sent completely. If it has, and the response has been read to its end, then a
    /// pending `poll_ready` waits for the connection's driver alone, and the connection can be reused. The default is
    /// `false`, which assumes nothing.
    fn is_sent(&self) -> bool {
        false
    }

    /// How much of the request has been sent whose response is waited for, in any measure that grows; `None` when all
    /// of it was. So a pool sees whether an upload goes on, and from when on the response is waited for: it is woken
    /// when the last of it has left, if `poll_response` would not be for that. The default is `None`: from the
    /// beginning.
    fn sent(&self, _: &mut Context<'_>) -> Option<u64> {
        None
    }

    /// A time limit ends the exchange that was started: its request was not sent in time, its response or the rest of
    /// that's body did not come, or its call took too long. A connection that other exchanges share should find out
    /// whether its peer is alive. The default does nothing.
    fn timed_out(&self) {}

    /// Its peer may be gone without a sign, as after the machine slept. A shared connection should report
    /// [`Suspect`](crate::ConnectionStatus::Suspect) at once, and find out whether its peer is alive. Called on a
    /// handle that carries no exchange. The default does nothing.
    fn suspect(&self) {}

    /// From now on it carries requests for another origin, to which the same proxy
    /// [forwards](crate::ConnInfo::forwarded) them: what is known of it is `info` now, whose route leads to that
    /// origin. Called between two exchanges, on a connection that can't be shared. False when that can't be done, and
    /// then nothing has changed. The default is `false`: it stays with its origin.
    fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        let _ = info;
        false
    }

    /// Begins an exchange. Must be called only after `poll_ready` was ready.
    fn start(&mut self, request: Request<B>);

    /// As [`start`](Self::start), with the request taken out of where it is: a request is large, and each hand that it
    /// goes through is a copy. Nothing is begun if there is none.
    #[inline]
    fn start_from(&mut self, request: &mut Option<Request<B>>) {
        if let Some(request) = request.take() {
            self.start(request);
        }
    }

    /// The response to the request that was started. If its status may ask for the request again, a retry layer above
    /// [wants to decide that](crate::FollowUp::is_wanted), and the request could be kept, it is in the response's
    /// extensions ([`FollowUp`](crate::FollowUp)).
    ///
    /// # Errors
    /// With the request, complete and unchanged, whenever it is known not to have been processed and could be kept.
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, Self::Body>>;
}
