use crate::{capacity::UNANNOUNCED, chunk::Chunk, classify, opening::Opening, shared::Shared};
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

/// For how long what is left to say is kept for a peer that takes nothing, once no handle is left.
const PARTING: Duration = Duration::from_secs(30);

/// Reads and writes the connection's frames, and tells what it sees. The one task of a connection; it ends with it.
#[pin_project(PinnedDrop)]
pub(crate) struct Driver<I: Io, B: Body> {
    connection: Connection<Opening<I>, Chunk<B::Data>>,
    shared: Arc<Shared<B>>,
    draining: Option<CloseReason>,
    parting: Option<Parting>,
}

/// No handle is left, and what is left to say waits for the peer.
struct Parting {
    timer: Pin<Box<dyn Sleep>>,
    /// How often the peer had taken something.
    taken: usize,
}

impl<I: Io, B: Body> Driver<I, B> {
    pub(crate) fn new(connection: Connection<Opening<I>, Chunk<B::Data>>, shared: Arc<Shared<B>>) -> Self {
        Self { connection, shared, draining: None, parting: None }
    }

    fn sample_room(&self) {
        let limit = self.connection.max_concurrent_send_streams();
        if limit != UNANNOUNCED
            && let Some(streams) = self.shared.capacity.sample(limit)
        {
            self.shared.desk.tell(ConnectionStatus::Capacity(streams));
        }
    }

    /// Whether any handle is left; and notices when no more streams can be opened.
    fn look(&mut self, cx: &mut Context<'_>) -> bool {
        let open = {
            let mut probe = self.shared.probe();
            if self.shared.writes.stuck().is_some() {
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
                self.shared.desk.tell(ConnectionStatus::Draining(reason));
            }
        }
        true
    }
}

impl<I: Io, B: Body> Driver<I, B> {
    /// Ready when the peer has taken nothing for too long. As long as there are handles, that is for their users to
    /// judge.
    fn poll_parting(&mut self, cx: &mut Context<'_>, wanted: bool) -> Poll<()> {
        let Some(taken) = self.shared.writes.stuck().filter(|_| !wanted) else {
            self.parting = None;
            return Poll::Pending;
        };
        if self.parting.as_ref().is_none_or(|parting| parting.taken != taken) {
            let runtime = &self.shared.runtime;
            self.parting = Some(Parting { timer: runtime.sleep_until(runtime.now() + PARTING), taken });
        }
        self.parting.as_mut().map_or(Poll::Pending, |parting| parting.timer.as_mut().poll(cx))
    }
}

impl<I: Io, B: Body> Future for Driver<I, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.writes.next_turn();
        let ended = Pin::new(&mut self.connection).poll(cx);
        self.sample_room();
        let wanted = self.look(cx);
        let ended = match ended {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                ready!(self.poll_parting(cx, wanted));
                Ok(())
            }
        };
        self.shared.capacity.close();
        let reason = classify::close_reason(self.draining, ended.as_ref().map(|_| ()), wanted);
        self.shared.desk.tell(ConnectionStatus::Closed(reason));
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<I: Io, B: Body> PinnedDrop for Driver<I, B> {
    /// Says so when the runtime ended first.
    fn drop(self: Pin<&mut Self>) {
        self.shared.capacity.close();
        self.shared.desk.tell(ConnectionStatus::Closed(CloseReason::RuntimeShutdown));
    }
}
