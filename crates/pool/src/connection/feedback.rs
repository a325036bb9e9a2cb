//! What the route of a connection learns of its first exchange, and its origin: each once.

use super::PooledConnection;
use skybridge_core::{Error, FirstExchange};
use std::sync::atomic::Ordering::Relaxed;

/// Its route has learned that it ended before it carried anything, or that it is refused.
const REPORTED: u8 = 1;
/// It has carried a response.
const ANSWERED: u8 = 2;

impl<C: Send + 'static> PooledConnection<C> {
    /// Whether it has carried a response.
    #[inline]
    pub(crate) fn is_answered(&self) -> bool {
        self.told.load(Relaxed) & ANSWERED > 0
    }

    /// It carries its first response: its route learns of that, and its origin.
    #[cold]
    pub(crate) fn set_answered(&self) {
        self.told.fetch_or(ANSWERED, Relaxed);
        if let Some(feedback) = &self.info.route.feedback {
            feedback.report(&self.info.remote, FirstExchange::Completed);
        }
        if let Some(home) = self.home() {
            home.answered();
        }
    }

    /// It has ended, and nothing was carried: its route learns of that, once, as of a connect that failed.
    #[cold]
    pub(crate) fn report_unused(&self, error: &Error) {
        if let Some(feedback) = &self.info.route.feedback
            && self.told.fetch_or(REPORTED, Relaxed) & REPORTED == 0
        {
            feedback.report(&self.info.remote, FirstExchange::Failed(error));
        }
    }

    /// Its peer refuses requests: its route learns of that, whatever it has learned of the first exchange.
    #[cold]
    pub(crate) fn report_refusing(&self, error: &Error) {
        if let Some(feedback) = &self.info.route.feedback
            && self.told.fetch_or(REPORTED, Relaxed) & REPORTED == 0
        {
            feedback.report(&self.info.remote, FirstExchange::Refused(error));
        }
    }
}
