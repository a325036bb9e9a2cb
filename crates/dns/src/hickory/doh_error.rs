use http::{HeaderValue, StatusCode};
use skybridge_core::BoxError;
use std::{error::Error as StdError, fmt, io};

/// Why a server that is asked over HTTPS ([`Hickory::over_https`](crate::Hickory::over_https)) didn't tell. It is among
/// the causes of the error: `ConnectError::source_as` finds it.
#[non_exhaustive]
pub enum DohError {
    /// No response came, or no whole one.
    Http(BoxError),
    /// The response is no success. Redirects are not followed.
    Status(StatusCode),
    /// The response is no DNS message, but this.
    ContentType(Option<HeaderValue>),
    /// The response is longer than a DNS message can be: 65,535 bytes.
    TooLong,
    /// The message can't be read.
    Malformed(BoxError),
    /// The message answers another question, or none.
    AnotherQuestion,
    /// The server's answer was cut.
    Truncated,
    /// The server says that it can't tell, by this response code (2: it failed; 5: it refuses).
    ResponseCode(u16),
}

impl From<DohError> for io::Error {
    fn from(error: DohError) -> Self {
        Self::other(error)
    }
}

impl fmt::Display for DohError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(_) => f.write_str("the request to the DNS server failed"),
            Self::Status(status) => write!(f, "the DNS server answered with {status}"),
            Self::ContentType(Some(kind)) => {
                write!(f, "the DNS server answered with {kind:?}, which is no DNS message")
            }
            Self::ContentType(None) => f.write_str("the DNS server doesn't say that its answer is a DNS message"),
            Self::TooLong => f.write_str("the answer is longer than a DNS message can be"),
            Self::Malformed(_) => f.write_str("the answer is malformed"),
            Self::AnotherQuestion => f.write_str("the answer is to another question"),
            Self::Truncated => f.write_str("the answer is cut"),
            Self::ResponseCode(2) => f.write_str("the DNS server failed to find out (SERVFAIL)"),
            Self::ResponseCode(5) => f.write_str("the DNS server refuses to tell (REFUSED)"),
            Self::ResponseCode(code) => write!(f, "the DNS server can't tell (response code {code})"),
        }
    }
}

impl fmt::Debug for DohError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for DohError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Http(error) | Self::Malformed(error) => Some(&**error),
            _ => None,
        }
    }
}
