use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The requests that are still being sent though their responses are over: for how long they may be, and how all of
/// them are ended at once.
#[derive(Debug)]
pub(crate) struct LateUploads {
    grace: Duration,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    ended: bool,
    next: u64,
    /// By number; each leaves with its task.
    wakers: HashMap<u64, Waker>,
}

impl LateUploads {
    pub(crate) fn new(grace: Duration) -> Self {
        Self { grace, inside: Mutex::default() }
    }

    /// For how long one may go on.
    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    /// Ends those there are, and allows no more.
    pub(crate) fn end(&self) {
        let wakers = {
            let mut inside = self.inside();
            inside.ended = true;
            std::mem::take(&mut inside.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.inside().ended
    }

    /// Ready when it is to end. `number` is what it is known by until it [leaves](Self::leave).
    pub(crate) fn poll_end(&self, number: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        let mut inside = self.inside();
        if inside.ended {
            return Poll::Ready(());
        }
        let number = *number.get_or_insert_with(|| {
            inside.next += 1;
            inside.next
        });
        // A waker is somebody else's code, and so is its drop.
        let old = inside.wakers.insert(number, cx.waker().clone());
        drop(inside);
        drop(old);
        Poll::Pending
    }

    pub(crate) fn leave(&self, number: u64) {
        let left = self.inside().wakers.remove(&number);
        drop(left);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
