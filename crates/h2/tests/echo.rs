//! Against the h2 crate's own server, on several threads.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use std::future::poll_fn;
use support::*;
use tokio::task::JoinSet;

const CALLS: usize = 20;
const PIECES: usize = 64;
const PIECE: usize = 16_000;

async fn echo(request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let mut body = request.into_body();
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    while let Some(data) = body.data().await {
        let mut data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let capacity = poll_fn(|cx| stream.poll_capacity(cx)).await.unwrap().unwrap();
            stream.send_data(data.split_to(capacity.min(data.len())), false).unwrap();
        }
    }
    stream.send_trailers(body.trailers().await.unwrap().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_megabytes_are_echoed_over_one_connection() {
    let mut world = World::new(H2::new()).await;
    let conn = world.conn.take().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut server = h2::server::handshake(conn).await.unwrap();
        let mut streams = JoinSet::new();
        while let Some(accepted) = server.accept().await {
            let (request, respond) = accepted.unwrap();
            streams.spawn(echo(request, respond));
        }
        while let Some(done) = streams.join_next().await {
            done.unwrap();
        }
    });
    for n in 0..CALLS {
        let mut handle = world.handle();
        tasks.spawn(async move {
            let (mut sender, body) = streamed();
            let send = async {
                for _ in 0..PIECES {
                    sender.send_data(Bytes::from(vec![n as u8; PIECE])).await.unwrap();
                }
                sender.send_trailers(HeaderMap::from_iter([("n".parse().unwrap(), n.into())])).await.unwrap();
                drop(sender);
            };
            let receive = async {
                let response = exchange(&mut handle, post(body)).await.unwrap();
                let echoed = response.into_body().collect().await.unwrap();
                assert_eq!(echoed.trailers().unwrap()["n"], n.to_string());
                let echoed = echoed.to_bytes();
                assert!(echoed.len() == PIECES * PIECE && echoed.iter().all(|byte| usize::from(*byte) == n));
                ready(&mut handle).await.unwrap();
            };
            tokio::join!(send, receive);
        });
    }
    drop(world.client);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    world.executor.idle().await;
}
