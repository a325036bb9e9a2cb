//! A client of this crate and a scripted peer, joined by the in-memory network.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each test crate uses a part of it")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel, Either, Full, channel::Sender};
use skybridge_core::{
    Asking, Capacity, ConnInfo, Connection, ConnectionStatus, Connector, Error, Failed, Handshake, Replays,
    ResponseResult, StatusListener,
};
pub(crate) use skybridge_h2::H2;
use skybridge_h2::{H2Body, H2Error, Http2};
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    h2::Peer,
    net::{Conn, Network},
};
use std::{
    error::Error as _,
    future::poll_fn,
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

pub(crate) type Out = Either<Full<Bytes>, Channel<Bytes, io::Error>>;

/// A connection, and the replays that a retry layer above it asks for.
pub(crate) struct Client {
    http2: Http2<Out>,
    asking: Option<Asking>,
}

pub(crate) const ADDR: &str = "192.0.2.1:80";

/// One connection: the client's end, the peer's end, and the executor of its tasks.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) conn: Option<Conn>,
    pub(crate) executor: Executor,
    pub(crate) net: Network,
    pub(crate) notes: Arc<Notes>,
}

#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<ConnectionStatus>>);

impl StatusListener for Notes {
    fn notify(&self, status: ConnectionStatus) {
        self.0.lock().unwrap().push(status);
    }
}

impl Notes {
    pub(crate) fn all(&self) -> Vec<ConnectionStatus> {
        self.0.lock().unwrap().clone()
    }
}

impl World {
    /// A retry layer above asks for what may be sent again.
    pub(crate) async fn new(h2: H2<Out>) -> Self {
        Self::over(Network::new(), h2, Some(Replays::new(copy))).await
    }

    pub(crate) async fn asking(h2: H2<Out>, replays: Option<Replays<Out>>) -> Self {
        Self::over(Network::new(), h2, replays).await
    }

    /// At most this many bytes are in flight at once.
    pub(crate) async fn with_capacity(h2: H2<Out>, bytes: usize) -> Self {
        let net = Network::new();
        net.at(ADDR.parse().unwrap()).window(bytes);
        Self::over(net, h2, Some(Replays::new(copy))).await
    }

    /// At most this many bytes are in flight at once, and each takes so long.
    pub(crate) async fn on_a_slow_line(h2: H2<Out>, bytes: usize, latency: std::time::Duration) -> Self {
        let net = Network::new();
        net.at(ADDR.parse().unwrap()).window(bytes).latency(latency);
        Self::over(net, h2, Some(Replays::new(copy))).await
    }

    async fn over(net: Network, h2: H2<Out>, replays: Option<Replays<Out>>) -> Self {
        let executor = Executor::new();
        let listener = net.listen(ADDR.parse().unwrap());
        let route = fixtures::route("http://a.test", [ADDR], executor.ctx());
        let link = net.connector().connect(route).await.unwrap();
        let http2 = h2.handshake(link, &executor.ctx()).await.unwrap();
        let client = Client::new(http2, replays);
        let notes = Arc::new(Notes::default());
        client.subscribe(notes.clone());
        let conn = Some(listener.accept().await.0);
        Self { client, conn, executor, net, notes }
    }

    /// The peer, after the usual handshake.
    pub(crate) async fn peer(&mut self) -> Peer<Conn> {
        self.peer_with(&[]).await
    }

    pub(crate) async fn peer_with(&mut self, settings: &[(u16, u32)]) -> Peer<Conn> {
        Peer::accept_with(self.conn.take().unwrap(), settings).await
    }

    pub(crate) fn handle(&self) -> Client {
        self.client.share().unwrap()
    }
}

impl Client {
    pub(crate) fn new(http2: Http2<Out>, replays: Option<Replays<Out>>) -> Self {
        Self { http2, asking: replays.map(Replays::ask) }
    }
}

impl Connection<Out> for Client {
    type Body = H2Body;

    fn info(&self) -> &Arc<ConnInfo> {
        self.http2.info()
    }

    fn capacity(&self) -> Capacity {
        self.http2.capacity()
    }

    fn share(&self) -> Option<Self> {
        Some(Self { http2: self.http2.share()?, asking: self.asking })
    }

    fn subscribe(&self, subscribe: Arc<dyn StatusListener>) {
        self.http2.subscribe(subscribe);
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.http2.poll_ready(cx)
    }

    fn is_sent(&self) -> bool {
        self.http2.is_sent()
    }

    fn timed_out(&self) {
        self.http2.timed_out();
    }

    fn start(&mut self, request: Request<Out>) {
        match self.asking {
            Some(asking) => asking.during(|| self.http2.start(request)),
            None => self.http2.start(request),
        }
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<Out, H2Body>> {
        self.http2.poll_response(cx)
    }
}

/// Whole bodies can be copied, streamed ones can't.
pub(crate) fn copy(body: &Out) -> Option<Out> {
    match body {
        Either::Left(full) => Some(Either::Left(full.clone())),
        Either::Right(_) => None,
    }
}

pub(crate) fn empty() -> Out {
    full("")
}

pub(crate) fn full(data: impl Into<Bytes>) -> Out {
    Either::Left(Full::new(data.into()))
}

pub(crate) fn streamed() -> (Sender<Bytes, io::Error>, Out) {
    let (sender, body) = Channel::new(8);
    (sender, Either::Right(body))
}

pub(crate) fn get(path: &str) -> Request<Out> {
    Request::get(format!("http://a.test{path}")).body(empty()).unwrap()
}

pub(crate) fn post(body: Out) -> Request<Out> {
    Request::post("http://a.test/").body(body).unwrap()
}

pub(crate) async fn ready(client: &mut Client) -> Result<(), Error> {
    poll_fn(|cx| client.poll_ready(cx)).await
}

pub(crate) async fn response(client: &mut Client) -> Result<Response<H2Body>, Failed<Request<Out>>> {
    poll_fn(|cx| client.poll_response(cx)).await
}

pub(crate) async fn exchange(
    client: &mut Client,
    request: Request<Out>,
) -> Result<Response<H2Body>, Failed<Request<Out>>> {
    ready(client).await.map_err(Failed::lost)?;
    client.start(request);
    response(client).await
}

pub(crate) async fn bytes(response: Response<H2Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The error of this crate that is behind it.
pub(crate) fn h2_error(error: &Error) -> &H2Error {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return error;
        }
        source = error.source();
    }
    panic!("no error of this crate in {error:?}")
}
