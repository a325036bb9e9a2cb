use skybridge_core::sync::Mutex;
use std::{collections::VecDeque, sync::MutexGuard};
use tokio::sync::Notify;

/// Events that the test has not taken yet.
#[derive(Debug)]
pub(super) struct Queue<T> {
    items: Mutex<VecDeque<T>>,
    pushed: Notify,
}

// === impl Queue ===

impl<T> Queue<T> {
    pub(super) fn push(&self, item: T) {
        self.items().push_back(item);
        self.pushed.notify_one();
    }

    pub(super) fn try_next(&self) -> Option<T> {
        self.items().pop_front()
    }

    pub(super) async fn next(&self) -> T {
        loop {
            if let Some(item) = self.try_next() {
                return item;
            }
            self.pushed.notified().await;
        }
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { items: Mutex::default(), pushed: Notify::new() }
    }
}
