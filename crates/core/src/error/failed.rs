use crate::{BoxError, Error};
use std::{convert::Infallible, error::Error as StdError, fmt};
use sync_wrapper::SyncWrapper;

/// An [`Error`] that may still hold the request it failed, complete and as it came down.
///
/// Services below a retry layer fail with this, those above it with a plain [`Error`]. Whether it *may* be sent again is
/// [`error.delivery()`](Error::delivery) alone.
///
/// It is `Sync` whatever the request is, so that layers that erase errors, as many of tower's do, fit between a retry layer and what carries
/// requests: [`Failed::from`] a [`BoxError`] takes it, and the request with it, out again.
///
/// ```
/// use skybridge_core::{BoxError, Delivery, Error, Failed, Phase};
///
/// let request = http::Request::new("a body");
/// let erased: BoxError = Failed::with(Error::new(Delivery::Unsent, Phase::Send, "gone"), request).into();
/// let failed = Failed::<http::Request<&str>>::from(erased);
/// assert_eq!(failed.error.delivery(), Delivery::Unsent);
/// assert_eq!(*failed.into_request().unwrap().body(), "a body");
/// ```
pub struct Failed<R> {
    /// What went wrong.
    pub error: Error,
    request: Option<SyncWrapper<Box<R>>>,
}

impl<R> Failed<R> {
    /// The request came back.
    pub fn with(error: impl Into<Error>, request: R) -> Self {
        Self::new(error.into(), Some(Box::new(request)))
    }

    /// The request is gone.
    pub fn lost(error: impl Into<Error>) -> Self {
        Self::new(error.into(), None)
    }

    /// With the request, if it came back.
    pub fn new(error: Error, request: Option<Box<R>>) -> Self {
        Self { error, request: request.map(SyncWrapper::new) }
    }

    /// Whether the request came back.
    pub fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// The request, if it came back.
    pub fn request_mut(&mut self) -> Option<&mut R> {
        self.request.as_mut().map(|request| &mut **request.get_mut())
    }

    /// The request, if it came back.
    pub fn into_request(self) -> Option<Box<R>> {
        self.request.map(SyncWrapper::into_inner)
    }

    /// What went wrong, and the request if it came back.
    pub fn into_parts(self) -> (Error, Option<Box<R>>) {
        (self.error, self.request.map(SyncWrapper::into_inner))
    }
}

impl<R> From<Failed<R>> for Error {
    fn from(failed: Failed<R>) -> Self {
        failed.error
    }
}

/// The gate for foreign middleware below a retry layer: what it erased comes back, request and all. Of an error of its own nobody knows whether
/// the request got any further: see [`Error`].
impl<R: 'static> From<BoxError> for Failed<R> {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(failed) => *failed,
            Err(error) => Self::lost(error),
        }
    }
}

impl<R> From<Infallible> for Failed<R> {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<R> fmt::Debug for Failed<R> {
    /// Without the request: its headers may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed").field("error", &self.error).field("request", &self.has_request()).finish()
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
