use skybridge_core::{BoxError, RequestError};
use std::{error::Error as StdError, fmt, io, sync::Arc};

/// An error of an HTTP/2 connection or one of its streams.
#[derive(Debug)]
#[non_exhaustive]
pub enum H2Error {
    /// The connection failed, or the peer reset the stream: [`reason`](h2::Error::reason) is its code.
    Protocol(h2::Error),
    /// The socket failed.
    Socket(Arc<io::Error>),
    /// The peer closed the connection.
    Closed,
    /// The peer's first frame is not SETTINGS (RFC 9113, section 3.4): it does not speak HTTP/2.
    FirstFrame,
    /// The body of the request failed; its stream was reset with CANCEL.
    RequestBody(BoxError),
    /// The body of the request was longer or shorter than declared; its stream was reset with CANCEL, and never got
    /// more bytes than declared.
    BodySize(RequestError),
    /// A response was polled without a request.
    NotStarted,
}

impl H2Error {
    /// The error code (RFC 9113, section 7) that the peer sent, or that was sent to it.
    pub fn reason(&self) -> Option<h2::Reason> {
        match self {
            Self::Protocol(error) => error.reason(),
            Self::RequestBody(_) | Self::BodySize(_) => Some(h2::Reason::CANCEL),
            Self::Socket(_) | Self::Closed | Self::FirstFrame | Self::NotStarted => None,
        }
    }
}

impl From<h2::Error> for H2Error {
    fn from(error: h2::Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<RequestError> for H2Error {
    fn from(error: RequestError) -> Self {
        Self::BodySize(error)
    }
}

impl fmt::Display for H2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol(error) if error.is_reset() && error.is_remote() => "the peer reset the stream",
            Self::Protocol(error) if error.is_reset() => "the stream was reset",
            Self::Protocol(error) if error.is_go_away() && error.is_remote() => "the peer sent GOAWAY",
            Self::Protocol(error) if error.is_io() => "the HTTP/2 connection broke",
            Self::Protocol(_) => "the HTTP/2 connection failed",
            Self::Socket(_) => "the HTTP/2 connection broke",
            Self::Closed => "the peer closed the HTTP/2 connection",
            Self::FirstFrame => "the peer does not speak HTTP/2: its first frame is not SETTINGS",
            Self::RequestBody(_) => "the request body failed",
            Self::BodySize(_) => "the request body's length differs from what was declared",
            Self::NotStarted => "no request was started",
        })
    }
}

impl StdError for H2Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // The h2 crate's own error would repeat this level, without the kind of the I/O error.
            Self::Protocol(error) => match error.get_io() {
                Some(io) => Some(io),
                None => Some(error),
            },
            Self::Socket(error) => Some(&**error),
            Self::RequestBody(error) => Some(&**error),
            Self::BodySize(error) => Some(error),
            Self::Closed | Self::FirstFrame | Self::NotStarted => None,
        }
    }
}
