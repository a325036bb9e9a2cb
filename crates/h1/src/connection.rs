//! A connection. Each line needs only those below it:
//!
//! - `handle`: its one user's side. How a request begins (`request`), goes on (`exchange`), is answered (`response`) or
//!   fails (`failure`), and when the next one may begin (`ready`).
//! - `body`, `upload_task`: who goes on with a response, and with a request that outlasts its head.
//! - `shared`: what these three share, under a lock; `stage` is what can be asked without.
//! - `inner`: what is under the lock: the socket, and how far the exchange on it is. Its `read` half, what nobody reads
//!   any more (`drain`), and what nobody has asked for (`unasked`).
//! - `idle`: who is woken by an idle connection's socket.
//! - `upload`, `write_buffer`, `sent`, `read_buffer`, `reuse`, `timer`, `effects`, `closed_io`: their tools.

mod body;
mod closed_io;
mod effects;
mod handle;
mod idle;
mod inner;
#[cfg(all(test, loom))]
mod interleavings;
mod read_buffer;
mod reuse;
mod sent;
mod shared;
mod stage;
mod sync;
mod timer;
mod upload;
mod upload_task;
mod write_buffer;

pub use self::body::H1Body;
use self::{handle::Handle, stage::Stage};
use crate::settings::Settings;
use http::{HeaderValue, Request};
use http_body::Body;
use skybridge_core::{BoxError, Capacity, ConnInfo, Connection, Error, Io, ResponseResult, StatusListener};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

/// One HTTP/1.1 connection: it carries one exchange at a time, and can't be shared.
///
/// There is no task behind it: the exchange's own future writes the request and reads the response, both at once, so
/// that an early answer is never lost behind a request that can't be written to its end. Only what goes on when nobody
/// polls has a task, while it does: a request whose body outlasts its response's head, and a look at the socket of an
/// idle connection when something happened there.
///
/// Dropped between [`start`](Connection::start) and the response's head it closes. After that it lives as long as the
/// response's body, and closes when both are dropped. Moving it moves one pointer.
pub struct Http1<B: Body>(Box<Handle<B>>);

impl<B: Body> Http1<B> {
    pub(crate) fn new(io: impl Io, settings: Arc<Settings>, host: HeaderValue, info: Arc<ConnInfo>) -> Self {
        Self(Box::new(Handle::new(io, settings, host, info)))
    }
}

impl<B> Connection<B> for Http1<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Body = H1Body;

    #[inline]
    fn info(&self) -> &Arc<ConnInfo> {
        &self.0.info
    }

    #[inline]
    fn capacity(&self) -> Capacity {
        if self.0.shared.idle.stage.is(Stage::Closed) { Capacity::None } else { Capacity::Streams(1) }
    }

    fn share(&self) -> Option<Self> {
        None
    }

    fn subscribe(&self, listener: Arc<dyn StatusListener>) {
        self.0.shared.idle.status.subscribe(listener);
    }

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn is_sent(&self) -> bool {
        !self.0.shared.idle.stage.is(Stage::Sending)
    }

    fn sent(&self, _: &mut Context<'_>) -> Option<u64> {
        self.0.sent_bytes()
    }

    fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        self.0.forward_to(info)
    }

    #[inline]
    fn start(&mut self, request: Request<B>) {
        self.0.start(request);
    }

    #[inline]
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, H1Body>> {
        self.0.poll_response(cx)
    }
}

impl<B: Body> fmt::Debug for Http1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1").field("info", &self.0.info).field("step", &self.0.step).finish_non_exhaustive()
    }
}
