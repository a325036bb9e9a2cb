//! The origins: HTTP/1.1 and HTTP/2 by hyper, on one round's network.

use crate::{
    chaos::{Answer, Chaos, Life},
    hold::Hold,
    ledger::Ledger,
    pieces::{Pieces, Reader},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use skybridge_testkit::net::Conn;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// The request's id.
pub(crate) const ID: &str = "x-id";
/// How often the id is in the body: of a request when it is sent, of a response when it is received.
pub(crate) const IDS: &str = "x-ids";
/// The request isn't answered.
pub(crate) const HANG: &str = "x-hang";
/// All of these are answered when as many as there may be are there.
pub(crate) const HOLD: &str = "/hold";

/// Streams of an HTTP/2 connection.
pub(crate) const STREAMS: u32 = 4;

/// The window of a stream for its request, in bytes.
const WINDOW: u32 = 65_535 / 3 + 1;

/// What every connection of a round knows.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) http2: bool,
    pub(crate) chaos: Chaos,
    pub(crate) ledger: Ledger,
    pub(crate) hold: Hold,
}

#[derive(Debug)]
struct Connection {
    peer: Peer,
    life: Life,
    requests: AtomicU64,
    drain: Notify,
    cut: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Tasks;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        tokio::spawn(task);
    }
}

macro_rules! drive {
    ($served:expr, $connection:expr) => {{
        let mut served = pin!($served);
        loop {
            tokio::select! {
                // How a connection ends is not of interest here.
                _ = served.as_mut() => return,
                () = $connection.drain.notified() => served.as_mut().graceful_shutdown(),
                () = $connection.cut.notified() => return,
            }
        }
    }};
}

impl Peer {
    pub(crate) async fn serve(self, conn: Conn) {
        let http2 = self.http2;
        let life = self.chaos.life();
        let cut_after = if let Life::CutAfter(millis) = life { Some(millis) } else { None };
        let connection = Arc::new(Connection {
            peer: self,
            life,
            requests: AtomicU64::default(),
            drain: Notify::new(),
            cut: Notify::new(),
        });
        let serving = Arc::clone(&connection).serve(http2, conn);
        match cut_after {
            // Then it is dropped, and the connection with it.
            Some(millis) => drop(tokio::time::timeout(Duration::from_millis(millis), serving).await),
            None => serving.await,
        }
    }
}

impl Connection {
    async fn serve(self: Arc<Self>, http2: bool, conn: Conn) {
        let this = Arc::clone(&self);
        let service = service_fn(move |request| Arc::clone(&this).answer(request));
        let io = TokioIo::new(conn);
        if http2 {
            // Windows that requests have to wait for. Not smaller: until the client has acknowledged a stream's window
            // it is 65,535 bytes, and what is read of it is released once that is half of what is left, the first time
            // after a third. If less was sent, but not less than the window turns out to be, hyper's h2 never releases
            // it, and the client may not send.
            let mut builder = http2::Builder::new(Tasks);
            builder
                .max_concurrent_streams(STREAMS)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(65_535);
            drive!(builder.serve_connection(io, service), self)
        }
        drive!(http1::Builder::new().serve_connection(io, service), self)
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Pieces>, h2::Error> {
        let Peer { chaos, ledger, hold, .. } = &self.peer;
        if request.uri().path() == HOLD {
            hold.arrive().await;
            return Ok(Response::new(Pieces::at_once(0, 1)));
        }
        let (head, body) = request.into_parts();
        let id = number(&head.headers, ID).unwrap_or(u64::MAX);
        let answer = chaos.answer();
        ledger.arrived(id, head.method == Method::POST, !matches!(answer, Answer::Refused));
        self.live();
        if head.headers.contains_key(HANG) {
            // Streams are dropped with their connection, or when they are reset.
            std::future::pending::<()>().await;
        }
        chaos.pause().await;
        match answer {
            Answer::Refused => return Err(h2::Reason::REFUSED_STREAM.into()),
            Answer::Early => drop(body),
            Answer::Whole => self.read(id, &head.headers, body).await,
        }
        chaos.pause().await;
        let mut rng = chaos.fork();
        let ids = if rng.u8(..16) == 0 { rng.usize(..8192) } else { rng.usize(..64) };
        let body = if rng.bool() { Pieces::at_once(id, ids) } else { Pieces::slow(id, ids, rng, chaos.mode()) };
        let mut response = Response::new(body);
        response.headers_mut().insert(ID, id.into());
        response.headers_mut().insert(IDS, ids.into());
        Ok(response)
    }

    /// Ends the connection when its time has come.
    fn live(&self) {
        let requests = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        match self.life {
            Life::Drains(with) if with == requests => self.drain.notify_one(),
            Life::CutWith(with) if with == requests => self.cut.notify_one(),
            _ => {}
        }
    }

    /// A body that breaks off is no body; one that ends must be there to its last byte.
    async fn read(&self, id: u64, headers: &HeaderMap, mut body: Incoming) {
        let ledger = &self.peer.ledger;
        let mut reader = Reader::new(id);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return };
            let data: Bytes = frame.into_data().unwrap_or_default();
            if !reader.read(&data) {
                return ledger.violated(id, "its body is another's, or in disorder");
            }
        }
        let ids = number(headers, IDS).and_then(|ids| usize::try_from(ids).ok()).unwrap_or(0);
        if !reader.is_whole(ids) {
            ledger.violated(id, format!("a part of its body was taken for the whole: {reader:?} of {ids} ids"));
        }
    }
}

pub(crate) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}
