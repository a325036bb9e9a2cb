use crate::ResolveError;
use skybridge_core::{Endpoint, sync::Mutex};
use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// The result of looking up a name.
pub(crate) type LookupResult = Result<Arc<[Endpoint]>, ResolveError>;

/// One lookup, shared by everyone who waits for it. When they are gone before it has started, it never starts.
pub(crate) struct Job {
    pub(crate) host: Arc<str>,
    state: Mutex<State>,
}

enum State {
    Running(Vec<Waker>),
    Done(LookupResult),
}

impl Job {
    pub(crate) fn new(host: Arc<str>) -> Self {
        Self { host, state: Mutex::new(State::Running(Vec::new())) }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<LookupResult> {
        match &mut *self.state.lock() {
            State::Done(result) => Poll::Ready(result.clone()),
            State::Running(waiting) => {
                if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Sets the result, unless there is one, and wakes everyone who waits.
    pub(crate) fn finish(&self, result: LookupResult) {
        let waiting = {
            let mut state = self.state.lock();
            let State::Running(waiting) = &mut *state else { return };
            let waiting = std::mem::take(waiting);
            *state = State::Done(result);
            waiting
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
