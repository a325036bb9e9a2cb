use crate::{chunk::Chunk, classify, preface_io::PrefaceIo, shared::Shared, stream_limit::UNANNOUNCED};
use h2::client::Connection;
use http_body::Body;
use pin_project::{pin_project, pinned_drop};
use skybridge_core::{CloseReason, ConnectionStatus, Io, Sleep};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

/// How long the driver tries to send its last frames to a peer that reads nothing, once no handle is left.
const LINGER: Duration = Duration::from_secs(30);

/// The task of a connection: reads and writes its frames, and reports its status.
#[pin_project(PinnedDrop)]
pub(crate) struct Driver<I: Io, B: Body> {
    connection: Connection<PrefaceIo<I>, Chunk<B::Data>>,
    shared: Arc<Shared<B>>,
    draining: Option<CloseReason>,
    linger: Option<Linger>,
}

/// No handle is left, and the last frames wait for the peer to read.
struct Linger {
    timer: Pin<Box<dyn Sleep>>,
    /// The count of writes with progress when the timer was started.
    progress: usize,
}

impl<I: Io, B: Body> Driver<I, B> {
    pub(crate) fn new(connection: Connection<PrefaceIo<I>, Chunk<B::Data>>, shared: Arc<Shared<B>>) -> Self {
        Self { connection, shared, draining: None, linger: None }
    }

    /// Nothing was read that changes what the connection may carry, and nothing keeps the h2 crate from having handled
    /// all that was read: it stops in the middle only while it can't write.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.linger.is_none() && self.shared.writes.blocked().is_none() && !self.shared.writes.take_control()
    }

    fn update_capacity(&self) {
        let limit = self.connection.max_concurrent_send_streams();
        if limit != UNANNOUNCED
            && let Some(streams) = self.shared.capacity.update(limit)
        {
            self.shared.status.report(ConnectionStatus::Capacity(streams));
        }
    }

    /// Returns whether any handle is left, and notices when no more streams can be opened.
    fn probe_handles(&mut self, cx: &mut Context<'_>) -> bool {
        let open = {
            let mut probe = self.shared.probe();
            if self.shared.writes.blocked().is_some() {
                probe.driver = Some(cx.waker().clone());
            }
            match &mut probe.handle {
                Some(handle) => handle.poll_ready(cx),
                None => return false,
            }
        };
        if let Poll::Ready(Err(error)) = open
            && self.draining.is_none()
        {
            self.shared.capacity.close();
            self.draining = classify::draining(&error);
            if let Some(reason) = self.draining {
                self.shared.status.report(ConnectionStatus::Draining(reason));
            }
        }
        true
    }
}

impl<I: Io, B: Body> Driver<I, B> {
    /// Ready when the peer has read nothing for too long. As long as there are handles, that is for their users'
    /// timeouts.
    fn poll_parting(&mut self, cx: &mut Context<'_>, has_handles: bool) -> Poll<()> {
        let Some(progress) = self.shared.writes.blocked().filter(|_| !has_handles) else {
            self.linger = None;
            return Poll::Pending;
        };
        if self.linger.as_ref().is_none_or(|linger| linger.progress != progress) {
            let runtime = &self.shared.runtime;
            self.linger = Some(Linger { timer: runtime.sleep_until(runtime.now() + LINGER), progress });
        }
        self.linger.as_mut().map_or(Poll::Pending, |linger| linger.timer.as_mut().poll(cx))
    }
}

impl<I: Io, B: Body> Future for Driver<I, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.writes.next_poll();
        let ended = Pin::new(&mut self.connection).poll(cx);
        if ended.is_pending() && self.is_quiet() {
            return Poll::Pending;
        }
        self.update_capacity();
        let has_handles = self.probe_handles(cx);
        let ended = match ended {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                ready!(self.poll_parting(cx, has_handles));
                Ok(())
            }
        };
        self.shared.capacity.close();
        let reason = match (self.draining, ended) {
            (Some(reason), _) => reason,
            (None, Err(error)) => self.shared.ending.cause(error, false).close_reason(),
            (None, Ok(())) if has_handles => CloseReason::PeerFin,
            (None, Ok(())) => CloseReason::Shutdown,
        };
        self.shared.ending.driver_ended(reason);
        self.shared.status.report(ConnectionStatus::Closed(reason));
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<I: Io, B: Body> PinnedDrop for Driver<I, B> {
    /// Reports a driver that is dropped before its connection ends.
    fn drop(self: Pin<&mut Self>) {
        self.shared.capacity.close();
        self.shared.ending.driver_ended(CloseReason::RuntimeShutdown);
        self.shared.status.report(ConnectionStatus::Closed(CloseReason::RuntimeShutdown));
    }
}
