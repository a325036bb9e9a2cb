use crate::{BoxError, Error};
use std::{convert::Infallible, error::Error as StdError, fmt};
use sync_wrapper::SyncWrapper;

/// An [`Error`] that may still hold the request that failed, complete and unchanged.
///
/// Services below a retry layer fail with this, those above it with a plain [`Error`]. Whether the request *may* be
/// sent again is decided by [`error.delivery()`](Error::delivery) alone.
///
/// It is `Sync` even if the request isn't, so that layers that box errors, as many of tower's do, can be used below a
/// retry layer: [`Failed::from`] a [`BoxError`] restores it, and the request with it.
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
    /// The error.
    pub error: Error,
    request: Option<SyncWrapper<Box<R>>>,
}

impl<R> Failed<R> {
    /// An error with the request.
    pub fn with(error: impl Into<Error>, request: R) -> Self {
        Self::new(error.into(), Some(Box::new(request)))
    }

    /// An error without the request, which is lost.
    pub fn lost(error: impl Into<Error>) -> Self {
        Self::new(error.into(), None)
    }

    /// An error, with the request if there is one.
    pub fn new(error: Error, request: Option<Box<R>>) -> Self {
        Self { error, request: request.map(SyncWrapper::new) }
    }

    /// Whether it holds the request.
    pub fn has_request(&self) -> bool {
        self.request.is_some()
    }

    /// The request, if there is one.
    pub fn request_mut(&mut self) -> Option<&mut R> {
        self.request.as_mut().map(|request| &mut **request.get_mut())
    }

    /// The request, if there is one.
    pub fn into_request(self) -> Option<Box<R>> {
        self.request.map(SyncWrapper::into_inner)
    }

    /// The error, and the request if there is one.
    pub fn into_parts(self) -> (Error, Option<Box<R>>) {
        (self.error, self.request.map(SyncWrapper::into_inner))
    }
}

impl<R> From<Failed<R>> for Error {
    fn from(failed: Failed<R>) -> Self {
        failed.error
    }
}

/// Restores the error and its request when foreign middleware below a retry layer has boxed it. An error of the
/// middleware itself becomes one with unknown delivery, without the request.
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
    /// The [report](Error::report) of the error. Leaves the request out, because its headers may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
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
