//! A client as its user sees it, against origins on loopback. No clock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use skybridge::{
    Body, Client, Error, Flood, H2Error, HttpVersions, Protocol, RequestBody, RequestOptions, ResponseExt, TooLarge,
    tower::ServiceExt,
};
use skybridge_testkit::{closed::Closed, h2::Peer, origin::Origin};
use std::{error::Error as _, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

async fn echo(request: Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
    Response::new(Full::new(request.into_body().collect().await.unwrap().to_bytes()))
}

fn h2(url: &str) -> Request<RequestBody> {
    let mut request = Request::get(url).body(RequestBody::empty()).unwrap();
    request.extensions_mut().insert(RequestOptions::new().http_versions(HttpVersions::Http2));
    request
}

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let (origin, client) = (Origin::h1().start().await, Client::new());
    for _ in 0..3 {
        assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);
    assert_eq!((client.stats().idle, client.stats().active), (1, 0));
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge_and_shared_by_all() {
    let (origin, client) = (Origin::h2c().start().await, Client::new());
    let url = origin.url("/");
    client.request(h2(&url)).await.unwrap().into_body().bytes().await.unwrap();
    let mut calls: JoinSet<_> = (0..20).map(|_| client.request(h2(&url))).collect();
    while let Some(call) = calls.join_next().await {
        let response = call.unwrap().unwrap();
        assert_eq!(response.connection().unwrap().protocol, Some(Protocol::Http2));
        assert_eq!(response.into_body().text().await.unwrap(), "hello");
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_response_and_a_body_know_their_connection() {
    let (origin, client) = (Origin::h1().start().await, Client::new());
    let response = client.get(origin.url("/")).await.unwrap();
    let info = Arc::clone(response.connection().unwrap());
    assert_eq!((info.remote.inet(), info.protocol), (Some(origin.addr()), Some(Protocol::Http1)));
    assert!(Arc::ptr_eq(&info, response.into_body().connection().unwrap()));
    assert!(Body::default().connection().is_none());
}

#[tokio::test]
async fn every_kind_of_body_arrives() {
    let (origin, client) = (Origin::h1().handle(echo).start().await, Client::new());
    let url = origin.url("/");
    let post = |body: RequestBody| client.request(Request::post(&url).body(body).unwrap());
    let stream = StreamBody::new(Pieces(vec!["c", "b", "a"]));
    for (body, expected) in
        [(().into(), ""), ("abc".into(), "abc"), (Vec::from("abc").into(), "abc"), (RequestBody::wrap(stream), "abc")]
    {
        assert_eq!(post(body).await.unwrap().into_body().text().await.unwrap(), expected);
    }
}

struct Pieces(Vec<&'static str>);

impl futures_core::Stream for Pieces {
    type Item = Result<http_body::Frame<Bytes>, std::io::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop().map(|piece| Ok(http_body::Frame::data(piece.into()))))
    }
}

#[tokio::test]
async fn it_is_a_service_of_requests_with_any_body() {
    let (origin, client) = (Origin::h1().handle(echo).start().await, Client::new());
    let url = origin.url("/");
    let full = Request::post(&url).body(Full::new(Bytes::from("full"))).unwrap();
    let boxed = Request::post(&url).body(Full::new(&b"boxed"[..]).boxed_unsync()).unwrap();
    let empty = Request::get(&url).body(Empty::<Bytes>::new()).unwrap();
    let text = |response: Response<Body>| response.into_body().text();
    assert_eq!(text(client.clone().oneshot(full).await.unwrap()).await.unwrap(), "full");
    assert_eq!(text(client.clone().oneshot(boxed).await.unwrap()).await.unwrap(), "boxed");
    assert_eq!(text(client.oneshot(empty).await.unwrap()).await.unwrap(), "");
}

#[test]
fn it_is_a_plain_thing_to_store_and_send() {
    fn assert_plain<T: Clone + Send + Sync + 'static>() {}
    fn assert_send<T: Send + 'static>() {}
    assert_plain::<Client>();
    assert_send::<skybridge::Call>();
    assert_send::<Response<Body>>();
    let _: Body = Body::default();
}

#[tokio::test]
async fn a_body_is_read_up_to_a_limit_that_the_error_names() {
    let big = |_| async { Response::new(Full::new(Bytes::from(vec![b'x'; Body::LIMIT + 1]))) };
    let (origin, client) = (Origin::h1().handle(big).start().await, Client::new());
    let get = async || client.get(origin.url("/")).await.unwrap().into_body();
    let error = get().await.bytes().await.unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), TooLarge { limit: 2_097_152 }.to_string());
    let at = origin.addr();
    let why =
        "the body has more than the 2 MiB that are taken at most (`Body::bytes_up_to` and `text_up_to` take more)";
    let when = "it failed while the response's body was read";
    let place = format!("HTTP/1.1 on connection 1 to {at}; the response had begun");
    assert_eq!(error.to_string(), format!("http://{at}: {when}: {why} ({place})"));
    assert_eq!(error.advice().map(|advice| advice.key()), Some("too_large"));
    assert!(error.connection().is_some());
    assert_eq!(get().await.bytes_up_to(Body::LIMIT + 1).await.unwrap().len(), Body::LIMIT + 1);
    assert!(get().await.bytes_up_to(0).await.is_err());
}

