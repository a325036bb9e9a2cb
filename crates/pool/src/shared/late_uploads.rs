use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The requests that are still being sent though their responses are over: for how long they may be, and how all of
/// them are ended at once.
#[derive(Debug)]
pub(crate) struct Uploads {
    grace: Duration,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    cut: bool,
    next: u64,
    /// Those there are; each leaves with its task.
    waiting: HashMap<u64, Waker>,
}

impl Uploads {
    pub(crate) fn new(grace: Duration) -> Self {
        Self { grace, inside: Mutex::default() }
    }

    /// For how long one may go on.
    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    /// Ends those there are, and allows no more.
    pub(crate) fn cut(&self) {
        let waiting = {
            let mut inside = self.inside();
            inside.cut = true;
            std::mem::take(&mut inside.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.inside().cut
    }

    /// Ready when it is to end. `place` is where it waits, and left with [`leave`](Self::leave).
    pub(crate) fn poll_cut(&self, place: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        let mut inside = self.inside();
        if inside.cut {
            return Poll::Ready(());
        }
        let place = *place.get_or_insert_with(|| {
            inside.next += 1;
            inside.next
        });
        inside.waiting.insert(place, cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn leave(&self, place: u64) {
        let left = self.inside().waiting.remove(&place);
        // A waker is somebody else's code, and so is its drop.
        drop(left);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
