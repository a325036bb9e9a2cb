use crate::{origin::Bucket, origin::waiter::Ticket, registry::Hub, shared::held::Held};
use std::sync::Arc;

/// A place in a queue. Dropped, it is left.
pub(crate) struct Queued<C: Held> {
    pub(crate) hub: Arc<Hub<C>>,
    pub(crate) bucket: Arc<Bucket<C>>,
    pub(crate) ticket: Arc<Ticket<C>>,
}

impl<C: Held> Drop for Queued<C> {
    fn drop(&mut self) {
        self.bucket.cancelled(&self.hub, &self.ticket);
    }
}