#[tokio::test]
async fn without_a_content_length_the_limit_still_holds() {
    let pieces = |_| async { Response::new(StreamBody::new(Pieces(vec!["cc", "bb", "aa"]))) };
    let (origin, client) = (Origin::h1().handle(pieces).start().await, Client::new());
    let get = async || client.get(origin.url("/")).await.unwrap().into_body();
    assert_eq!(get().await.bytes_up_to(6).await.unwrap(), "aabbcc");
    assert!(get().await.bytes_up_to(5).await.unwrap_err().source().unwrap().to_string().contains("5 bytes"));
}

#[tokio::test]
async fn what_is_not_utf_8_is_no_text() {
    let latin = |_| async { Response::new(Full::new(Bytes::from(&b"caf\xe9"[..]))) };
    let (origin, client) = (Origin::h1().handle(latin).start().await, Client::new());
    let error = client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("index 3"), "{error}");
}

#[tokio::test]
async fn clones_share_a_pool_and_closing_one_closes_all() {
    let (origin, client) = (Origin::h1().start().await, Client::new());
    client.clone().get(origin.url("/")).await.unwrap().into_body().bytes().await.unwrap();
    client.get(origin.url("/")).await.unwrap().into_body().bytes().await.unwrap();
    assert_eq!(origin.connections(), 1);
    client.clone().close();
    let error = client.get(origin.url("/")).await.unwrap_err();
    assert!(matches!(error.cause(), skybridge::Cause::Closed), "{error}");
    origin.until_open(0).await;
}

#[tokio::test]
async fn a_stale_connection_costs_no_request() {
    let (origin, client) = (Origin::h1().start().await, Client::new());
    for round in 1..=20 {
        let post = Request::post(origin.url("/")).body("once").unwrap();
        client.request(post).await.unwrap().into_body().bytes().await.unwrap();
        assert_eq!(origin.connections(), round);
        origin.close_all();
        origin.until_open(0).await;
    }
    assert_eq!(origin.requests().len(), 20);
}

#[tokio::test]
async fn a_refused_connect_is_told_in_full() {
    let gone = Closed::tcp();
    let error: Error = Client::new().get(format!("http://{}/", gone.addr())).await.unwrap_err();
    assert!(error.is_connect() && !error.is_timeout() && !error.is_request());
    assert_eq!(error.delivery(), skybridge::Delivery::Unsent);
    assert_eq!(error.attempts().len(), 1, "{error:?}");
    assert!(error.earlier().is_empty());
}

#[tokio::test]
async fn what_http2_was_ended_for_is_matched_by_the_source() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.unwrap().0).await;
        let stream = peer.request().await.stream;
        peer.headers(stream, &[(":status", "200")], false).await;
        // DATA frames, with nothing in them.
        let [a, b, c, d] = stream.to_be_bytes();
        peer.send_raw([0, 0, 0, 0, 0, a, b, c, d].repeat(101)).await;
        peer
    };
    let client = async {
        let response = Client::new().request(h2(&url)).await?;
        response.into_body().bytes().await
    };
    let (received, _peer) = tokio::join!(client, server);
    let error = received.unwrap_err();
    let sources = std::iter::successors(error.source(), |error| (*error).source());
    let flood: Flood = match sources.filter_map(|error| error.downcast_ref()).next() {
        Some(H2Error::Flood(flood)) => *flood,
        other => unreachable!("{other:?} in {error:?}"),
    };
    assert_eq!((flood.what, flood.limit), ("empty DATA frames", 100));
}

/// RFC 6761, section 6.3: nobody is asked for them, so that they can't lead elsewhere.
#[tokio::test]
async fn names_below_localhost_lead_to_this_machine() {
    let origin = Origin::h1().start().await;
    let url = format!("http://no.such.name.localhost:{}/", origin.addr().port());
    let response = Client::builder().build().get(&url).await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
}
