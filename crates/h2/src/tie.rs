use skybridge_core::BoxError;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// What ties an upload that outlives its response's head to that response's body and to its handle.
#[derive(Debug, Default)]
pub(crate) struct Tie(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    holds: u8,
    cancelled: bool,
    over: bool,
    failed: Option<BoxError>,
    upload: Option<Waker>,
    waiting: Option<Waker>,
}

/// Interest in an upload. When nobody has any, it is cancelled.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Tie>);

// === impl Tie ===

impl Tie {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who is interested.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.lock().holds += 1;
        Hold(Arc::clone(self))
    }

    /// Whether the upload is to stop; if not, it will be woken when it is.
    pub(crate) fn is_cancelled(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if !state.cancelled && !state.upload.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.upload = Some(cx.waker().clone());
        }
        state.cancelled
    }

    /// The upload is over: because its body failed, or otherwise.
    pub(crate) fn end(&self, failed: Option<BoxError>) {
        let waiting = {
            let mut state = self.lock();
            state.over = true;
            state.failed = state.failed.take().or(failed);
            state.upload = None;
            state.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    fn cancel(state: &mut State) -> Option<Waker> {
        state.cancelled = true;
        state.upload.take()
    }
}

// === impl Hold ===

impl Hold {
    /// Ready when the upload is over.
    pub(crate) fn poll_over(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.over {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// How the body of the request failed, if that is why its stream was reset.
    pub(crate) fn failure(&self) -> Option<BoxError> {
        self.0.lock().failed.take()
    }

    /// The response is not wanted any more: neither is the upload.
    pub(crate) fn cancel(self) {
        let upload = Tie::cancel(&mut self.0.lock());
        if let Some(waker) = upload {
            waker.wake();
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let upload = {
            let mut state = self.0.lock();
            state.holds -= 1;
            if state.holds == 0 { Tie::cancel(&mut state) } else { None }
        };
        if let Some(waker) = upload {
            waker.wake();
        }
    }
}
