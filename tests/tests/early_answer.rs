//! A server that has read enough of an upload: it says so in full, and resets the connection while the rest is still on
//! its way (RFC 9112, section 9.6). The answer is there before the reset, so whoever reads while it writes has it.

// Windows throws away what was received before a reset.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{Client, RequestBody, Roots, TlsConfig, TlsLayer};
use skybridge_testkit::{certs::Ca, h1::Script};
use std::sync::Arc;
use tokio::{io::AsyncWriteExt, net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

const UPLOAD: usize = 8 << 20;
const ANSWER: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large";
const ROUNDS: usize = 20;

/// How much of the body the server reads before it answers, in bytes.
const READ: [usize; 3] = [0, 64 << 10, 1 << 20];

/// With a declared length, and in chunks.
fn uploads() -> [RequestBody; 2] {
    let whole = vec![b'x'; UPLOAD];
    let chunked = http_body_util::StreamBody::new(Pieces(vec![vec![b'x'; 16 << 10]; UPLOAD / (16 << 10)].into_iter()));
    [whole.into(), RequestBody::wrap(chunked)]
}

struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl futures_core::Stream for Pieces {
    type Item = Result<http_body::Frame<bytes::Bytes>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(|piece| Ok(http_body::Frame::data(piece.into()))))
    }
}

/// The status and the body, or what was told instead.
async fn upload(client: &Client, url: &str, body: RequestBody) -> Result<(u16, String), skybridge::Error> {
    let response = client.request(Request::put(url).body(body).unwrap()).await?;
    Ok((response.status().as_u16(), response.into_body().text().await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_413_before_a_reset_is_never_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move {
        for round in 0.. {
            let mut peer = Script::new(listener.accept().await.unwrap().0);
            peer.head().await;
            peer.take(READ[round / 2 % READ.len()]).await;
            peer.send(ANSWER).await;
            peer.reset().unwrap();
        }
    });
    let client = Client::new();
    for round in 0..ROUNDS * READ.len() {
        for body in uploads() {
            let answer = upload(&client, &url, body).await;
            assert_eq!(answer.unwrap(), (413, "too large".into()), "round {round}");
        }
    }
}

/// The same over TLS: what was sealed before the reset is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_one_over_tls() {
    let ca = Ca::new("a root");
    let acceptor = TlsAcceptor::from(Arc::new(ca.leaf(["localhost"]).server(&["http/1.1"])));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let socket = listener.accept().await.unwrap().0;
            // The answer must not wait for the client to acknowledge the session's tickets: a reset would discard it.
            socket.set_nodelay(true).unwrap();
            let sealed = acceptor.accept(socket).await.unwrap();
            let mut peer = Script::new(sealed);
            peer.head().await;
            peer.take(64 << 10).await;
            peer.send(ANSWER).await;
            let mut sealed = peer.into_parts().0;
            sealed.flush().await.unwrap();
            Script::new(sealed.into_inner().0).reset().unwrap();
        }
    });
    let tls = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap();
    let client = Client::builder().tls(TlsLayer::new(tls)).build();
    for round in 0..ROUNDS {
        for body in uploads() {
            let answer = upload(&client, &url, body).await;
            assert_eq!(answer.unwrap(), (413, "too large".into()), "round {round}");
        }
    }
}
