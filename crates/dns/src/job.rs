use crate::ResolveError;
use skybridge_core::{Endpoint, Families, sync::Mutex};
use std::{
    sync::Arc,
    task::{Context, Waker},
};

/// The result of looking up a name.
pub(crate) type LookupResult = Result<Arc<[Endpoint]>, ResolveError>;

/// What is looked up: a name, and one family or both.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct LookupKey {
    pub(crate) host: Arc<str>,
    pub(crate) family: Families,
}

/// One lookup, shared by everyone who waits for it. When they are gone before it has started, it never starts.
pub(crate) struct Job {
    pub(crate) key: LookupKey,
    state: Mutex<State>,
}

/// How far a lookup is.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// It waits for others to end.
    Queued,
    Running,
    Done(LookupResult),
}

struct State {
    progress: Progress,
    waiting: Vec<Waker>,
}

impl Job {
    pub(crate) fn queued(key: LookupKey) -> Self {
        Self { key, state: Mutex::new(State { progress: Progress::Queued, waiting: Vec::new() }) }
    }

    /// How far it is. Wakes the task when it is further, unless it is done.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Progress {
        let mut state = self.state.lock();
        let progress = state.progress.clone();
        if !matches!(progress, Progress::Done(_)) && !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        progress
    }

    /// It runs from now on.
    pub(crate) fn start(&self) {
        self.advance(Progress::Running);
    }

    /// Sets the result, unless there is one.
    pub(crate) fn finish(&self, result: LookupResult) {
        self.advance(Progress::Done(result));
    }

    /// Wakes everyone who waits.
    fn advance(&self, to: Progress) {
        let waiting = {
            let mut state = self.state.lock();
            if matches!(state.progress, Progress::Done(_)) {
                return;
            }
            state.progress = to;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
