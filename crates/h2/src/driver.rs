use crate::{chunk::Chunk, classify, opening::Opening, room::UNANNOUNCED, shared::Shared};
use h2::client::Connection;
use http_body::Body;
use pin_project::{pin_project, pinned_drop};
use skybridge_core::{CloseReason, Io, News};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Reads and writes the connection's frames, and tells what it sees. The one task of a connection; it ends with it.
#[pin_project(PinnedDrop)]
pub(crate) struct Driver<I: Io, B: Body> {
    connection: Connection<Opening<I>, Chunk<B::Data>>,
    shared: Arc<Shared<B>>,
    draining: Option<CloseReason>,
}

impl<I: Io, B: Body> Driver<I, B> {
    pub(crate) fn new(connection: Connection<Opening<I>, Chunk<B::Data>>, shared: Arc<Shared<B>>) -> Self {
        Self { connection, shared, draining: None }
    }

    fn sample_room(&self) {
        let limit = self.connection.max_concurrent_send_streams();
        if limit != UNANNOUNCED
            && let Some(streams) = self.shared.room.sample(limit)
        {
            self.shared.desk.tell(News::Room(streams));
        }
    }

    /// Whether any handle is left; and notices when no more streams can be opened.
    fn look(&mut self, cx: &mut Context<'_>) -> bool {
        let open = match &mut *self.shared.probe() {
            Some(probe) => probe.poll_ready(cx),
            None => return false,
        };
        if let Poll::Ready(Err(error)) = open
            && self.draining.is_none()
        {
            self.shared.room.close();
            self.draining = classify::draining(&error);
            if let Some(reason) = self.draining {
                self.shared.desk.tell(News::Draining(reason));
            }
        }
        true
    }
}

impl<I: Io, B: Body> Future for Driver<I, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ended = Pin::new(&mut self.connection).poll(cx);
        self.sample_room();
        let wanted = self.look(cx);
        let Poll::Ready(ended) = ended else { return Poll::Pending };
        self.shared.room.close();
        let reason = classify::close_reason(self.draining, ended.as_ref().map(|_| ()), wanted);
        self.shared.desk.tell(News::Closed(reason));
        Poll::Ready(())
    }
}

#[pinned_drop]
impl<I: Io, B: Body> PinnedDrop for Driver<I, B> {
    /// Says so when the runtime ended first.
    fn drop(self: Pin<&mut Self>) {
        self.shared.room.close();
        self.shared.desk.tell(News::Closed(CloseReason::RuntimeShutdown));
    }
}
