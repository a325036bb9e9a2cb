//! A connection and its peer, joined by the in-memory network.
#![allow(dead_code, clippy::unwrap_used, reason = "not every module uses all of it; a test may panic")]

use crate::handshake::{H1, H1Body, Http1};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
use skybridge_core::{
    BoxError, CloseReason, ConnInfo, Connection, ConnectionStatus, Connector as _, Failed, Handshake, Proxy,
    ProxyHeaders, ResponseResult, StatusListener,
};
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    h1::Script,
    net::{Conn, Network},
};
use std::{
    fmt::Debug,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

pub(crate) type TestBody = UnsyncBoxBody<Bytes, BoxError>;
const ADDR: &str = "192.0.2.1:80";

pub(crate) struct World<B: Body> {
    pub(crate) conn: Http1<B>,
    pub(crate) peer: Script<Conn>,
    pub(crate) status: Arc<Notes>,
    pub(crate) net: Network,
    pub(crate) executor: Executor,
}

pub(crate) async fn world(h1: H1<TestBody>) -> World<TestBody> {
    amended(h1, |_| {}).await
}

pub(crate) async fn amended<B>(h1: H1<B>, amend: impl Fn(&mut ConnInfo) + Send + Sync + 'static) -> World<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    over(Network::new(), h1, amend).await
}

/// No more than so many bytes are on their way at once.
pub(crate) async fn narrow(bytes: usize) -> World<TestBody> {
    let net = Network::new();
    net.at(ADDR.parse().unwrap()).window(bytes);
    over(net, H1::new(), |_| {}).await
}

async fn over<B>(net: Network, h1: H1<B>, amend: impl Fn(&mut ConnInfo) + Send + Sync + 'static) -> World<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let executor = Executor::new();
    let listener = net.listen(ADDR.parse().unwrap());
    let route = fixtures::route("http://a.test", [ADDR], executor.ctx());
    let link = net.connector().amend(amend).connect(route).await.unwrap();
    let conn = h1.handshake(link, &executor.ctx()).await.unwrap();
    let peer = Script::new(listener.accept().await.0);
    let status = Arc::new(Notes::default());
    conn.subscribe(status.clone());
    World { conn, peer, status, net, executor }
}

/// Requests are forwarded by a proxy that wants to know who we are.
pub(crate) fn forwarded(info: &mut ConnInfo) {
    (info.forwarded, info.proxies_passed) = (true, 1);
    info.route.proxies = [Proxy::parse("http://alice:secret@proxy.test").unwrap()].into();
}

/// The same, with headers for the proxy.
pub(crate) fn forwarded_with_headers(info: &mut ConnInfo) {
    forwarded(info);
    let fields = [("x-session", "7"), ("user-agent", "ours"), ("proxy-way", "w")];
    let fields = fields.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let headers = ProxyHeaders::new(&HeaderMap::from_iter(fields)).unwrap();
    info.route.proxies = [info.route.proxies[0].clone().headers(headers)].into();
}

impl<B> World<B>
where
    B: Body + Debug + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// One exchange that the peer answers with these bytes: what came over the wire, and the response with its body.
    pub(crate) async fn exchange(&mut self, request: Request<B>, answer: &str) -> (String, http::Response<Bytes>) {
        let client = async {
            let response = send(&mut self.conn, request).await.unwrap();
            let (parts, body) = response.into_parts();
            http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
        };
        let server = async {
            let request = self.peer.request().await;
            self.peer.send(answer).await;
            request.head().to_owned()
        };
        let (response, head) = tokio::join!(client, server);
        (head, response)
    }
}

pub(crate) async fn ready<B: Body>(conn: &mut Http1<B>) -> Result<(), skybridge_core::Error>
where
    Http1<B>: Connection<B>,
{
    poll_fn(|cx| conn.poll_ready(cx)).await
}

pub(crate) async fn send<B: Body>(conn: &mut Http1<B>, request: Request<B>) -> ResponseResult<B, H1Body>
where
    Http1<B>: Connection<B, Body = H1Body>,
{
    ready(conn).await.map_err(Failed::lost)?;
    conn.start(request);
    response(conn).await
}

pub(crate) async fn response<B: Body>(conn: &mut Http1<B>) -> ResponseResult<B, H1Body>
where
    Http1<B>: Connection<B, Body = H1Body>,
{
    poll_fn(|cx| conn.poll_response(cx)).await
}

pub(crate) fn get(uri: &str) -> Request<TestBody> {
    Request::get(uri).body(empty()).unwrap()
}

pub(crate) fn empty() -> TestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(text: &'static str) -> TestBody {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync()
}

/// Of unknown length.
pub(crate) fn stream(parts: Vec<Result<&'static str, BoxError>>) -> TestBody {
    frames(parts.into_iter().map(|part| part.map(|text| Frame::data(Bytes::from_static(text.as_bytes())))).collect())
}

pub(crate) fn frames(frames: Vec<Result<Frame<Bytes>, BoxError>>) -> TestBody {
    StreamBody::new(Frames(frames.into_iter())).boxed_unsync()
}

struct Frames(std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>);

impl futures_core::Stream for Frames {
    type Item = Result<Frame<Bytes>, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// Every news, in order.
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

    /// The one and only end.
    pub(crate) fn assert_closed(&self, reason: CloseReason) {
        assert_eq!(self.all(), [ConnectionStatus::Closed(reason)]);
    }
}
