use crate::{Phase, Rounded};
use std::{cell::Cell, error::Error as StdError, fmt, time::Duration};

/// A time limit was exceeded.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TimedOut {
    /// The phase that took too long.
    pub phase: Phase,
    /// The time limit.
    pub limit: Duration,
}

thread_local! {
    /// The limit that ends whatever is dropped right now.
    static ENDING: Cell<Option<TimedOut>> = const { Cell::new(None) };
}

/// Restores what was before, also after a panic.
struct Restore(Option<TimedOut>);

impl TimedOut {
    /// Drops something that this limit ends: a future, or the body of a response. Whatever exchange is in it, below
    /// whatever layers, ends because of the [limit](Self::ending), rather than because nobody wanted its response.
    ///
    /// ```
    /// use skybridge_core::{Phase, TimedOut};
    /// use std::time::Duration;
    ///
    /// struct Exchange;
    /// impl Drop for Exchange {
    ///     fn drop(&mut self) {
    ///         assert_eq!(TimedOut::ending().map(|limit| limit.phase), Some(Phase::Call));
    ///     }
    /// }
    /// TimedOut { phase: Phase::Call, limit: Duration::from_secs(1) }.ends(|| drop(Exchange));
    /// assert_eq!(TimedOut::ending(), None);
    /// ```
    pub fn ends<T>(self, what: impl FnOnce() -> T) -> T {
        // While a thread ends there is no value, and what is dropped then is not told of the limit.
        let _restore = ENDING.try_with(|ending| Restore(ending.replace(Some(self))));
        what()
    }

    /// The limit that ends what is being dropped on this thread, if one does.
    pub fn ending() -> Option<Self> {
        ENDING.try_with(Cell::get).ok().flatten()
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = ENDING.try_with(|ending| ending.set(self.0));
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} took longer than {}", self.phase, Rounded(self.limit))
    }
}

impl fmt::Debug for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl StdError for TimedOut {}
