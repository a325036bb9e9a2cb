use super::{classify, error::HyperH1Error};
use skybridge_core::{CloseReason, ConnectionStatus, StatusSender, sync::Mutex};
use std::{
    sync::{
        OnceLock,
        atomic::{
            AtomicBool, AtomicU8, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
        },
    },
    task::{Context, Poll, Waker},
};

/// What ties the handle and the driver of one connection together: who says how it ended, and why.
///
/// hyper gives an error to whoever waits for a response, and then its driver ends as if all were well. So a driver that
/// ends well while the handle waits leaves the telling to the handle. Neither may miss the other: the handle clears
/// `waiting` and then looks whether the driver is gone; the driver is gone first and then reads `waiting`. Both orders
/// are sequentially consistent, and the status tells only the first end.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    pub(crate) status: StatusSender,
    waiting: AtomicBool,
    reason: OnceLock<CloseReason>,
    /// The last response was dropped before its end.
    unread: AtomicBool,
    cut: AtomicBool,
    /// How far the last request has got: one of the three below.
    progress: AtomicU8,
    /// How many pieces of bodies hyper has taken.
    pieces: AtomicU64,
    /// How the last request's body failed.
    body: Mutex<Option<HyperH1Error>>,
    given_up: AtomicBool,
    /// The driver's, while it has something left to send.
    driver: Mutex<Option<Waker>>,
}

/// ```text
/// SENT -> STARTED -> ENDED -> SENT
/// ```
///
/// One word, changed in this order alone, so that what the driver sees late of one request means nothing for the next.
const SENT: u8 = 0;
/// It is on its way to the driver, or its body is being sent.
const STARTED: u8 = 1;
/// Its body was seen to end, but what hyper has of it may not have left.
const ENDED: u8 = 2;

// === impl Lifecycle, the handle's side ===

impl Lifecycle {
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

    /// A request begins.
    #[inline]
    pub(crate) fn begin(&self) {
        self.progress.store(STARTED, Relaxed);
        self.unread.store(false, Relaxed);
    }

    /// The response was dropped before its end. hyper takes what is here already, and its driver ends as if the peer
    /// had closed when that wasn't all.
    #[cold]
    pub(crate) fn unread(&self) {
        self.unread.store(true, SeqCst);
    }

    /// It never did: it came back.
    pub(crate) fn not_begun(&self) {
        self.progress.store(SENT, Relaxed);
    }

    /// hyper takes another piece of the body, as it has room for it.
    #[inline]
    pub(crate) fn takes_piece(&self) {
        self.pieces.fetch_add(1, Relaxed);
    }

    /// How many it has taken.
    pub(crate) fn pieces(&self) -> u64 {
        self.pieces.load(Relaxed)
    }

    /// All of the last request has left.
    #[inline]
    pub(crate) fn is_sent(&self) -> bool {
        self.progress.load(Acquire) == SENT
    }

    /// Nobody is interested in the connection any more, and the rest of its last request is not to be sent: it ends
    /// now, whatever its peer does.
    #[cold]
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, SeqCst);
        let waker = self.driver.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn body_failure(&self) -> Option<HyperH1Error> {
        self.body.lock().take()
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.reason.get() == Some(&CloseReason::Upgraded)
    }

    /// Why it will end; the first one stays.
    pub(crate) fn will_end(&self, reason: CloseReason) {
        let _ = self.reason.set(reason);
    }

    /// The driver is gone, and may have left it to the handle to say so.
    #[cold]
    pub(crate) fn close(&self, otherwise: CloseReason) {
        self.status.report(ConnectionStatus::Closed(*self.reason.get_or_init(|| otherwise)));
    }

    /// The driver was dropped before its end.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut.load(SeqCst)
    }
}

// === impl Lifecycle, the driver's side ===

impl Lifecycle {
    /// The driver ended, and what it drove is dropped.
    pub(crate) fn ended(&self, how: hyper::Result<()>) {
        match how {
            Err(error) => self.close(classify::close_reason(&error)),
            Ok(()) if self.reason.get().is_none() && self.is_waiting() => {}
            Ok(()) if self.unread.load(SeqCst) => self.close(CloseReason::Unread),
            Ok(()) => self.close(CloseReason::PeerFin),
        }
    }

    /// hyper needs no more of the request's body.
    #[inline]
    pub(crate) fn body_ended(&self) {
        self.progress.store(ENDED, Relaxed);
    }

    /// The request's body failed: hyper ends the connection.
    pub(crate) fn body_failed(&self, error: HyperH1Error) {
        *self.body.lock() = Some(error);
    }

    /// All that hyper had to write has left. True when that was the rest of a request.
    #[inline]
    pub(crate) fn flushed(&self) -> bool {
        // Not if the next request has begun.
        self.progress.load(Relaxed) == ENDED && self.progress.compare_exchange(ENDED, SENT, AcqRel, Relaxed).is_ok()
    }

    /// Ready when the handle has given up. Asked only while something is left to send: otherwise the driver ends by
    /// itself.
    #[inline]
    pub(crate) fn poll_given_up(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_sent() { Poll::Pending } else { self.poll_waiting(cx) }
    }

    fn poll_waiting(&self, cx: &Context<'_>) -> Poll<()> {
        {
            let mut driver = self.driver.lock();
            if !driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *driver = Some(cx.waker().clone());
            }
        }
        // Looked at last: who gives up meanwhile has found the waker, or is found here.
        if self.given_up.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The driver is being dropped before its end.
    pub(crate) fn cut(&self) {
        self.cut.store(true, SeqCst);
        self.close(CloseReason::RuntimeShutdown);
    }
}
