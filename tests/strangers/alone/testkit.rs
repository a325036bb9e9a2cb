//! By the page of `skybridge_testkit`.

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use skybridge_testkit::{
    net::Network,
    origin::{Answer, Origin, SocketEffect},
};
use std::time::Duration;

/// The client is hyper's: of ours there is nothing.
#[tokio::test(start_paused = true)]
async fn another_client_is_tested_against_a_server_that_falls_silent() {
    let net = Network::new();
    let silent = Answer::new("half of this").on_response_body(SocketEffect::Stall);
    let origin = Origin::h1().enqueue("hello").enqueue(silent).serve_at(&net, "a.test");

    let stream = net.connect(origin.addr()).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = || http::Request::get("/").header("host", "a.test").body(Empty::<bytes::Bytes>::new()).unwrap();

    let response = client.send_request(request()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    client.ready().await.unwrap();
    let body = client.send_request(request()).await.unwrap().into_body().collect();
    assert!(tokio::time::timeout(Duration::from_secs(600), body).await.is_err());
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1"]);
}
