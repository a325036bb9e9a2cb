//! One connection of an origin.

#[cfg(feature = "tls")]
use super::acceptor::{Acceptor, Handshake};
use super::{
    answer::Answer,
    requests::{Open, Record},
    serving::{ResponseBody, Serving},
    socket::{Control, Resets, Socket, stream_reset},
    socket_effect::SocketEffect,
};
use crate::tasks::Tasks;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::CONNECTION};
use http_body_util::BodyExt;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use skybridge_core::BoxError;
use std::{
    future::{Future, pending},
    pin::pin,
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
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
    pub(super) serving: Arc<Serving>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Acceptor>,
    pub(super) tasks: Tasks,
    pub(super) record: Arc<Record>,
    pub(super) orders: watch::Sender<Order>,
}

/// Answers the requests of one connection.
struct Answering {
    open: Open,
    serving: Arc<Serving>,
    http1: bool,
    control: Arc<Control>,
}

/// Where hyper spawns the streams of an h2 connection: they are the origin's tasks too.
#[derive(Clone)]
struct Streams(Tasks);

/// Drives a connection of either protocol, which are of different types.
macro_rules! drive {
    ($connection:expr, $control:expr, $orders:expr) => {{
        let mut connection = pin!($connection);
        loop {
            tokio::select! {
                biased;
                // How a connection ends is the client's business.
                _ = connection.as_mut() => return,
                () = $control.over.notified() => return,
                () = $control.full.notified() => connection.as_mut().graceful_shutdown(),
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
    pub(super) fn spawn(&self, io: impl AsyncRead + AsyncWrite + Resets + Send + Unpin + 'static) {
        let (open, control) = (self.record.opened(), Arc::new(Control::default()));
        let io = Socket::new(io, &control);
        if let Some(effect) = self.record.on_connect() {
            control.apply(effect);
            if effect != SocketEffect::Stall {
                return;
            }
        }
        let (serving, orders) = (Arc::clone(&self.serving), self.orders.subscribe());
        let http2 = serving.http2;
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.clone() {
            return self.tasks.spawn(accept_tls(tls, serving, self.tasks.clone(), open, orders, io, control));
        }
        self.tasks.spawn(serve(serving, http2, self.tasks.clone(), open, orders, io, control));
    }
}

#[cfg(feature = "tls")]
async fn accept_tls(
    tls: Acceptor,
    serving: Arc<Serving>,
    tasks: Tasks,
    open: Open,
    mut orders: watch::Receiver<Order>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    control: Arc<Control>,
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
    serve(serving, http2, tasks, open, orders, io, control).await;
}

async fn serve(
    serving: Arc<Serving>,
    http2: bool,
    tasks: Tasks,
    open: Open,
    mut orders: watch::Receiver<Order>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    control: Arc<Control>,
) {
    let streams = serving.streams;
    let answering = Arc::new(Answering { open, serving, http1: !http2, control: Arc::clone(&control) });
    let service = service_fn(move |request| Arc::clone(&answering).answer(request));
    let io = TokioIo::new(io);
    if http2 {
        let mut server = http2::Builder::new(Streams(tasks));
        if let Some(streams) = streams {
            server.max_concurrent_streams(streams);
        }
        drive!(server.serve_connection(io, service), control, orders)
    }
    drive!(http1::Builder::new().serve_connection(io, service), control, orders)
}

async fn next(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::HangUp,
    }
}

// === impl Answering ===

impl Answering {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<ResponseBody>, BoxError> {
        let seen = self.open.saw(&request);
        let last = seen.exchange + 1 >= self.serving.requests;
        if last {
            self.control.full.notify_one();
        }
        let mut response = match (self.open.next_answer(), &self.serving.handle) {
            (Some(answer), _) => self.play(answer, request, seen.index).await?,
            (None, Some(handle)) => {
                self.open.read(seen.index, Bytes::new());
                handle(request).await
            }
            (None, None) => self.play(Answer::from("hello"), request, seen.index).await?,
        };
        if last && self.http1 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    /// Answers, with what happens on the way.
    async fn play(
        &self,
        answer: Answer,
        request: Request<Incoming>,
        index: usize,
    ) -> Result<Response<ResponseBody>, BoxError> {
        let (head, mut body) = request.into_parts();
        if answer.effects.request_start.is_some() {
            self.open.read(index, Bytes::new());
            self.meet(answer.effects.request_start).await?;
        }
        if answer.effects.request_body.is_some() {
            let first = body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
            self.open.read(index, first.unwrap_or_default());
            self.meet(answer.effects.request_body).await?;
        }
        // A request that breaks off is answered too; nobody reads it.
        let body = body.collect().await.map(|body| body.to_bytes());
        self.open.read(index, body.unwrap_or_default());
        if !answer.delay.is_zero() {
            tokio::time::sleep(answer.delay).await;
        }
        self.meet(answer.effects.response_start).await?;
        Ok(answer.into_response(&head.method, self.http1, Arc::clone(&self.control)))
    }

    /// Goes on where nothing ends.
    async fn meet(&self, effect: Option<SocketEffect>) -> Result<(), BoxError> {
        match effect {
            None => Ok(()),
            Some(SocketEffect::CloseStream(code)) if !self.http1 => Err(stream_reset(code)),
            Some(effect) => {
                self.control.apply(effect);
                if effect == SocketEffect::Drain { Ok(()) } else { pending().await }
            }
        }
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
