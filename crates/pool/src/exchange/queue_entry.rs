use crate::{
    machine::queue::WaiterKey,
    origin::{
        OriginPool,
        waiter::{Granted, Waiter},
    },
};
use std::sync::Arc;

/// A place in a queue. Dropped, it is left.
pub(crate) struct QueueEntry<C: Send + 'static> {
    pub(crate) origin: Arc<OriginPool<C>>,
    pub(crate) waiter: Arc<Waiter<Granted<C>>>,
    pub(crate) key: WaiterKey,
}

impl<C: Send + 'static> Drop for QueueEntry<C> {
    fn drop(&mut self) {
        self.origin.cancel(self.key, &self.waiter);
    }
}
