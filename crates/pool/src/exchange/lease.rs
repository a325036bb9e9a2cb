use crate::{
    connection::Record, exchange::events::Told, machine::Grant, origin::Bucket, registry::Hub, shared::held::Held,
};
use skybridge_core::{CloseReason, ConnInfo};
use std::sync::{Arc, Weak, atomic::Ordering::Relaxed};

/// A connection on loan for one exchange. Dropped before the exchange began, it goes back; dropped during it, the exchange is cancelled: an
/// exclusive connection closes, a shared one only loses the stream.
pub(crate) struct Lease<C: Held> {
    /// `None` once it was given back.
    connection: Option<C>,
    pub(crate) record: Arc<Record<C>>,
    bucket: Arc<Bucket<C>>,
    hub: Weak<Hub<C>>,
    begun: bool,
    /// No exchange has begun with it.
    unused: bool,
    /// Nothing else was carried before.
    first: bool,
    /// It must not carry another.
    last: bool,
    /// It became something else (101), and is its user's alone.
    upgraded: bool,
    pub(crate) told: Option<Box<Told>>,
}

impl<C: Held> Lease<C> {
    #[inline]
    pub(crate) fn new(connection: C, record: Arc<Record<C>>, bucket: Arc<Bucket<C>>, hub: &Arc<Hub<C>>) -> Self {
        let hub = Arc::downgrade(hub);
        Self {
            connection: Some(connection),
            record,
            bucket,
            hub,
            begun: false,
            unused: true,
            first: false,
            last: false,
            upgraded: false,
            told: None,
        }
    }

    #[inline]
    pub(crate) fn info(&self) -> &Arc<ConnInfo> {
        &self.record.info
    }

    #[inline]
    pub(crate) fn connection(&mut self) -> Option<&mut C> {
        self.connection.as_mut()
    }

    /// It was opened for another origin.
    #[inline]
    pub(crate) fn is_coalesced(&self) -> bool {
        !std::ptr::eq(self.record.home.as_ptr(), Arc::as_ptr(&self.bucket))
    }

    pub(crate) fn misdirected(&self) {
        self.bucket.misdirected(&self.record);
    }

    /// It has carried nothing yet.
    pub(crate) fn is_unused(&self) -> bool {
        self.record.exclusive && self.record.exchanges.load(Relaxed) == 0
    }

    #[inline]
    pub(crate) fn is_first(&self) -> bool {
        self.first
    }

    /// The exchange begins: from here on a drop cancels it.
    #[inline]
    pub(crate) fn begin(&mut self, max_requests: Option<u64>) {
        let before = self.record.exchanges.fetch_add(1, Relaxed);
        self.begun = true;
        self.unused = false;
        self.first = before == 0;
        if max_requests.is_some_and(|most| before + 1 >= most) {
            self.last = true;
            if !self.record.exclusive {
                self.record.drain(CloseReason::MaxRequests);
            }
        }
    }

    /// From here on it speaks something else: it is no connection of the pool any more.
    pub(crate) fn upgrade(&mut self) {
        self.upgraded = true;
        self.record.drain(CloseReason::Upgraded);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded
    }

    /// The exchange is complete, in both directions: the connection may carry another.
    #[inline]
    pub(crate) fn complete(mut self) {
        self.begun = false;
        if self.last && self.record.exclusive {
            self.end(CloseReason::MaxRequests);
        }
    }

    /// The connection is of no more use.
    pub(crate) fn close(mut self, reason: CloseReason) {
        self.end(reason);
    }

    /// The exchange is given up: an exclusive connection closes, a shared one loses the stream.
    pub(crate) fn abort(mut self, reason: CloseReason) {
        if self.record.exclusive {
            self.end(reason);
        }
    }

    fn end(&mut self, reason: CloseReason) {
        self.tell();
        self.record.because(reason);
        drop(self.connection.take());
        self.record.close(reason);
        self.settle();
    }

    fn tell(&mut self) {
        if let Some(mut told) = self.told.take() {
            told.released(self.record.info.id);
        }
    }

    /// The slot of a shared connection is free, also when it closed: who is told, is told once.
    #[inline]
    fn settle(&self) {
        if self.record.exclusive {
            return;
        }
        match self.hub.upgrade() {
            Some(hub) => self.bucket.slot_free(&hub, &self.record),
            None => {
                self.record.release();
                if self.record.is_spent() {
                    self.record.close(self.record.drain_reason());
                }
            }
        }
    }
}

impl<C: Held> Drop for Lease<C> {
    #[inline]
    fn drop(&mut self) {
        self.tell();
        let Some(connection) = self.connection.take() else { return };
        if !self.record.exclusive {
            // A stream that is under way is reset by dropping its handle.
            if self.begun {
                drop(connection)
            } else {
                self.record.reuse(connection)
            }
            if self.unused {
                self.record.not_begun();
            }
            return self.settle();
        }
        match self.hub.upgrade() {
            Some(hub) if !self.begun => self.bucket.put_idle(&hub, connection, Arc::clone(&self.record)),
            _ => {
                let reason = match () {
                    () if self.upgraded => CloseReason::Upgraded,
                    () if self.begun => CloseReason::Unread,
                    () => CloseReason::Shutdown,
                };
                self.record.because(reason);
                drop(connection);
                self.record.close(reason);
            }
        }
    }
}

/// The connection of a grant; the slot of a connection that has closed meanwhile is given back.
#[inline]
pub(crate) fn redeem<C: Held>(
    grant: Grant<C>,
    bucket: &Arc<Bucket<C>>,
    hub: &Arc<Hub<C>>,
    share: impl FnOnce(&C) -> Option<C>,
) -> Option<Lease<C>> {
    let (connection, record) = match grant {
        Grant::Exclusive(connection, record) => (connection, record),
        Grant::Slot(record) if !bucket.may_use(hub, &record) => {
            bucket.let_go(&record);
            bucket.give_back(hub, Grant::Slot(record));
            return None;
        }
        // Granted before the peer lowered its limit to 0: the stream would not be opened for as long as the peer likes.
        Grant::Slot(record) if record.slots.seen().capacity == 0 => {
            bucket.give_back(hub, Grant::Slot(record));
            return None;
        }
        Grant::Slot(record) => match record.share(share) {
            Some(connection) => (connection, record),
            None => {
                // Also when it says itself that it takes no more: it must not be found again.
                record.drain(CloseReason::PeerGoAway);
                bucket.give_back(hub, Grant::Slot(record));
                return None;
            }
        },
    };
    Some(Lease::new(connection, record, Arc::clone(bucket), hub))
}
