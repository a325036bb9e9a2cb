//! A request that is still being sent when it is answered, or given up.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use super::support::{TestBody, World, full, get, narrow, ready, response, send, stream, world};
use crate::handshake::{self, H1, H1Body};
use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Channel, channel::Sender};
use skybridge_core::{BoxError, CloseReason, ConnInfo, Connection, Delivery, Handshake, Link};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fixtures,
};
use std::{
    error::Error as StdError,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const EARLY: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno";
const LONG: &str =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

fn streamed() -> (Sender<Bytes, BoxError>, TestBody) {
    let (sender, body) = Channel::new(8);
    (sender, body.boxed_unsync())
}

fn post(body: TestBody) -> Request<TestBody> {
    Request::post("http://a.test/").body(body).unwrap()
}

async fn is_ready<C: Connection<TestBody>>(conn: &mut C) -> bool {
    poll_fn(|cx| Poll::Ready(conn.poll_ready(cx).is_ready())).await
}

/// Answered at once, the response read to its end.
async fn answered_early(world: &mut World<TestBody>, request: Request<TestBody>) {
    let server = async {
        world.peer.head().await;
        world.peer.send(EARLY).await;
    };
    let (answer, ()) = tokio::join!(send(&mut world.conn, request), server);
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "no");
    run_until_idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_has_left_when_its_body_was_seen_to_end_and_all_of_it_was_taken() {
    let mut world = world(H1::new()).await;
    assert!(world.conn.is_sent(), "there is nothing to send");
    world.exchange(get("http://a.test/"), EARLY).await;
    assert!(world.conn.is_sent());

    let (mut sender, body) = streamed();
    answered_early(&mut world, post(body)).await;
    assert!(!world.conn.is_sent() && !is_ready(&mut world.conn).await, "its body has not ended");
    sender.send_data("12345".into()).await.unwrap();
    run_until_idle().await;
    assert!(!world.conn.is_sent(), "its body has not ended");
    drop(sender);
    run_until_idle().await;
    assert!(world.conn.is_sent() && is_ready(&mut world.conn).await);
    world.peer.expect("5\r\n12345\r\n0\r\n\r\n").await;
    world.exchange(get("http://a.test/"), EARLY).await;
}

/// The connection has it all, the wire hasn't.
#[tokio::test(start_paused = true)]
async fn what_the_peer_does_not_take_has_not_left() {
    let mut world = narrow(64).await;
    answered_early(&mut world, post(full(LONG))).await;
    assert!(!world.conn.is_sent() && !is_ready(&mut world.conn).await);
    world.peer.expect(LONG).await;
    run_until_idle().await;
    assert!(world.conn.is_sent());
    assert!(is_ready(&mut world.conn).await);
    world.exchange(get("http://a.test/"), EARLY).await;
}

/// Its socket is not held by a peer that takes nothing, neither before its answer nor after.
#[tokio::test(start_paused = true)]
async fn a_handle_dropped_while_the_request_is_being_sent_closes_at_once() {
    for early in [false, true] {
        for stalled in ["the peer takes nothing", "the body does not come"] {
            let mut world = narrow(64).await;
            let (mut sender, mut body) = streamed();
            if stalled.contains("peer") {
                body = full(LONG);
            }
            if early {
                answered_early(&mut world, post(body)).await;
            } else {
                ready(&mut world.conn).await.unwrap();
                world.conn.start(post(body));
                assert!(poll_fn(|cx| Poll::Ready(world.conn.poll_response(cx).is_pending())).await);
                run_until_idle().await;
            }
            drop(world.conn);
            run_until_idle().await;
            assert_eq!(world.executor.tasks(), 0, "early {early}, {stalled}: the connection is still driven");
            assert!(world.net.wire(0).peer_dropped(), "early {early}, {stalled}: the socket is still open");
            assert!(sender.try_send(Frame::data("more".into())).is_err(), "the body is still held");
            world.status.assert_closed(if early { CloseReason::Unread } else { CloseReason::Cancelled });
        }
    }
}

/// Its peer wants to close, and the rest of the request can't be written: there is an end to it all the same.
#[tokio::test(start_paused = true)]
async fn a_connection_that_its_peer_wants_closed_ends_with_its_handle_though_the_request_is_stuck() {
    let mut world = narrow(64).await;
    let server = async {
        let head = world.peer.head().await;
        world.peer.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        head.head().len() + LONG.len()
    };
    let (answer, whole) = tokio::join!(send(&mut world.conn, post(full(LONG))), server);
    assert_eq!(answer.unwrap().status(), 413);
    run_until_idle().await;
    assert!(world.net.wire(0).other_end().bytes_sent() < whole as u64, "it is stuck");
    drop(world.conn);
    run_until_idle().await;
    assert_eq!(world.executor.tasks(), 0);
    assert!(world.net.wire(0).peer_dropped());
}

/// A server that answers before it has taken all, and hangs up: the answer is there when writing fails.
struct Hasty {
    answer: &'static [u8],
    taken: usize,
}

const TAKES: usize = 200;

impl AsyncRead for Hasty {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken < TAKES || self.answer.is_empty() {
            return Poll::Pending;
        }
        let part = self.answer.len().min(buf.remaining()).min(40);
        let (now, later) = self.answer.split_at(part);
        buf.put_slice(now);
        self.answer = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Hasty {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.taken >= TAKES {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let part = buf.len().min(TAKES - self.taken);
        self.taken += part;
        Poll::Ready(Ok(part))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What comes of a long upload to it.
async fn hasty(answer: &'static str) -> Result<(u16, Result<Bytes, <H1Body as Body>::Error>), skybridge_core::Error> {
    let executor = Executor::new();
    let attempt = fixtures::route("http://a.test", [], executor.ctx()).attempt(fixtures::endpoint("192.0.2.1:80"));
    let info = ConnInfo::new(&attempt, None, attempt.endpoint.clone());
    let link = Link::new(Hasty { answer: answer.as_bytes(), taken: 0 }, info);
    let mut conn = H1::new().handshake(link, &executor.ctx()).await.unwrap();
    let body = stream((0..100).map(|_| Ok(LONG)).collect());
    ready(&mut conn).await.unwrap();
    conn.start(post(body));
    let answer = tokio::time::timeout(Duration::from_secs(1), response(&mut conn)).await.expect("it hangs");
    let answer = answer.map_err(|failed| failed.error)?;
    let status = answer.status().as_u16();
    let body = tokio::time::timeout(Duration::from_secs(1), answer.into_body().collect()).await.expect("it hangs");
    drop(conn);
    executor.assert_idle().await;
    Ok((status, body.map(http_body_util::Collected::to_bytes)))
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_is_given_though_the_request_could_not_be_written() {
    for answer in [EARLY, "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"] {
        let (status, body) = hasty(answer).await.unwrap();
        assert_eq!((status, &body.unwrap()[..]), (413, &b"no"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_whole_answer_it_is_told_that_writing_failed() {
    for answer in ["", "HTTP/1.1 413 Content"] {
        let error = hasty(answer).await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::Unknown);
        let io = error.source().and_then(StdError::source).and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(io.map(io::Error::kind), Some(io::ErrorKind::ConnectionReset), "{error:?}");
    }
    let (status, body) = hasty("HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    assert_eq!((status, body.is_err()), (413, true));
}

/// The answer comes while the body is asked for more, and that fails.
struct Prompt {
    answer: &'static [u8],
    asked: Arc<AtomicBool>,
}

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.asked.load(SeqCst) || self.answer.is_empty() {
            return Poll::Pending;
        }
        buf.put_slice(std::mem::take(&mut self.answer));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Failing(Arc<AtomicBool>);

impl Body for Failing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.store(true, SeqCst);
        Poll::Ready(Some(Err("the disk is gone".into())))
    }
}

/// Whoever waits for its handle would hold it as long as that.
#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_wants_any_more_is_dropped_though_the_handle_lives() {
    let mut world = world(H1::new()).await;
    let (mut sender, body) = streamed();
    answered_early(&mut world, post(body)).await;
    world.peer.reset();
    run_until_idle().await;
    assert!(sender.send_data("more".into()).await.is_err(), "the body is still there");
    assert!(ready(&mut world.conn).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_is_given_though_the_body_fails() {
    for answer in [EARLY, ""] {
        let (executor, asked) = (Executor::new(), Arc::default());
        let attempt = fixtures::route("http://a.test", [], executor.ctx()).attempt(fixtures::endpoint("192.0.2.1:80"));
        let info = ConnInfo::new(&attempt, None, attempt.endpoint.clone());
        let link = Link::new(Prompt { answer: answer.as_bytes(), asked: Arc::clone(&asked) }, info);
        let mut conn = H1::new().handshake(link, &executor.ctx()).await.unwrap();
        let result = send(&mut conn, post(Failing(asked).boxed_unsync())).await;
        match result {
            Ok(response) => {
                assert_eq!((response.status().as_u16(), answer), (413, EARLY));
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
            }
            Err(failed) => {
                assert_eq!(answer, "");
                assert!(handshake::request_body(&failed.error).is_some(), "{:?}", failed.error);
            }
        }
        assert!(ready(&mut conn).await.is_err());
        executor.assert_idle().await;
    }
}
