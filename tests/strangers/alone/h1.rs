//! By the page of `skybridge_h1`, and that of `skybridge_core::Connection`.

use skybridge_core::{Connection, Handshake, Link};
use skybridge_h1::H1;
use skybridge_runtime::TokioRuntime;
use std::future::poll_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_pipe_carries_a_post_and_a_chunked_answer() {
    let ctx = TokioRuntime::ctx();
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let link = Link::of(ours, &"http://a.test/".parse().unwrap(), ctx.clone()).unwrap();
    let mut connection = H1::new().handshake(link, &ctx).await.unwrap();

    poll_fn(|cx| connection.poll_ready(cx)).await.unwrap();
    connection.start(http::Request::post("http://a.test/cats").body("meow".to_owned()).unwrap());
    theirs.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npurr\r\n0\r\n\r\n").await.unwrap();
    let response = poll_fn(|cx| connection.poll_response(cx)).await.unwrap();
    assert_eq!(super::text(response.into_body()).await, "purr");

    let mut sent = [0; 1024];
    let length = theirs.read(&mut sent).await.unwrap();
    let sent = String::from_utf8_lossy(&sent[..length]);
    assert!(sent.starts_with("POST /cats HTTP/1.1\r\n") && sent.ends_with("\r\n\r\nmeow"), "{sent}");
    // And ready again, as both halves are over.
    poll_fn(|cx| connection.poll_ready(cx)).await.unwrap();
}
