//! How fast long bodies go over a long line, in exact virtual time: 100 ms there and back, 1 Gbit/s.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests, and the tasks of their peers")]

mod support;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use skybridge_core::{Connector, Handshake};
use skybridge_testkit::{executor::Executor, fixtures, net::Network};
use std::{future::poll_fn, time::Duration};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

const MIB: usize = 1 << 20;
const LENGTH: usize = 64 * MIB;

fn line() -> Network {
    let net = Network::new();
    net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(50)).bandwidth(125_000_000).window(128 * MIB);
    net
}

/// A request, and 64 MiB in one direction, without any protocol: no HTTP/1.1 is faster.
async fn bare(up: bool) -> Duration {
    let net = line();
    let listener = net.listen(ADDR.parse().unwrap());
    let mut client = net.connect(ADDR.parse().unwrap()).await.unwrap();
    let (mut server, _) = listener.accept().await;
    let started = Instant::now();
    let (sent, answered) = if up { (LENGTH, 1) } else { (1, LENGTH) };
    tokio::join!(
        async {
            client.write_all(&vec![0; sent]).await.unwrap();
            client.read_exact(&mut vec![0; answered]).await.unwrap();
        },
        async {
            server.read_exact(&mut vec![0; sent]).await.unwrap();
            server.write_all(&vec![0; answered]).await.unwrap();
        },
    );
    started.elapsed()
}

/// A server that sends and takes as fast as windows allow.
async fn serve(conn: skybridge_testkit::net::Conn) {
    let window = (1 << 31) - 1;
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(window).initial_connection_window_size(window);
    let mut connection = builder.handshake::<_, Bytes>(conn).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let mut body = request.into_body();
            let mut read = 0;
            while let Some(Ok(data)) = body.data().await {
                body.flow_control().release_capacity(data.len()).unwrap();
                read += data.len();
            }
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            let mut rest = Bytes::from(vec![0; if read == 0 { LENGTH } else { 1 }]);
            while !rest.is_empty() {
                stream.reserve_capacity(rest.len().min(MIB));
                let Some(Ok(capacity)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
                let now = rest.split_to(capacity.min(rest.len()));
                stream.send_data(now, rest.is_empty()).unwrap();
            }
        });
    }
}

async fn h2(up: bool) -> Duration {
    let (net, executor) = (line(), Executor::new());
    let listener = net.listen(ADDR.parse().unwrap());
    let route = fixtures::route("http://a.test", [ADDR], executor.ctx());
    let link = net.connector().connect(route).await.unwrap();
    let http2 = H2::new().handshake(link, &executor.ctx()).await.unwrap();
    tokio::spawn(serve(listener.accept().await.0));
    let mut client = Client::new(http2, None);
    // The windows that the server has for us are here.
    exchange(&mut client, post(full("x"))).await.unwrap().into_body().collect().await.unwrap();
    let started = Instant::now();
    if up {
        // In pieces, as a body that isn't in memory comes.
        let (mut sender, body) = streamed();
        let feed = async {
            for _ in 0..LENGTH / MIB {
                sender.send_data(Bytes::from(vec![0; MIB])).await.unwrap();
            }
            drop(sender);
        };
        let (response, ()) = tokio::join!(exchange(&mut client, post(body)), feed);
        assert_eq!(bytes(response.unwrap()).await.len(), 1);
    } else {
        let mut body = exchange(&mut client, get("/")).await.unwrap().into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
        }
        assert_eq!(read, LENGTH);
    }
    started.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_long_response_takes_no_more_than_a_tenth_longer_than_its_bytes() {
    let (bare, h2) = (bare(false).await, h2(false).await);
    assert!(h2.as_secs_f64() * 0.9 <= bare.as_secs_f64(), "h2 {h2:?}, bare {bare:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_request_takes_no_more_than_a_tenth_longer_than_its_bytes() {
    let (bare, h2) = (bare(true).await, h2(true).await);
    assert!(h2.as_secs_f64() * 0.9 <= bare.as_secs_f64(), "h2 {h2:?}, bare {bare:?}");
}
