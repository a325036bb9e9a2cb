use crate::{
    machine::connects::ConnectKey,
    origin::connect_timeouts::ConnectTimeouts,
    shared::{
        notify::Notify,
        sync::{Mutex, lock},
    },
};
use skybridge_core::{AttemptLog, AttemptReport, Phase, TimedOut, Timeouts};
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

/// A connect under way, as its origin and its task know it. Which requests wait for it, the origin's machine knows.
#[derive(Debug)]
pub(crate) struct PendingConnect {
    pub(crate) key: ConnectKey,
    /// How many failures in a row there had been when it was wanted.
    pub(crate) failures: u8,
    /// From when on the limit of connecting in total counts.
    pub(crate) began: Instant,
    /// The waiting requests have changed, or the pool is closed: the task asks its origin whether to go on, and for how
    /// long.
    pub(crate) changed: Notify,
    /// How long its steps may take. Apart from the rest, as the facts of the connection keep it for as long as that
    /// lives.
    pub(crate) timeouts: Arc<ConnectTimeouts>,
    /// What its task has tried, for a request that is ended meanwhile.
    pub(crate) attempts: OnceLock<AttemptLog>,
    /// The limit of its own that has ended the wait of the last request, until the task has looked. Of two connects
    /// either task may find that it is over, and both have taken too long. In a box, as it is rare.
    left_by: Mutex<Option<Box<TimedOut>>>,
}

impl PendingConnect {
    pub(crate) fn new(key: ConnectKey, failures: u8, began: Instant, timeouts: Timeouts) -> Arc<Self> {
        let timeouts = Arc::new(ConnectTimeouts::new(timeouts));
        let (changed, left_by) = (Notify::default(), Mutex::new(None));
        Arc::new(Self { key, failures, began, changed, timeouts, attempts: OnceLock::new(), left_by })
    }

    /// What it is doing, and what it has tried.
    #[cold]
    pub(crate) fn progress(&self) -> (Option<Phase>, Vec<AttemptReport>) {
        (self.timeouts.phase(), self.attempts.get().map(AttemptLog::reports).unwrap_or_default())
    }

    /// Whether it waits for a lookup, and has had no address to try.
    #[cold]
    pub(crate) fn looks_up(&self) -> bool {
        let (phase, attempts) = self.progress();
        phase == Some(Phase::Resolve) && attempts.is_empty()
    }

    /// The last request that waited for it has left, as this limit of its own is over. Under the lock of its origin.
    pub(crate) fn set_left_by(&self, timed_out: TimedOut) {
        *lock(&self.left_by) = Some(Box::new(timed_out));
    }

    pub(crate) fn take_left_by(&self) -> Option<TimedOut> {
        lock(&self.left_by).take().map(|timed_out| *timed_out)
    }
}
