use skybridge_core::{Answer, ConnectError, sync::Mutex};
use std::{
    collections::HashMap,
    sync::Arc,
    task::{Wake, Waker},
};

/// What a shared lookup has found by now, and who waits for more. As a [`Waker`] it wakes all of these, so that whoever
/// is left polls the lookup.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    answers: Vec<Answer>,
    end: Option<Result<(), ConnectError>>,
    waiting: HashMap<u64, Waker>,
    next_waiter: u64,
    /// The lookup asked to be polled since it was polled last.
    woken: bool,
}

/// What is next for one waiter.
pub(super) enum Next {
    Answer(Answer),
    /// There are no more answers.
    End(Result<(), ConnectError>),
    Unknown,
}

impl Progress {
    /// A number for one who waits.
    pub(super) fn join(&self) -> u64 {
        let mut state = self.0.lock();
        state.next_waiter += 1;
        state.next_waiter
    }

    pub(super) fn leave(&self, waiter: u64) {
        self.0.lock().waiting.remove(&waiter);
    }

    /// The answer that comes after so many others. While that isn't known, the waiter is woken when something happens.
    pub(super) fn next(&self, seen: usize, waiter: u64, waker: &Waker) -> Next {
        let mut state = self.0.lock();
        if let Some(answer) = state.answers.get(seen) {
            return Next::Answer(answer.clone());
        }
        if let Some(end) = &state.end {
            return Next::End(end.clone());
        }
        state.waiting.entry(waiter).and_modify(|known| known.clone_from(waker)).or_insert_with(|| waker.clone());
        Next::Unknown
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.lock().end.is_some()
    }

    pub(super) fn push(&self, answer: Answer) {
        self.change(|state| state.answers.push(answer));
    }

    /// Sets the end, unless there is one.
    pub(super) fn finish(&self, end: Result<(), ConnectError>) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }

    /// The lookup is polled from now on.
    pub(super) fn begin_poll(&self) {
        self.0.lock().woken = false;
    }

    /// The lookup is pending, and can be polled by anybody again. Somebody may have been woken to do so meanwhile, and
    /// have found it taken.
    pub(super) fn end_poll(&self) {
        if self.0.lock().woken {
            self.change(|_| {});
        }
    }

    /// Wakes everyone who waits.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.0.lock();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }
}

impl Wake for Progress {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.change(|state| state.woken = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Who is woken while another polls finds the lookup taken, and the other may be dropped before it polls again.
    #[test]
    fn who_was_woken_in_vain_is_woken_again_when_the_lookup_can_be_polled() {
        let (progress, count) = (Arc::new(Progress::default()), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let waiter = progress.join();
        progress.begin_poll();
        assert!(matches!(progress.next(0, waiter, &waker), Next::Unknown));
        Waker::from(Arc::clone(&progress)).wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(matches!(progress.next(0, waiter, &waker), Next::Unknown));
        progress.end_poll();
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
        progress.begin_poll();
        assert!(matches!(progress.next(0, waiter, &waker), Next::Unknown));
        progress.end_poll();
        assert_eq!(count.0.load(Ordering::SeqCst), 2, "without a reason nobody is woken");
    }
}
