use crate::H2Error;
use skybridge_core::sync::Mutex;
use std::{
    sync::{Arc, MutexGuard},
    task::{Context, Poll, Waker},
};

/// Connects an upload that outlives its response's head with that response's body and with its handle.
#[derive(Debug, Default)]
pub(crate) struct UploadControl(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    has_handle: bool,
    reader: Reader,
    cancelled: bool,
    finished: bool,
    failure: Failure,
    upload: Option<Waker>,
    waiting: Option<Waker>,
}

/// Whether the response is being read, and who waits for more of it.
#[derive(Debug, Default)]
enum Reader {
    #[default]
    Gone,
    Reading(Option<Waker>),
}

/// Whether the request's body has failed, and how, until that is reported.
#[derive(Debug, Default)]
enum Failure {
    #[default]
    None,
    Pending(H2Error),
    Reported,
}

/// The connection handle's side of an upload.
#[derive(Debug)]
pub(crate) struct UploadHandle(Arc<UploadControl>);

/// The response body's side of an upload. When both this and the handle's are dropped, the upload is cancelled.
#[derive(Debug)]
pub(crate) struct ResponseReader(Arc<UploadControl>);

// === impl Tie ===

impl UploadControl {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    pub(crate) fn handle(self: &Arc<Self>) -> UploadHandle {
        self.lock().has_handle = true;
        UploadHandle(Arc::clone(self))
    }

    pub(crate) fn reader(self: &Arc<Self>) -> ResponseReader {
        self.lock().reader = Reader::Reading(None);
        ResponseReader(Arc::clone(self))
    }

    /// Whether the upload is cancelled; if not, it is woken when it is.
    pub(crate) fn is_cancelled(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if !state.cancelled && !state.upload.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.upload = Some(cx.waker().clone());
        }
        state.cancelled
    }

    /// The request's body failed. Its stream is reset when the response was read as far as it has arrived, or at once
    /// if it isn't being read.
    pub(crate) fn fail(&self, error: H2Error) {
        let reader = {
            let mut state = self.lock();
            state.failure = Failure::Pending(error);
            match &mut state.reader {
                Reader::Reading(waker) => waker.take(),
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
            state.finished = true;
            state.upload = None;
            state.waiting.take()
        };
        wake(waiting);
    }

    /// Changes the state, and wakes the upload if that cancels it.
    fn change(&self, change: impl FnOnce(&mut State)) {
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

impl UploadHandle {
    /// Ready when the upload is over.
    pub(crate) fn poll_over(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.finished {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for UploadHandle {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.has_handle = false;
            state.cancelled |= matches!(state.reader, Reader::Gone);
        });
    }
}

// === impl Reading ===

impl ResponseReader {
    /// How the request's body failed, if it did.
    pub(crate) fn failure(&self) -> Option<H2Error> {
        self.0.lock().failure.take()
    }

    /// As [`failure`](Self::failure), for when nothing more of the response is available. Pending as long as the
    /// request's body has not failed.
    pub(crate) fn poll_failure(&self, cx: &Context<'_>) -> Poll<H2Error> {
        let mut state = self.0.lock();
        if let Some(error) = state.failure.take() {
            return Poll::Ready(error);
        }
        state.reader = Reader::Reading(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Cancels the upload, as the response is no longer wanted.
    pub(crate) fn cancel(self) {
        self.0.change(|state| state.cancelled = true);
    }
}

impl Drop for ResponseReader {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.reader = Reader::Gone;
            state.cancelled |= !state.has_handle || !matches!(state.failure, Failure::None);
        });
    }
}

// === impl Failure ===

impl Failure {
    fn take(&mut self) -> Option<H2Error> {
        match std::mem::replace(self, Self::None) {
            Self::None => None,
            Self::Pending(error) => {
                *self = Self::Reported;
                Some(error)
            }
            Self::Reported => {
                *self = Self::Reported;
                None
            }
        }
    }
}
