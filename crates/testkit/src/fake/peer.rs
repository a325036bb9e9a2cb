use super::{
    Exchange,
    slot::{Held, Shared},
};
use skybridge_core::{Capacity, CloseReason, ConnInfo, ConnectionStatus};
use std::{fmt, sync::Arc};

/// The test's end of a fake connection. Clones are the same one.
pub struct Peer<B> {
    pub(super) shared: Arc<Shared<B>>,
}

// === impl Peer ===

impl<B> Peer<B> {
    /// The next request on this connection.
    pub async fn exchange(&self) -> Exchange<B> {
        self.shared.exchanges.next().await
    }

    /// A request that has arrived already.
    pub fn try_exchange(&self) -> Option<Exchange<B>> {
        self.shared.exchanges.try_next()
    }

    /// Answers every request from now on with 200 and no body.
    pub fn answer_all(&self) {
        self.shared.state().answers_all = true;
    }

    /// Changes the limit of concurrent streams, as SETTINGS do.
    pub fn set_capacity(&self, streams: u32) {
        self.shared.change(|state| state.capacity = Capacity::Streams(streams));
        self.shared.status.report(ConnectionStatus::Capacity(streams));
    }

    /// No new exchanges: GOAWAY, or `connection: close`.
    pub fn drain(&self, reason: CloseReason) {
        self.shared.end(ConnectionStatus::Draining(reason));
    }

    /// Closes the connection. The test must fail its running exchanges.
    pub fn close(&self, reason: CloseReason) {
        self.shared.end(ConnectionStatus::Closed(reason));
    }

    /// Sends the pool any status, without changing what the connection does.
    pub fn status(&self, status: ConnectionStatus) {
        self.shared.status.report(status);
    }

    /// Handles are not ready until [`release`](Self::release), as if the request were still being sent.
    pub fn hold(&self) {
        self.shared.state().held = Some(Held::Request);
    }

    /// Handles are not ready until [`release`](Self::release), as if all was sent, but the driver has not run since.
    pub fn lag(&self) {
        self.shared.state().held = Some(Held::Driver);
    }

    /// Undoes [`hold`](Self::hold) and [`lag`](Self::lag).
    pub fn release(&self) {
        self.shared.change(|state| state.held = None);
    }

    /// The exchanges running now.
    pub fn in_flight(&self) -> usize {
        self.shared.state().in_flight
    }

    /// The most exchanges that ever ran at once.
    pub fn max_in_flight(&self) -> usize {
        self.shared.state().max_in_flight
    }

    /// The exchanges ever started.
    pub fn started(&self) -> usize {
        self.shared.state().started
    }

    /// The handles that exist.
    pub fn handles(&self) -> usize {
        self.shared.state().handles
    }

    /// Whether no handle is left: the pool has closed it.
    pub fn is_dropped(&self) -> bool {
        self.handles() == 0
    }

    /// Waits until no handle is left.
    pub async fn dropped(&self) {
        let mut dropped = std::pin::pin!(self.shared.dropped.notified());
        dropped.as_mut().enable();
        if !self.is_dropped() {
            dropped.await;
        }
    }

    /// Its facts.
    pub fn info(&self) -> &Arc<ConnInfo> {
        &self.shared.info
    }
}

impl<B> Clone for Peer<B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<B> fmt::Debug for Peer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.shared.info.id).field("handles", &self.handles()).finish()
    }
}
