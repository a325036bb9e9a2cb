use crate::Flood;
use skybridge_core::{BoxError, RequestError, Rounded};
use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

/// An error of an HTTP/2 connection or one of its streams.
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
    /// The peer did not answer a PING in this time, nor send anything else: the connection was closed.
    PingTimeout(Duration),
    /// The peer's SETTINGS did not come in this time (RFC 9113, section 3.4): the connection was closed.
    SettingsTimeout(Duration),
    /// The peer sent too many frames of some kind: the connection was ended with ENHANCE_YOUR_CALM.
    Flood(Flood),
    /// More interim responses (1xx) came than [`H2::max_informational`](crate::H2::max_informational) allows, which is
    /// this many: the stream was reset with CANCEL.
    InterimResponses(u32),
    /// A response was polled without a request.
    NotStarted,
}

impl H2Error {
    /// The error code (RFC 9113, section 7) that the peer sent, or that was sent to it.
    pub fn reason(&self) -> Option<h2::Reason> {
        match self {
            Self::Protocol(error) => error.reason(),
            Self::RequestBody(_) | Self::BodySize(_) | Self::InterimResponses(_) => Some(h2::Reason::CANCEL),
            Self::Flood(_) => Some(h2::Reason::ENHANCE_YOUR_CALM),
            Self::Socket(_)
            | Self::Closed
            | Self::FirstFrame
            | Self::PingTimeout(_)
            | Self::SettingsTimeout(_)
            | Self::NotStarted => None,
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
            Self::Protocol(error) if error.is_reset() && is_malformed(error) => {
                "the stream was reset for what the peer sent on it: a malformed field, a head that is too large, or a body of \
                 another length (the h2 crate doesn't say which)"
            }
            Self::Protocol(error) if error.is_reset() => "the stream was reset",
            Self::Protocol(error) if error.is_go_away() && error.is_remote() => "the peer sent GOAWAY",
            Self::Protocol(error) if error.is_io() => "the HTTP/2 connection broke",
            Self::Protocol(error) if is_malformed(error) => {
                "the HTTP/2 connection was ended for what the peer sent: a malformed field, or a frame that may not come (the \
                 h2 crate doesn't say which)"
            }
            Self::Protocol(_) => "the HTTP/2 connection failed",
            Self::Socket(_) => "the HTTP/2 connection broke",
            Self::Closed => "the peer closed the HTTP/2 connection",
            Self::FirstFrame => "the peer does not speak HTTP/2: its first frame is not SETTINGS",
            Self::RequestBody(_) => "the request body failed",
            Self::BodySize(_) => "the request body's length differs from what was declared",
            Self::PingTimeout(limit) => return write!(f, "the peer did not answer a PING in {}", Rounded(*limit)),
            Self::SettingsTimeout(limit) => return write!(f, "the peer's SETTINGS did not come in {}", Rounded(*limit)),
            Self::Flood(flood) => return flood.fmt(f),
            Self::InterimResponses(limit) => return write!(f, "more than {limit} interim responses came"),
            Self::NotStarted => "no request was started",
        })
    }
}

/// The h2 crate found something wrong in what it read. It has one code for that, whether it was a field or a frame.
fn is_malformed(error: &h2::Error) -> bool {
    error.is_library() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR)
}

impl fmt::Debug for H2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
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
            Self::Closed
            | Self::FirstFrame
            | Self::PingTimeout(_)
            | Self::SettingsTimeout(_)
            | Self::Flood(_)
            | Self::InterimResponses(_)
            | Self::NotStarted => None,
        }
    }
}
