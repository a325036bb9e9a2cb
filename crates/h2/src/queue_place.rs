use crate::wire::Wire;
use std::task::Waker;

/// A place among those that wait for a stream of a connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct QueuePlace {
    wire: Wire,
    number: u64,
    /// It has taken the stream that it was woken for, if it was.
    is_served: bool,
}

impl QueuePlace {
    /// The last place.
    #[cold]
    pub(crate) fn last(wire: &Wire) -> Self {
        Self { number: wire.queue().enter(), wire: wire.clone(), is_served: false }
    }

    /// It is woken when there may be room. To be called before it looks. It keeps its place when it finds none.
    pub(crate) fn register(&self, waker: &Waker) {
        self.wire.queue().register(self.number, waker);
    }

    /// The room that it was woken for is taken: the next need not look.
    pub(crate) fn served(&mut self) {
        self.is_served = true;
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        let queue = self.wire.queue();
        queue.leave(self.number);
        if !self.is_served {
            queue.wake_first();
        }
    }
}
