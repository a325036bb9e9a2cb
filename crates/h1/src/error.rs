use skybridge_core::{BoxError, Cause, CloseReason, Delivery, Error, Phase, RequestError, TlsAlert};
use skybridge_h1_codec::{BodyError, ForbiddenTrailer, HeadError};
use std::{error::Error as StdError, fmt, io, sync::Arc};

/// Why an exchange failed on an HTTP/1.1 connection.
#[derive(Clone)]
#[non_exhaustive]
pub enum H1Error {
    /// The socket failed while the request was sent.
    Write(Arc<io::Error>),
    /// The socket failed while the response was read.
    Read(Arc<io::Error>),
    /// The peer closed the connection before the response's head was complete.
    Closed {
        /// How many bytes of it there were.
        received: usize,
    },
    /// The response's head can't be understood.
    Head(HeadError),
    /// The response's body can't be read, or broke off.
    Body(BodyError),
    /// The peer sent more interim responses (1xx) than it may.
    InterimResponses {
        /// How many it may send.
        limit: u32,
    },
    /// The peer switches to another protocol, though nobody asked it to (RFC 9110, section 7.8).
    UnaskedUpgrade,
    /// The peer switches to another protocol before it has all of the request (RFC 9110, section 7.8).
    EarlyUpgrade,
    /// The request's own body failed.
    RequestBody(Arc<dyn StdError + Send + Sync>),
    /// The task that wrote the rest of the request, while its response was read, ended before it was done: the
    /// request's body panicked, or the runtime ended.
    UploadAborted,
    /// The request's body is longer or shorter than was declared.
    BodySize(RequestError),
    /// The request's trailers have a field that must not be sent as one (RFC 9110, section 6.5.1).
    ForbiddenTrailer(ForbiddenTrailer),
    /// The peer wants the request without `expect` (417, RFC 9110, section 15.5.18).
    ExpectationFailed,
    /// The connection was closed before the exchange began.
    NotOpen(CloseReason),
    /// The same, as the peer speaks HTTP/2 (RFC 9113, section 3.4): it has sent the SETTINGS with which that begins.
    UnaskedHttp2,
    /// A response was asked for before a request was started.
    NotStarted,
}

impl H1Error {
    pub(crate) fn request_body(error: impl Into<BoxError>) -> Self {
        Self::RequestBody(error.into().into())
    }

    /// Whether the peer has answered, so that the request was processed.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Head(_) | Self::InterimResponses { .. } | Self::UnaskedUpgrade | Self::EarlyUpgrade)
    }

    /// Whether the peer has ended TLS, and has said why.
    pub(crate) fn is_alert(&self) -> bool {
        self.alert().is_some()
    }

    /// What it has said.
    pub(crate) fn alert(&self) -> Option<TlsAlert> {
        match Cause::from(self.clone()) {
            Cause::Tls(alert) => Some(alert),
            _ => None,
        }
    }

    /// Why a connection closes on which this happened.
    pub(crate) fn close_reason(&self) -> CloseReason {
        Cause::from(self.clone()).close_reason()
    }

    /// As the error of a response's body.
    #[cold]
    pub(crate) fn of_body(self) -> Error {
        Error::of(Delivery::Unknown, Phase::Body, self.in_response())
    }

    /// The cause, after some of a response was received.
    pub(crate) fn in_response(self) -> Cause {
        if self.is_eof() { Cause::Incomplete(self.into()) } else { self.into() }
    }

    /// Whether the peer has closed the connection in a way that is a failed read: over TLS, without `close_notify`.
    fn is_eof(&self) -> bool {
        matches!(self, Self::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof)
    }
}

impl From<H1Error> for Cause {
    fn from(error: H1Error) -> Self {
        match error {
            error if error.is_eof() => Self::NoResponse(error.into()),
            H1Error::Write(_) | H1Error::Read(_) => Self::of_io(error),
            H1Error::Closed { received: 0 } => Self::NoResponse(error.into()),
            H1Error::Closed { .. } | H1Error::Body(BodyError::Incomplete { .. }) => Self::Incomplete(error.into()),
            H1Error::Head(_)
            | H1Error::Body(_)
            | H1Error::InterimResponses { .. }
            | H1Error::UnaskedUpgrade
            | H1Error::EarlyUpgrade => Self::Protocol(error.into()),
            H1Error::RequestBody(_) | H1Error::UploadAborted | H1Error::BodySize(_) | H1Error::ForbiddenTrailer(_) => {
                Self::RequestBody(error.into())
            }
            H1Error::ExpectationFailed => Self::ExpectationFailed,
            H1Error::NotOpen(reason) => Self::ConnectionClosed(reason),
            H1Error::UnaskedHttp2 => Self::ConnectionClosed(CloseReason::Unsolicited),
            H1Error::NotStarted => Self::Exchange(error.into()),
        }
    }
}

/// Found while a body is sent.
impl From<RequestError> for H1Error {
    fn from(error: RequestError) -> Self {
        Self::BodySize(error)
    }
}

impl From<ForbiddenTrailer> for H1Error {
    fn from(error: ForbiddenTrailer) -> Self {
        Self::ForbiddenTrailer(error)
    }
}

impl fmt::Display for H1Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(_) => f.write_str("the request could not be written"),
            Self::Read(_) => f.write_str("the response could not be read"),
            Self::Closed { received: 0 } => f.write_str("the peer closed the connection without a response"),
            Self::Closed { received } => {
                write!(f, "the peer closed the connection after {received} bytes of the response's head")
            }
            // The codec's sentence is the one to read.
            Self::Head(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
            Self::InterimResponses { limit } => write!(f, "the peer sent more than {limit} interim responses (1xx)"),
            Self::UnaskedUpgrade => f.write_str("the peer switched to another protocol without being asked"),
            Self::EarlyUpgrade => f.write_str("the peer switched to another protocol before it had all of the request"),
            Self::RequestBody(_) => f.write_str("the request's own body failed"),
            Self::UploadAborted => f.write_str("the task that wrote the request ended before all of it was written"),
            Self::BodySize(_) => f.write_str("the request body's length differs from what was declared"),
            Self::ForbiddenTrailer(_) => f.write_str("the request's trailers can't be sent"),
            Self::ExpectationFailed => f.write_str("the peer does not know what to expect (417)"),
            Self::NotOpen(reason) => write!(f, "the connection was closed before the request was sent ({reason})"),
            Self::UnaskedHttp2 => f.write_str("the peer spoke HTTP/2 before it was asked"),
            Self::NotStarted => f.write_str("no request was started"),
        }
    }
}

impl fmt::Debug for H1Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for H1Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Write(error) | Self::Read(error) => Some(&**error),
            Self::RequestBody(error) => Some(&**error),
            Self::BodySize(error) => Some(error),
            Self::ForbiddenTrailer(error) => Some(error),
            Self::Head(error) => error.source(),
            Self::Body(error) => error.source(),
            _ => None,
        }
    }
}
