use super::sync::atomic::{
    AtomicU8,
    Ordering::{Acquire, Release},
};

/// Where a connection is, as far as that is asked without its lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Stage {
    /// It carries no exchange.
    Idle,
    /// It carries one whose request is being written.
    Sending,
    /// It carries one whose request goes no further.
    Sent,
    /// It is closed.
    Closed,
}

/// The stage of a connection. It is set under the lock of the connection, and asked without: by the next moment the
/// connection may be elsewhere.
#[derive(Debug)]
pub(super) struct AtomicStage(AtomicU8);

impl AtomicStage {
    pub(super) fn new(stage: Stage) -> Self {
        Self(AtomicU8::new(stage as u8))
    }

    #[inline]
    pub(super) fn set(&self, stage: Stage) {
        self.0.store(stage as u8, Release);
    }

    #[inline]
    pub(super) fn is(&self, stage: Stage) -> bool {
        self.0.load(Acquire) == stage as u8
    }
}
