use crate::ResolveError;
use skybridge_core::{Endpoint, sync::Mutex};
use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// What a name was found to be.
pub(crate) type Found = Result<Arc<[Endpoint]>, ResolveError>;

/// One look-up, held by those who wait for it: without them, one that hasn't begun never does.
pub(crate) struct Job {
    pub(crate) host: Arc<str>,
    state: Mutex<State>,
}

enum State {
    Open(Vec<Waker>),
    Done(Found),
}

impl Job {
    pub(crate) fn new(host: Arc<str>) -> Self {
        Self { host, state: Mutex::new(State::Open(Vec::new())) }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Found> {
        match &mut *self.state.lock() {
            State::Done(found) => Poll::Ready(found.clone()),
            State::Open(waiting) => {
                if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// The first outcome stays.
    pub(crate) fn finish(&self, found: Found) {
        let waiting = {
            let mut state = self.state.lock();
            let State::Open(waiting) = &mut *state else { return };
            let waiting = std::mem::take(waiting);
            *state = State::Done(found);
            waiting
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
