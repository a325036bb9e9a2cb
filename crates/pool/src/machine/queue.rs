use crate::{
    machine::{
        connections::ConnectionKey,
        connects::ConnectKey,
        slab::{Key, Slab},
    },
    shared::time::Timestamp,
};
use std::collections::VecDeque;

/// A request in the queue.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// The connect it has joined, and when it did.
    pub(super) connect: Option<(ConnectKey, Timestamp)>,
    /// It was for this request that a connect began.
    pub(super) initiator: bool,
    /// What the connect that it had joined ended with.
    pub(super) connected: Option<ConnectionKey>,
}

impl Waiting {
    pub(super) fn has_joined(&self, connect: ConnectKey) -> bool {
        self.connect.is_some_and(|(joined, _)| joined == connect)
    }
}

pub(crate) type WaiterKey = Key<Waiting>;

/// The requests that wait, first come first served. One in the middle leaves without moving the others.
#[derive(Debug)]
pub(super) struct Queue {
    /// In order of arrival; some in the middle may have left.
    order: VecDeque<WaiterKey>,
    waiting: Slab<Waiting>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { order: VecDeque::new(), waiting: Slab::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self) -> WaiterKey {
        if self.order.capacity() == 0 {
            // Most often one waits, while the first connection is made.
            self.order.reserve_exact(1);
        }
        let key = self.waiting.insert(Waiting::default());
        self.order.push_back(key);
        key
    }

    pub(super) fn first(&self) -> Option<WaiterKey> {
        self.order.front().copied()
    }

    pub(super) fn get(&self, key: WaiterKey) -> Option<&Waiting> {
        self.waiting.get(key)
    }

    pub(super) fn get_mut(&mut self, key: WaiterKey) -> Option<&mut Waiting> {
        self.waiting.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: WaiterKey) -> Option<Waiting> {
        let left = self.waiting.remove(key)?;
        let Self { order, waiting } = self;
        let is_gone = |key: Option<&WaiterKey>| key.is_some_and(|key| waiting.get(*key).is_none());
        while is_gone(order.front()) {
            order.pop_front();
        }
        while is_gone(order.back()) {
            order.pop_back();
        }
        // As many gaps as requests may be: then each removal pays for its own share of closing them.
        if order.len() > 2 * waiting.len() + 16 {
            order.retain(|key| waiting.get(*key).is_some());
        }
        Some(left)
    }

    /// How many places there are, gaps included.
    pub(super) fn places(&self) -> usize {
        self.order.len()
    }

    /// Who stands at a place; `None` for a gap.
    pub(super) fn at(&mut self, place: usize) -> Option<(WaiterKey, &mut Waiting)> {
        let key = *self.order.get(place)?;
        self.waiting.get_mut(key).map(|waiting| (key, waiting))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (WaiterKey, &Waiting)> {
        self.order.iter().filter_map(|key| self.waiting.get(*key).map(|waiting| (*key, waiting)))
    }

    /// Removes those for whom `stays` is false.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(WaiterKey, &mut Waiting) -> bool) {
        let Self { order, waiting } = self;
        order.retain(|key| {
            let stays = waiting.get_mut(*key).is_some_and(|entry| stays(*key, entry));
            if !stays {
                waiting.remove(*key);
            }
            stays
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn in_order_whoever_leaves() {
        let mut queue = Queue::new();
        let keys: Vec<_> = (0..100).map(|_| queue.push()).collect();
        for key in &keys[1..99] {
            assert!(queue.remove(*key).is_some() && queue.remove(*key).is_none());
        }
        assert_eq!((queue.len(), queue.iter().map(|(key, _)| key).collect::<Vec<_>>()), (2, vec![keys[0], keys[99]]));
        assert!(queue.places() <= 20, "{} places for 2 requests", queue.places());
        queue.remove(keys[0]);
        assert_eq!((queue.first(), queue.places()), (Some(keys[99]), 1));
        queue.retain(|_, _| false);
        assert!(queue.is_empty() && queue.first().is_none());
    }
}
