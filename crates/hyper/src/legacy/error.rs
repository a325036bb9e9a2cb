use crate::legacy::metadata::ConnectionMetadata;
use http::Version;
use skybridge_core::{Delivery, RequestError};
use std::{error::Error as StdError, fmt};

/// Why there is no response, or why its body ended early. Its source is the stack's [`skybridge_core::Error`], which
/// says more, and below that is the connector's own error.
pub struct Error {
    kind: Kind,
    source: Source,
}

/// Named as hyper-util prints them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Connect,
    Canceled,
    SendRequest,
    Body,
    UserRequest,
    UserUnsupportedVersion,
}

#[derive(Debug)]
enum Source {
    Stack(skybridge_core::Error),
    Version(UnsupportedVersion),
}

/// A request has a version of HTTP that isn't spoken.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnsupportedVersion {
    /// That version.
    pub version: Version,
}

impl Error {
    pub(crate) fn of_request(error: skybridge_core::Error) -> Self {
        let kind = match error.delivery() {
            _ if error.is_connect() => Kind::Connect,
            _ if error.is_request() => Kind::UserRequest,
            Delivery::Unsent => Kind::Canceled,
            _ => Kind::SendRequest,
        };
        Self { kind, source: Source::Stack(error) }
    }

    pub(crate) fn of_body(error: skybridge_core::Error) -> Self {
        Self { kind: Kind::Body, source: Source::Stack(error) }
    }

    pub(crate) fn of_version(version: Version) -> Self {
        Self { kind: Kind::UserUnsupportedVersion, source: Source::Version(UnsupportedVersion { version }) }
    }

    /// Whether there was no connection: the connector failed, or the handshake on what it returned. Nothing was sent.
    pub fn is_connect(&self) -> bool {
        self.kind == Kind::Connect
    }

    /// Whether the request can't be sent as it is: its URI isn't absolute, its method is CONNECT, its version isn't
    /// spoken, or its headers contradict it.
    pub fn is_user(&self) -> bool {
        matches!(self.kind, Kind::UserRequest | Kind::UserUnsupportedVersion)
    }

    /// Whether a time limit ended it.
    pub fn is_timeout(&self) -> bool {
        self.stack_error().is_some_and(skybridge_core::Error::is_timeout)
    }

    /// What the connector says of the connection on which it happened, if there was one.
    pub fn connect_info(&self) -> Option<&ConnectionMetadata> {
        ConnectionMetadata::of(self.stack_error()?.connection()?)
    }

    /// The error of the stack, which tells whether the origin can have processed the request
    /// ([`delivery`](skybridge_core::Error::delivery)). `None` where the request didn't come to it.
    pub fn stack_error(&self) -> Option<&skybridge_core::Error> {
        match &self.source {
            Source::Stack(error) => Some(error),
            Source::Version(_) => None,
        }
    }

    /// What is wrong with the request, if that is it.
    pub fn request_error(&self) -> Option<&RequestError> {
        match self.stack_error()?.cause() {
            skybridge_core::Cause::Request(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client error ({:?})", self.kind)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("skybridge_hyper::legacy::Error").field(&self.kind).field(&self.source).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match &self.source {
            Source::Stack(error) => error,
            Source::Version(error) => error,
        })
    }
}

impl fmt::Display for UnsupportedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "requests are sent by HTTP/1.1 or HTTP/2, and not by {:?}", self.version)
    }
}

impl fmt::Debug for UnsupportedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for UnsupportedVersion {}
