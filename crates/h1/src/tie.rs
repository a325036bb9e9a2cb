use crate::classify;
use skybridge_core::{CloseReason, News, NewsDesk};
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering::SeqCst},
};

/// What ties the handle and the driver of one connection together: who says how it ended, and why.
///
/// hyper gives an error to whoever waits for a response, and then its driver ends as if all were well. So a driver that ends well while the
/// handle waits leaves the telling to the handle. Neither may miss the other: the handle clears `waiting` and then looks whether the driver is
/// gone; the driver is gone first and then reads `waiting`. Both orders are sequentially consistent, and the desk tells only the first end.
#[derive(Debug, Default)]
pub(crate) struct Tie {
    pub(crate) desk: NewsDesk,
    waiting: AtomicBool,
    reason: OnceLock<CloseReason>,
    cut: AtomicBool,
}

// === impl Tie, the handle's side ===

impl Tie {
    /// A request is on its way.
    #[inline]
    pub(crate) fn wait(&self) {
        // Before the request is queued, which is what orders it.
        self.waiting.store(true, SeqCst);
    }

    /// The wait is over.
    #[inline]
    pub(crate) fn waited(&self) {
        self.waiting.store(false, SeqCst);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(SeqCst)
    }

    /// Why it will end; the first one stays.
    pub(crate) fn will_end(&self, reason: CloseReason) {
        let _ = self.reason.set(reason);
    }

    /// The driver is gone, and may have left it to the handle to say so.
    #[cold]
    pub(crate) fn close(&self, otherwise: CloseReason) {
        self.desk.tell(News::Closed(*self.reason.get_or_init(|| otherwise)));
    }

    /// The driver was dropped before its end.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut.load(SeqCst)
    }
}

// === impl Tie, the driver's side ===

impl Tie {
    /// The driver ended, and what it drove is dropped.
    pub(crate) fn ended(&self, how: hyper::Result<()>) {
        match how {
            Err(error) => self.close(classify::close_reason(&error)),
            Ok(()) if self.reason.get().is_none() && self.is_waiting() => {}
            Ok(()) => self.close(CloseReason::PeerFin),
        }
    }

    /// The driver is being dropped before its end.
    pub(crate) fn cut(&self) {
        self.cut.store(true, SeqCst);
        self.close(CloseReason::RuntimeShutdown);
    }
}
