//! A peer that closes the connection: what it sent before is read, although writing fails.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod support;

use bytes::Bytes;
use skybridge_core::{Cause, ConnInfo, Delivery, Handshake, Link, Replays};
use skybridge_h2::H2Error;
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fixtures,
    h2::{Fields, Frame, code},
};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use support::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sends SETTINGS, reads `takes` bytes, then has sent the rest and closed.
#[derive(Clone)]
struct ClosingPeer(Arc<Mutex<State>>);

struct State {
    settings: Bytes,
    rest: Bytes,
    takes: usize,
    /// Woken only by the test.
    reader: Option<Waker>,
}

fn closing_peer(rest: &[Frame], takes: usize) -> ClosingPeer {
    let encode = |frames: &[Frame]| frames.iter().flat_map(Frame::encode).collect::<Vec<_>>().into();
    let settings = encode(&[Frame::Settings { ack: false, values: Vec::new() }]);
    ClosingPeer(Arc::new(Mutex::new(State { settings, rest: encode(rest), takes, reader: None })))
}

impl AsyncRead for ClosingPeer {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        let hung_up = state.takes == 0;
        let from = if hung_up && state.settings.is_empty() { &mut state.rest } else { &mut state.settings };
        if from.is_empty() {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let part = from.len().min(buf.remaining());
        buf.put_slice(&from.split_to(part));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClosingPeer {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if state.takes == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let part = buf.len().min(state.takes);
        state.takes -= part;
        Poll::Ready(Ok(part))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn connection(executor: &Executor, io: ClosingPeer) -> Result<Client, skybridge_core::ConnectError> {
    let attempt = fixtures::route("http://a.test", [], executor.ctx()).attempt(fixtures::endpoint("192.0.2.1:80"));
    let info = ConnInfo::new(&attempt, None, attempt.endpoint.clone());
    let http2 = H2::new().handshake(Link::new(io, info), &executor.ctx()).await?;
    Ok(Client::new(http2, Some(Replays::new(copy))))
}

#[tokio::test(start_paused = true)]
async fn a_response_and_a_goaway_are_read_although_writing_fails() {
    let answer = Frame::Headers { stream: 1, fields: Fields::from(&[(":status", "403")][..]), end: true };
    let goaway = Frame::GoAway { last: 0, code: code::NO_ERROR, debug: Bytes::new() };
    for (rest, told) in [(vec![answer], "answer"), (vec![goaway], "goaway"), (vec![], "nothing")] {
        let executor = Executor::new();
        let mut client = connection(&executor, closing_peer(&rest, 1000)).await.unwrap();
        run_until_idle().await;
        let exchange = exchange(&mut client, post(full(vec![0; 40_000])));
        match tokio::time::timeout(Duration::from_secs(1), exchange).await.expect("it hangs") {
            Ok(response) => assert_eq!((response.status().as_u16(), told), (403, "answer")),
            Err(failed) if told == "goaway" => assert_eq!(failed.error.delivery(), Delivery::Refused),
            Err(failed) => {
                assert_eq!((failed.error.delivery(), told), (Delivery::Unknown, "nothing"));
                let Cause::Io(source) = failed.error.cause() else { panic!("{:?}", failed.error) };
                let Some(H2Error::Socket(error)) = source.downcast_ref() else { panic!("{source:?}") };
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }
        }
        drop(client);
        // More of what the peer may have sent is waited for, for a moment.
        tokio::time::sleep(Duration::from_secs(1)).await;
        executor.assert_idle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_fails_at_once_when_writing_fails() {
    let executor = Executor::new();
    let connecting = connection(&executor, closing_peer(&[], 10));
    let failed = tokio::time::timeout(Duration::from_secs(1), connecting).await.expect("it hangs");
    assert!(failed.is_err());
}
