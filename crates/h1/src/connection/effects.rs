use skybridge_core::{CloseReason, Io};
use std::{
    pin::Pin,
    task::{Context, Waker},
};

/// What a step leaves to be done without the lock.
#[derive(Default)]
#[must_use = "it is to be settled without the lock"]
pub(super) struct Effects {
    pub(super) closed: Option<Closed>,
    pub(super) wakers: [Option<Waker>; 2],
}

/// A connection that was closed just now. Dropped, its peer is told, as far as that needs no waiting.
pub(super) struct Closed {
    pub(super) reason: CloseReason,
    pub(super) io: Pin<Box<dyn Io>>,
}

impl Effects {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.closed.is_none() && self.wakers[0].is_none() && self.wakers[1].is_none()
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = self.io.as_mut().poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}
