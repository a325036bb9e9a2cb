//! By the page of `skybridge_h2`.

use skybridge_core::{Connection, Handshake, Link};
use skybridge_h2::H2;
use skybridge_runtime::TokioRuntime;
use std::future::poll_fn;

/// Two handles of one connection, over a pipe, to the server of the `h2` crate.
#[tokio::test]
async fn a_pipe_carries_two_streams_at_once() {
    let ctx = TokioRuntime::ctx();
    let (ours, theirs) = tokio::io::duplex(65_536);
    let link = Link::of(ours, &"http://a.test/".parse().unwrap(), ctx.clone()).unwrap();
    tokio::spawn(async move {
        let mut peer = ::h2::server::handshake(theirs).await.unwrap();
        let mut waiting = Vec::new();
        while let Some(request) = peer.accept().await {
            let (request, respond) = request.unwrap();
            waiting.push((request.uri().path().to_owned(), respond));
            // Neither is answered before both are here.
            for (path, mut respond) in waiting.drain(..if waiting.len() == 2 { 2 } else { 0 }) {
                let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                stream.send_data(path.into(), true).unwrap();
            }
        }
    });
    let mut one = H2::<String>::new().handshake(link, &ctx).await.unwrap();
    let mut two = one.share().expect("it can be shared");
    poll_fn(|cx| one.poll_ready(cx)).await.unwrap();
    poll_fn(|cx| two.poll_ready(cx)).await.unwrap();
    one.start(http::Request::get("http://a.test/one").body(String::new()).unwrap());
    two.start(http::Request::get("http://a.test/two").body(String::new()).unwrap());
    let (first, second) = tokio::join!(poll_fn(|cx| one.poll_response(cx)), poll_fn(|cx| two.poll_response(cx)));
    assert_eq!(super::text(first.unwrap().into_body()).await, "/one");
    assert_eq!(super::text(second.unwrap().into_body()).await, "/two");
}
