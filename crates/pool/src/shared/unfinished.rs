use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// How many responses that nobody reads may be on their way at once: beyond that, a connection is closed.
pub(crate) const MAX_UNREAD: usize = 256;

/// The exchanges of a pool that nobody waits for and that aren't over: for how long they may go on, how many there are
/// of those whose response is unread, and how all of them are ended at once.
#[derive(Debug)]
pub(crate) struct UnfinishedExchanges {
    upload_grace: Duration,
    unread_grace: Duration,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// None may go on.
    ended: bool,
    /// None whose response is unread may go on.
    unread_ended: bool,
    unread: usize,
    next: u64,
    /// By number; each leaves with its task.
    wakers: HashMap<u64, Waker>,
}

/// What of an exchange is not over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unfinished {
    /// Its response is, and its request isn't.
    Request,
    /// Its response was dropped before its end. Its request may be unfinished too.
    Response,
}

/// One of them, as long as it is held.
#[derive(Debug)]
pub(crate) struct UnfinishedEntry {
    all: Arc<UnfinishedExchanges>,
    what: Unfinished,
    number: u64,
}

impl UnfinishedExchanges {
    pub(crate) fn new(upload_grace: Duration, unread_grace: Duration) -> Arc<Self> {
        Arc::new(Self { upload_grace, unread_grace, inside: Mutex::default() })
    }

    /// For how long a request may go on after its response.
    pub(crate) fn upload_grace(&self) -> Duration {
        self.upload_grace
    }

    /// For how long a response may go on that nobody reads.
    pub(crate) fn unread_grace(&self) -> Duration {
        self.unread_grace
    }

    /// Lets one go on; `None` when it may not, as the pool is closed, or, with an unread response, as there are too
    /// many already, or they have no time.
    pub(crate) fn enter(self: &Arc<Self>, what: Unfinished) -> Option<UnfinishedEntry> {
        let mut inside = self.inside();
        if inside.has_ended(what) {
            return None;
        }
        if what == Unfinished::Response {
            if inside.unread >= MAX_UNREAD || self.unread_grace.is_zero() {
                return None;
            }
            inside.unread += 1;
        }
        inside.next += 1;
        let number = inside.next;
        drop(inside);
        Some(UnfinishedEntry { all: Arc::clone(self), what, number })
    }

    /// Ends those there are, and allows no more.
    pub(crate) fn end(&self) {
        self.end_if(|inside| (inside.ended, inside.unread_ended) = (true, true));
    }

    /// Ends those whose response is unread, and allows no more: nobody is left who could use their connections.
    pub(crate) fn end_unread(&self) {
        self.end_if(|inside| inside.unread_ended = true);
    }

    fn end_if(&self, end: impl FnOnce(&mut Inside)) {
        let wakers = {
            let mut inside = self.inside();
            end(&mut inside);
            std::mem::take(&mut inside.wakers)
        };
        // Those that aren't to end leave another waker.
        wakers.into_values().for_each(Waker::wake);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn has_ended(&self, what: Unfinished) -> bool {
        self.ended || what == Unfinished::Response && self.unread_ended
    }
}

impl UnfinishedEntry {
    /// What of it is not over, as far as is known.
    pub(crate) fn what(&self) -> Unfinished {
        self.what
    }

    /// Its response is over by now, or has had its time.
    pub(crate) fn only_request(&mut self) {
        if std::mem::replace(&mut self.what, Unfinished::Request) == Unfinished::Response {
            self.all.inside().unread -= 1;
        }
    }

    /// Ready when it is to end.
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inside = self.all.inside();
        if inside.has_ended(self.what) {
            return Poll::Ready(());
        }
        // A waker is somebody else's code, and so is its drop.
        let old = inside.wakers.insert(self.number, cx.waker().clone());
        drop(inside);
        drop(old);
        Poll::Pending
    }
}

impl Drop for UnfinishedEntry {
    fn drop(&mut self) {
        self.only_request();
        let left = self.all.inside().wakers.remove(&self.number);
        drop(left);
    }
}
