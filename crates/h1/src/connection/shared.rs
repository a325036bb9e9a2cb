use super::{
    effects::Effects,
    idle::{IdleWatch, LookIdle},
    inner::Inner,
    sync::{Mutex, MutexGuard},
};
use skybridge_core::{CloseReason, ConnectionStatus, Io};
use skybridge_h1_codec::{HeadDecoder, Limits};
use std::sync::{Arc, PoisonError};

/// The connection, as its handle, a response's body and an upload's task share it. The last of them closes the socket.
///
/// The lock is held for one step of reading or writing: never while somebody else's code runs (a request's body, an
/// observer, a waker).
pub(super) struct Shared {
    inner: Mutex<Inner>,
    pub(super) idle: Arc<IdleWatch>,
}

impl Shared {
    pub(super) fn new(io: impl Io, decoder: HeadDecoder, limits: Limits, idle: Arc<IdleWatch>) -> Arc<Self> {
        let inner = Mutex::new(Inner::new(Box::pin(io), decoder, limits, &idle));
        let shared = Arc::new(Self { inner, idle });
        let connection = Arc::downgrade(&shared);
        shared.idle.set_connection(connection);
        let effects = shared.lock().watch_idle();
        shared.apply(effects);
        shared
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a step leaves to be done without the lock.
    #[inline]
    pub(super) fn apply(&self, effects: Effects) {
        if !effects.is_empty() {
            self.apply_effects(effects);
        }
    }

    #[cold]
    fn apply_effects(&self, effects: Effects) {
        if let Some(closed) = effects.closed {
            let reason = closed.reason;
            // The socket first: who is told that a connection is gone may rely on it.
            drop(closed);
            self.idle.status.report(ConnectionStatus::Closed(reason));
        }
        for waker in effects.wakers.into_iter().flatten() {
            waker.wake();
        }
    }

    pub(super) fn close(&self, reason: CloseReason) {
        let effects = self.lock().close(reason);
        self.apply(effects);
    }
}

impl LookIdle for Shared {
    fn look_idle(&self) {
        let effects = self.lock().look_if_woken();
        self.apply(effects);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let reason = if inner.is_idle() { CloseReason::Shutdown } else { CloseReason::Unread };
        let effects = inner.close(reason);
        self.apply(effects);
    }
}
