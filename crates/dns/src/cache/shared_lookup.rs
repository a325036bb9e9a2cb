use super::{entries::CacheKey, progress::Progress};
use crate::ResolveError;
use skybridge_core::{BoxFuture, sync::Mutex};
use std::{
    sync::Arc,
    task::{Context, Waker},
};

/// One lookup that several queries wait for. It has no task: whoever waits polls it, so that it goes on while anybody
/// is left, and is dropped with the last.
pub(super) struct SharedLookup {
    pub(super) key: CacheKey,
    pub(super) progress: Arc<Progress>,
    /// `None` while somebody polls it, and once it has ended.
    lookup: Mutex<Option<BoxFuture<()>>>,
}

/// Ends a lookup for all others when it panics.
struct EndOnPanic<'a>(&'a SharedLookup);

impl SharedLookup {
    /// The lookup tells `progress` what it finds, and finishes it.
    pub(super) fn new(key: CacheKey, progress: Arc<Progress>, lookup: BoxFuture<()>) -> Self {
        Self { key, progress, lookup: Mutex::new(Some(lookup)) }
    }

    /// Polls the lookup, unless somebody else does, who then wakes all others if there is a reason.
    pub(super) fn poll(&self) {
        // The lock is not held meanwhile: the resolver below may do what it likes.
        let Some(mut lookup) = self.lookup.lock().take() else { return };
        let waker = Waker::from(Arc::clone(&self.progress));
        self.progress.begin_poll();
        let end_on_panic = EndOnPanic(self);
        let polled = lookup.as_mut().poll(&mut Context::from_waker(&waker));
        drop(end_on_panic);
        if polled.is_pending() {
            *self.lookup.lock() = Some(lookup);
            self.progress.end_poll();
        }
    }
}

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let host = Arc::clone(self.0.key.host());
            self.0.progress.finish(Err(ResolveError::Cancelled { host }.into()));
        }
    }
}
