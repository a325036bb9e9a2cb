use skybridge_core::{BoxError, RequestError};
use std::{error::Error as StdError, fmt};

/// Why an exchange failed, where it wasn't the connection's fault. What the connection did is a [`hyper::Error`].
#[non_exhaustive]
pub enum HyperH1Error {
    /// The request's own body failed.
    RequestBody(BoxError),
    /// The request's body was longer or shorter than declared. No more was sent of it than was.
    BodySize(RequestError),
    /// The runtime that drove the connection ended, or the request's body panicked.
    DriverGone,
    /// Its owner asked for a response before it started a request.
    NotStarted,
}

impl fmt::Display for HyperH1Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestBody(_) => "the request's body failed",
            Self::BodySize(_) => "the request's body has another length than was declared",
            Self::DriverGone => "the task that drove the connection is gone",
            Self::NotStarted => "no request was started",
        })
    }
}

impl fmt::Debug for HyperH1Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for HyperH1Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::RequestBody(error) => Some(&**error),
            Self::BodySize(error) => Some(error),
            Self::DriverGone | Self::NotStarted => None,
        }
    }
}

impl From<RequestError> for HyperH1Error {
    fn from(error: RequestError) -> Self {
        Self::BodySize(error)
    }
}
