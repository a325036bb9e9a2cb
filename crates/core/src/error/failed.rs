use crate::Error;
use std::{error::Error as StdError, fmt};

/// An [`Error`] that may still hold the request it failed, complete and as it came down.
///
/// Services below a retry layer fail with this, those above it with a plain [`Error`]. Whether it *may* be sent again is
/// [`error.delivery()`](Error::delivery) alone.
pub struct Failed<R> {
    /// What went wrong.
    pub error: Error,
    /// The request.
    pub request: Option<Box<R>>,
}

impl<R> Failed<R> {
    /// The request came back.
    pub fn with(error: impl Into<Error>, request: R) -> Self {
        Self { error: error.into(), request: Some(Box::new(request)) }
    }

    /// The request is gone.
    pub fn lost(error: impl Into<Error>) -> Self {
        Self { error: error.into(), request: None }
    }
}

impl<R> From<Failed<R>> for Error {
    fn from(failed: Failed<R>) -> Self {
        failed.error
    }
}

impl<R> fmt::Debug for Failed<R> {
    /// Without the request: its headers may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed").field("error", &self.error).field("request", &self.request.is_some()).finish()
    }
}

impl<R> fmt::Display for Failed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<R> StdError for Failed<R> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
