//! An idle connection's socket and its next request, with every interleaving of two threads:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p skybridge-h1 --lib` (`cargo xtask model`).
//!
//! These are the connection's own types: under `cfg(loom)` their locks and atomics are loom's (`sync`).

use super::{idle::IdleWatch, shared::Shared};
use loom::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};
use skybridge_core::{BoxFuture, CloseReason, Runtime, Sleep};
use skybridge_h1_codec::{HeadDecoder, Limits};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket on which nothing happens but its end.
#[derive(Clone)]
struct Socket(Arc<Mutex<(bool, Option<Waker>)>>);

impl Socket {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((false, None))))
    }

    /// Whoever has asked it last is woken, for nothing.
    fn wake(&self) {
        let waker = self.0.lock().unwrap().1.clone();
        waker.into_iter().for_each(Waker::wake);
    }

    fn fin(&self) {
        let waker = {
            let mut socket = self.0.lock().unwrap();
            socket.0 = true;
            socket.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.0.lock().unwrap();
        if socket.0 {
            return Poll::Ready(Ok(()));
        }
        socket.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Socket {
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

/// Runs a task where it is spawned, and notes before that there is one.
struct Inline {
    spawned: AtomicBool,
}

impl Runtime for Inline {
    fn now(&self) -> Instant {
        unreachable!("nobody asks for the time")
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        unreachable!("nobody sleeps")
    }

    fn spawn(&self, mut task: BoxFuture<()>) {
        self.spawned.store(true, SeqCst);
        assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    fn spawn_blocking(&self, _: Box<dyn FnOnce() + Send>) {
        unreachable!("nobody blocks")
    }
}

fn connection() -> (Arc<Shared>, Socket, Arc<Inline>) {
    let (socket, runtime) = (Socket::new(), Arc::new(Inline { spawned: AtomicBool::new(false) }));
    let idle = IdleWatch::new(runtime.clone());
    (Shared::new(socket.clone(), HeadDecoder::default(), Limits::default(), idle), socket, runtime)
}

/// As the handle does, when it starts a request.
fn begin(shared: &Shared) -> Result<(), CloseReason> {
    let (begun, effects) = shared.lock().begin(true);
    shared.apply(effects);
    begun.map_err(|error| error.close_reason())
}

/// Otherwise its answer would be what was said before it.
#[test]
fn no_request_begins_on_a_connection_whose_socket_was_heard_before() {
    loom::model(|| {
        let (shared, socket, runtime) = connection();
        let peer = thread::spawn(move || socket.fin());
        let heard = runtime.spawned.load(SeqCst);
        let begun = begin(&shared);
        assert!(!heard || begun == Err(CloseReason::PeerFin), "{begun:?}");
        peer.join().unwrap();
        assert_eq!(shared.lock().closed().is_some(), begun.is_err());
    });
}

/// However late it is woken for what happened before.
#[test]
fn a_connection_that_is_idle_again_is_closed_when_its_peer_ends_it() {
    loom::model(|| {
        let (shared, socket, _) = connection();
        begin(&shared).unwrap();
        let peer = thread::spawn(move || {
            socket.wake();
            socket.fin();
        });
        let mut inner = shared.lock();
        let effects = [inner.request_over(true), inner.response_over()];
        drop(inner);
        effects.into_iter().for_each(|effects| shared.apply(effects));
        peer.join().unwrap();
        assert_eq!(shared.lock().closed(), Some(CloseReason::PeerFin));
    });
}
