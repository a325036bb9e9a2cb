use crate::shared::time::{Timestamp, nanos};
use std::time::Duration;

/// How long a limit stands before more is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// How many sockets a pool can have, as a connect has shown for which there was no file descriptor.
///
/// The process may close other files later, so the limit is raised from time to time: after a second by one, and then
/// each second by twice as many, until it is in nobody's way and forgotten, or a connect fails again.
#[derive(Clone, Copy, Debug)]
pub(super) struct DescriptorLimit {
    pub(super) sockets: usize,
    pub(super) raise_at: Timestamp,
    step: usize,
}

impl DescriptorLimit {
    /// So many sockets are open, and one more could not be opened.
    pub(super) fn new(open: usize, now: Timestamp) -> Self {
        // Where none is open, one is tried at a time.
        Self { sockets: open.max(1), raise_at: now.plus(nanos(PAUSE)), step: 1 }
    }

    pub(super) fn raise(&mut self, now: Timestamp) {
        self.sockets = self.sockets.saturating_add(self.step);
        self.step = self.step.saturating_mul(2);
        self.raise_at = now.plus(nanos(PAUSE));
    }
}
