//! One connection of an origin.

use super::{
    builder::{Builder, Handle, ResponseBody},
    requests::{Open, Record},
    tls::{Acceptor, Handshake},
};
use crate::tasks::Tasks;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, future::Future, pin::pin, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
};

/// Orders of an origin to its connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Serve,
    Drain,
    HangUp,
}

/// What accepting a connection needs.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) builder: Arc<Builder>,
    pub(super) tls: Option<Acceptor>,
    pub(super) tasks: Tasks,
    pub(super) record: Arc<Record>,
    pub(super) orders: watch::Sender<Order>,
}

/// Answers the requests of one connection.
struct Answering {
    open: Open,
    handle: Handle,
    http1: bool,
    requests: usize,
    full: Arc<Notify>,
}

/// Where hyper spawns the streams of an h2 connection: they are the origin's tasks too.
#[derive(Clone)]
struct Streams(Tasks);

/// Drives a connection of either protocol, which are of different types.
macro_rules! drive {
    ($connection:expr, $full:expr, $orders:expr) => {{
        let mut connection = pin!($connection);
        loop {
            tokio::select! {
                biased;
                // How a connection ends is the client's business.
                _ = connection.as_mut() => return,
                () = $full.notified() => connection.as_mut().graceful_shutdown(),
                order = next(&mut $orders) => match order {
                    Order::Serve => {}
                    Order::Drain => connection.as_mut().graceful_shutdown(),
                    Order::HangUp => return,
                },
            }
        }
    }};
}

// === impl Served ===

impl Served {
    pub(super) fn spawn(&self, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let open = self.record.opened();
        let (builder, orders) = (Arc::clone(&self.builder), self.orders.subscribe());
        let http2 = builder.http2;
        match self.tls.clone() {
            Some(tls) => self.tasks.spawn(accept_tls(tls, builder, self.tasks.clone(), open, orders, io)),
            None => self.tasks.spawn(serve(builder, http2, self.tasks.clone(), open, orders, io)),
        }
    }
}

async fn accept_tls(
    tls: Acceptor,
    builder: Arc<Builder>,
    tasks: Tasks,
    open: Open,
    mut orders: watch::Receiver<Order>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) {
    let accepted = {
        let mut accepting = pin!(tls.accept(io, |hello| open.greeted(hello)));
        loop {
            tokio::select! {
                biased;
                accepted = accepting.as_mut() => break accepted,
                order = next(&mut orders) => if matches!(order, Order::HangUp) { return },
            }
        }
    };
    // How a handshake fails is the client's business.
    let Ok(io) = accepted else { return };
    let handshake = Handshake::of(open.index, io.get_ref().1);
    let http2 = handshake.alpn.as_deref() == Some("h2");
    open.shook(handshake);
    serve(builder, http2, tasks, open, orders, io).await;
}

async fn serve(
    builder: Arc<Builder>,
    http2: bool,
    tasks: Tasks,
    open: Open,
    mut orders: watch::Receiver<Order>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) {
    let full = Arc::new(Notify::new());
    let answering = Arc::new(Answering {
        open,
        handle: Arc::clone(&builder.handle),
        http1: !http2,
        requests: builder.requests,
        full: Arc::clone(&full),
    });
    let service = service_fn(move |request| Arc::clone(&answering).answer(request));
    let io = TokioIo::new(io);
    if http2 {
        let mut server = http2::Builder::new(Streams(tasks));
        if let Some(streams) = builder.streams {
            server.max_concurrent_streams(streams);
        }
        drive!(server.serve_connection(io, service), full, orders)
    }
    drive!(http1::Builder::new().serve_connection(io, service), full, orders)
}

async fn next(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::HangUp,
    }
}

// === impl Answering ===

impl Answering {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<ResponseBody>, Infallible> {
        let last = self.open.saw(&request) + 1 >= self.requests;
        if last {
            self.full.notify_one();
        }
        let mut response = (self.handle)(request).await;
        if last && self.http1 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

// === impl Streams ===

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(async move {
            stream.await;
        });
    }
}
