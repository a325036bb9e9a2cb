use crate::H2Error;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// What ties an upload that outlives its response's head to that response's body and to its handle.
#[derive(Debug, Default)]
pub(crate) struct Tie(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    handle: bool,
    reader: Reader,
    cancelled: bool,
    over: bool,
    failure: Failure,
    upload: Option<Waker>,
    waiting: Option<Waker>,
}

/// Whether somebody reads the response, and waits for more of it.
#[derive(Debug, Default)]
enum Reader {
    #[default]
    Gone,
    There(Option<Waker>),
}

/// Whether the request's body has failed, and how, until that was told.
#[derive(Debug, Default)]
enum Failure {
    #[default]
    None,
    Untold(H2Error),
    Told,
}

/// The handle's interest in an upload.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Tie>);

/// The interest of whoever reads the response. When nobody has any, the upload is cancelled.
#[derive(Debug)]
pub(crate) struct Reading(Arc<Tie>);

// === impl Tie ===

impl Tie {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.lock().handle = true;
        Hold(Arc::clone(self))
    }

    pub(crate) fn read(self: &Arc<Self>) -> Reading {
        self.lock().reader = Reader::There(None);
        Reading(Arc::clone(self))
    }

    /// Whether the upload is to stop; if not, it will be woken when it is.
    pub(crate) fn is_cancelled(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if !state.cancelled && !state.upload.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.upload = Some(cx.waker().clone());
        }
        state.cancelled
    }

    /// The request's body failed. Its stream is reset when what there is of the response was read, or at once if nobody
    /// reads that.
    pub(crate) fn fail(&self, error: H2Error) {
        let reader = {
            let mut state = self.lock();
            state.failure = Failure::Untold(error);
            match &mut state.reader {
                Reader::There(waker) => waker.take(),
                Reader::Gone => {
                    state.cancelled = true;
                    None
                }
            }
        };
        wake(reader);
    }

    /// The upload is over.
    pub(crate) fn end(&self) {
        let waiting = {
            let mut state = self.lock();
            state.over = true;
            state.upload = None;
            state.waiting.take()
        };
        wake(waiting);
    }

    /// Changes who is interested.
    fn leave(&self, change: impl FnOnce(&mut State)) {
        let upload = {
            let mut state = self.lock();
            change(&mut state);
            if state.cancelled { state.upload.take() } else { None }
        };
        wake(upload);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
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
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.leave(|state| {
            state.handle = false;
            state.cancelled |= matches!(state.reader, Reader::Gone);
        });
    }
}

// === impl Reading ===

impl Reading {
    /// How the request's body failed, if it did.
    pub(crate) fn failure(&self) -> Option<H2Error> {
        self.0.lock().failure.tell()
    }

    /// As [`failure`](Self::failure): nothing more of the response is here. Pending as long as the request's body has
    /// not failed.
    pub(crate) fn poll_failure(&self, cx: &Context<'_>) -> Poll<H2Error> {
        let mut state = self.0.lock();
        if let Some(error) = state.failure.tell() {
            return Poll::Ready(error);
        }
        state.reader = Reader::There(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// The response is not wanted any more: neither is the upload.
    pub(crate) fn cancel(self) {
        self.0.leave(|state| state.cancelled = true);
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.leave(|state| {
            state.reader = Reader::Gone;
            state.cancelled |= !state.handle || !matches!(state.failure, Failure::None);
        });
    }
}

// === impl Failure ===

impl Failure {
    fn tell(&mut self) -> Option<H2Error> {
        match std::mem::replace(self, Self::None) {
            Self::None => None,
            Self::Untold(error) => {
                *self = Self::Told;
                Some(error)
            }
            Self::Told => {
                *self = Self::Told;
                None
            }
        }
    }
}
