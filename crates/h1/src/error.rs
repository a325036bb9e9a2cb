use std::{error::Error as StdError, fmt};

/// Why an exchange failed, where it wasn't the connection's fault. What the connection did is a [`hyper::Error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The request's own body failed; its error is the source.
    RequestBody(hyper::Error),
    /// The request's body ended before its `content-length`.
    RequestBodyShort,
    /// The runtime that drove the connection ended, or the request's body panicked.
    DriverGone,
    /// Its owner asked for a response before it started a request.
    NotStarted,
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestBody(_) => "the request's body failed",
            Self::RequestBodyShort => "the request's body ended before its content-length",
            Self::DriverGone => "the task that drove the connection is gone",
            Self::NotStarted => "no request was started",
        })
    }
}

impl StdError for ExchangeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // hyper's own sentence says no more than ours.
            Self::RequestBody(error) => error.source(),
            _ => None,
        }
    }
}
