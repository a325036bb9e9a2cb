use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

/// Wakers for one future, of which only that of its latest poll wakes.
///
/// That is all a future promises, and all who polls it may rely on. A connection may wake the one it was given before
/// while it takes the next; a task that runs again for that, takes the next, and so on, never rests.
///
/// Held weakly: a task must not keep a waker of its own.
#[derive(Debug, Default)]
pub(crate) struct LatestWaker(Weak<OfPoll>);

#[derive(Debug)]
struct OfPoll {
    task: Waker,
    outdated: AtomicBool,
}

impl LatestWaker {
    /// A waker for the poll that begins now. Those of earlier polls wake nobody from here on.
    pub(crate) fn next(&mut self, cx: &Context<'_>) -> Waker {
        // What one of them would have woken for has happened before this poll, which will see it.
        if let Some(before) = self.0.upgrade() {
            before.outdated.store(true, Ordering::SeqCst);
        }
        let waker = Arc::new(OfPoll { task: cx.waker().clone(), outdated: AtomicBool::new(false) });
        self.0 = Arc::downgrade(&waker);
        Waker::from(waker)
    }
}

impl Wake for OfPoll {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.outdated.load(Ordering::SeqCst) {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn only_the_waker_of_the_latest_poll_wakes() {
        let count = Arc::new(Count::default());
        let (waker, mut latest) = (Waker::from(Arc::clone(&count)), LatestWaker::default());
        let cx = Context::from_waker(&waker);
        let first = latest.next(&cx);
        first.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        let second = latest.next(&cx);
        first.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "the first is outdated");
        second.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
    }
}
