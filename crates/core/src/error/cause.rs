//! What went wrong, as whoever knew it said it.

use super::causes;
use crate::{BoxError, CloseReason, ConnectError, Overloaded, RequestError, TimedOut};
use http::StatusCode;
use std::{error::Error as StdError, fmt, io};

/// The cause of an [`Error`](crate::Error): named by the layer that knows it, so that nobody above has to look for an
/// error of a certain protocol in the chain of sources.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// No connection could be made.
    Connect(ConnectError),
    /// The request is invalid, so that no connection could send it.
    Request(RequestError),
    /// The request's own body failed, or is longer or shorter than was declared.
    RequestBody(BoxError),
    /// A time limit was exceeded.
    TimedOut(TimedOut),
    /// Whoever waited for the response gave it up: its future or its body was dropped.
    Cancelled,
    /// A limit is reached or a queue is full.
    Overloaded(Overloaded),
    /// The pool was closed.
    Closed,
    /// The connection was closed before the exchange began, for this reason.
    ConnectionClosed(CloseReason),
    /// The peer wants the request without `expect` (417, RFC 9110, section 15.5.18).
    ExpectationFailed,
    /// A connection to another origin answered with 421 (RFC 9110, section 15.5.20): it can't be used for this origin.
    Misdirected,
    /// The peer answered with a status that [asks for the request again](crate::FollowUp), and it was sent again: the
    /// response wasn't used.
    Answered(StatusCode),
    /// The peer is shutting the connection down (HTTP/2, RFC 9113, section 6.8).
    GoAway(GoAway),
    /// The stream was reset (HTTP/2, RFC 9113, section 6.4).
    Reset(Reset),
    /// The peer's output violates the protocol. The source names what is wrong with it.
    Protocol(BoxError),
    /// The peer ended the connection with a TLS alert after the handshake, as a server of TLS 1.3 does that wants
    /// another certificate of the client.
    Tls(TlsAlert),
    /// The socket failed.
    Io(BoxError),
    /// The peer closed the connection without a byte of a response.
    NoResponse(BoxError),
    /// The peer closed the connection in the middle of a response.
    Incomplete(BoxError),
    /// A connection that had carried exchanges ended in this way before a byte of a response to this one. So end those
    /// that the peer closes for being idle, just when they are used again (RFC 9112, section 9.3.1). The request may
    /// have been processed, and another connection is as good as on a first try.
    Stale(Box<Cause>),
    /// The peer is silent: it owed a sign of life, and gave none in the time that the source names. The request may
    /// have been processed if it was sent. Unlike a limit of the exchange itself ([`TimedOut`](Self::TimedOut)), it
    /// says that the connection is dead.
    Unresponsive(BoxError),
    /// The exchange failed on a connection that doesn't say why, or in a layer that isn't of this stack.
    Exchange(BoxError),
}

/// A peer's GOAWAY (RFC 9113, section 6.8).
#[derive(Debug)]
pub struct GoAway {
    code: ErrorCode,
    last_stream: Option<u32>,
    debug_data: Box<str>,
    planned: bool,
    source: BoxError,
}

/// The reset of a stream (RST_STREAM, RFC 9113, section 6.4).
#[derive(Debug)]
pub struct Reset {
    code: ErrorCode,
    by_peer: bool,
    source: BoxError,
}

/// An error code of HTTP/2 (RFC 9113, section 7). Its `Display` is the RFC's name, or the number of an unknown one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ErrorCode(pub u32);

/// A fatal TLS alert that the peer sent after the handshake (RFC 8446, section 6.2). The layer of TLS puts it into the
/// [`io::Error`] of reading.
#[derive(Clone, Eq, PartialEq)]
pub struct TlsAlert {
    code: u8,
    name: Box<str>,
}

// === impl Cause ===

impl Cause {
    /// How a socket failed that was read or written: with an alert of TLS, if that is what its error has.
    pub fn of_io(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        let alert = causes::causes(&*source).find_map(|cause| cause.downcast_ref::<TlsAlert>()).cloned();
        alert.map_or(Self::Io(source), Self::Tls)
    }

    /// Why a connection that ends of this is closed.
    pub fn close_reason(&self) -> CloseReason {
        match self {
            Self::Request(_) | Self::RequestBody(_) => CloseReason::RequestFailed,
            Self::TimedOut(_) => CloseReason::TimedOut,
            Self::Connect(error) if error.is_timeout() => CloseReason::TimedOut,
            Self::Cancelled => CloseReason::Cancelled,
            Self::Overloaded(_) => CloseReason::LimitReclaimed,
            Self::Closed => CloseReason::Shutdown,
            Self::ConnectionClosed(reason) => *reason,
            Self::ExpectationFailed | Self::Answered(_) => CloseReason::Unread,
            Self::Misdirected => CloseReason::Evicted,
            Self::GoAway(_) => CloseReason::PeerGoAway,
            Self::Tls(_) => CloseReason::TlsAlert,
            // Over TLS: a FIN without close_notify.
            Self::Io(error) if is_eof(error) => CloseReason::PeerFin,
            Self::Io(_) => CloseReason::SocketFailed,
            Self::NoResponse(_) | Self::Incomplete(_) => CloseReason::PeerFin,
            Self::Unresponsive(_) => CloseReason::Unresponsive,
            Self::Stale(cause) => cause.close_reason(),
            Self::Connect(_) | Self::Reset(_) | Self::Protocol(_) | Self::Exchange(_) => CloseReason::Protocol,
        }
    }

    pub(super) fn is_timeout(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Unresponsive(_) => true,
            Self::Connect(error) => error.is_timeout(),
            Self::Stale(cause) => cause.is_timeout(),
            _ => self.boxed().is_some_and(|source| causes::is_timeout(&**source)),
        }
    }

    fn boxed(&self) -> Option<&BoxError> {
        match self {
            Self::RequestBody(source)
            | Self::Protocol(source)
            | Self::Io(source)
            | Self::NoResponse(source)
            | Self::Incomplete(source)
            | Self::Unresponsive(source)
            | Self::Exchange(source) => Some(source),
            Self::GoAway(goaway) => Some(&goaway.source),
            Self::Reset(reset) => Some(&reset.source),
            _ => None,
        }
    }

    /// What is behind it.
    pub(super) fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Request(error) => Some(error),
            Self::TimedOut(error) => Some(error),
            Self::Overloaded(error) => Some(error),
            Self::Tls(alert) => Some(alert),
            Self::Stale(cause) => cause.source(),
            _ => self.boxed().map(|source| &**source as _),
        }
    }
}

fn is_eof(error: &BoxError) -> bool {
    let kind = |cause: &(dyn StdError + 'static)| cause.downcast_ref().map(io::Error::kind);
    causes::causes(&**error).any(|cause| kind(cause) == Some(io::ErrorKind::UnexpectedEof))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("no connection"),
            Self::Request(_) => f.write_str("the request can't be sent"),
            Self::RequestBody(_) => f.write_str("the request's own body failed"),
            Self::TimedOut(_) => f.write_str("timed out"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Overloaded(_) => f.write_str("overloaded"),
            Self::Closed => f.write_str("the pool is closed"),
            Self::ConnectionClosed(reason) => {
                write!(f, "the connection was closed before it was used: {}", reason.sentence())
            }
            Self::ExpectationFailed => f.write_str("the peer does not know what to expect (417)"),
            Self::Misdirected => f.write_str("the coalesced connection can't be used for this origin"),
            Self::Answered(status) => write!(f, "the peer answered {status}"),
            Self::GoAway(goaway) => goaway.fmt(f),
            Self::Reset(reset) => reset.fmt(f),
            Self::Protocol(_) => f.write_str("the peer violated the protocol"),
            Self::Tls(_) => f.write_str("the peer ended TLS"),
            Self::Io(_) => f.write_str("the connection broke"),
            Self::NoResponse(_) => f.write_str("the peer closed the connection without a response"),
            Self::Incomplete(_) => f.write_str("the peer closed the connection in the middle of a response"),
            Self::Unresponsive(_) => f.write_str("the peer is silent"),
            Self::Stale(_) => f.write_str("the connection ended when it was used again"),
            Self::Exchange(_) => f.write_str("the exchange failed"),
        }
    }
}

// === impl GoAway ===

impl GoAway {
    /// How many characters of the debug data are kept.
    pub const MAX_DEBUG_DATA: usize = 256;

    /// A GOAWAY with this code, and what the protocol's implementation says of it.
    pub fn new(code: ErrorCode, source: impl Into<BoxError>) -> Self {
        Self { code, last_stream: None, debug_data: Box::default(), planned: false, source: source.into() }
    }

    /// Sets the last stream that the peer will process.
    pub fn last_stream(self, id: u32) -> Self {
        Self { last_stream: Some(id), ..self }
    }

    /// Sets what the peer says about it, in characters that can be printed: others become `\u{fffd}`, and only the
    /// first [`MAX_DEBUG_DATA`](Self::MAX_DEBUG_DATA) are kept. Words that may have a secret of the request, as those
    /// with a query or credentials do, become `[hidden]`.
    pub fn debug_data(self, data: &[u8]) -> Self {
        // A character has at most four bytes: what is behind them need not be decoded.
        let data = &data[..data.len().min(Self::MAX_DEBUG_DATA * 4)];
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let text = String::from_utf8_lossy(data);
        let text: String = text.chars().take(Self::MAX_DEBUG_DATA).map(printable).collect();
        Self { debug_data: without_secrets(&text).into(), ..self }
    }

    /// Says that the connection has carried a response before.
    pub fn after_a_response(self, answered: bool) -> Self {
        Self { planned: answered && self.code == ErrorCode::NO_ERROR, ..self }
    }

    /// The error code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The last stream that the peer will process; `None` if that isn't known.
    pub fn last_stream_id(&self) -> Option<u32> {
        self.last_stream
    }

    /// What the peer says about it; often nothing.
    pub fn debug_text(&self) -> &str {
        &self.debug_data
    }

    /// Whether the peer ends a connection that works: it has carried a response, and the code is NO_ERROR. A request
    /// that it hasn't processed can be sent on any other connection.
    pub fn is_planned(&self) -> bool {
        self.planned
    }
}

/// A peer may quote the request. Words end at spaces and quotes.
fn without_secrets(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | ',' | ';');
    let words = text.split_inclusive(is_end).map(|piece| {
        let word = piece.trim_end_matches(is_end);
        if word.contains(['?', '@', '#', '=']) { format!("[hidden]{}", &piece[word.len()..]) } else { piece.to_owned() }
    });
    words.collect()
}

impl fmt::Display for GoAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer sent GOAWAY ({}", self.code)?;
        if let Some(id) = self.last_stream {
            write!(f, ", last stream {id}")?;
        }
        if !self.debug_data.is_empty() {
            write!(f, ", {:?}", self.debug_data)?;
        }
        f.write_str(")")
    }
}

// === impl Reset ===

impl Reset {
    /// The peer reset it.
    pub fn by_peer(code: ErrorCode, source: impl Into<BoxError>) -> Self {
        Self { code, by_peer: true, source: source.into() }
    }

    /// This side reset it: the peer's output on it violates the protocol, or its request went no further.
    pub fn by_us(code: ErrorCode, source: impl Into<BoxError>) -> Self {
        Self { code, by_peer: false, source: source.into() }
    }

    /// The error code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Whether the peer reset it.
    pub fn is_by_peer(&self) -> bool {
        self.by_peer
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, by_peer, .. } = self;
        if *by_peer {
            write!(f, "the peer reset the stream ({code})")
        } else {
            write!(f, "the stream was reset ({code})")
        }
    }
}

// === impl ErrorCode ===

impl ErrorCode {
    /// The end is no error.
    pub const NO_ERROR: Self = Self(0x0);
    /// The stream was not processed.
    pub const REFUSED_STREAM: Self = Self(0x7);

    /// The RFC's name; `None` for a code that it doesn't have.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        NAMES.get(self.0 as usize).copied()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {:#x}", self.0),
        }
    }
}

// === impl TlsAlert ===

impl TlsAlert {
    /// An alert by its code (RFC 8446, section 6), and the name that the implementation of TLS has for it.
    pub fn new(code: u8, name: impl Into<Box<str>>) -> Self {
        Self { code, name: name.into() }
    }

    /// Its code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the peer means by it, as far as that can be told.
    pub fn meaning(&self) -> Option<&'static str> {
        Some(match self.code {
            40 => "it accepts none of the versions, cipher suites, key exchanges or signatures that were offered",
            42 | 43 | 46 | 48 | 49 => "it does not accept the certificate of the client",
            44 => "the certificate of the client was revoked",
            45 => "the certificate of the client has expired",
            70 => "it accepts no version of TLS that was offered",
            71 => "it wants stronger cryptography",
            80 => "something went wrong in it",
            112 => "it knows no such host",
            116 => "it wants a certificate of the client",
            120 => "it speaks none of the protocols that were offered (ALPN)",
            _ => return None,
        })
    }

    /// Whether it is about the certificate that this side has given, or hasn't: another connection would end alike.
    pub fn is_certificate(&self) -> bool {
        // bad_certificate to certificate_unknown, unknown_ca, access_denied, certificate_required.
        matches!(self.code, 42..=46 | 48 | 49 | 116)
    }
}

impl fmt::Display for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer sent the TLS alert {} ({})", self.name, self.code)
    }
}

impl fmt::Debug for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl StdError for TlsAlert {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_in_a_goaway_is_bounded_and_printable() {
        let goaway = |data: &[u8]| GoAway::new(ErrorCode(0xb), "source").last_stream(7).debug_data(data);
        let calm = goaway(b"too_many_pings");
        assert_eq!(calm.to_string(), "the peer sent GOAWAY (ENHANCE_YOUR_CALM, last stream 7, \"too_many_pings\")");
        let hostile = goaway(b"\x1b[2J\r\n\xff");
        assert!(!hostile.to_string().contains(|c: char| c.is_control()), "{hostile}");
        let quoted = goaway(b"bad request 'https://me:pw@a.test/x?key=1', token=abc");
        assert_eq!(quoted.debug_text(), "bad request '[hidden]', [hidden]");
        let long = goaway("\u{1d11e}".repeat(GoAway::MAX_DEBUG_DATA * 100).as_bytes());
        assert_eq!(long.debug_text().chars().count(), GoAway::MAX_DEBUG_DATA);
        assert_eq!(GoAway::new(ErrorCode(0x77), "source").to_string(), "the peer sent GOAWAY (error code 0x77)");
    }

    #[test]
    fn only_a_connection_that_works_ends_as_planned() {
        let goaway = |code, answered| GoAway::new(code, "source").after_a_response(answered).is_planned();
        assert!(goaway(ErrorCode::NO_ERROR, true));
        assert!(!goaway(ErrorCode::NO_ERROR, false) && !goaway(ErrorCode(0xb), true));
    }

    #[test]
    fn an_alert_is_found_in_the_error_of_a_socket() {
        let alert = TlsAlert::new(116, "certificate_required");
        let cause = Cause::of_io(io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(cause.close_reason(), CloseReason::TlsAlert);
        assert!(cause.source().unwrap().to_string().contains("certificate_required"));
        assert_eq!(
            Cause::of_io(io::Error::from(io::ErrorKind::ConnectionReset)).close_reason(),
            CloseReason::SocketFailed
        );
        assert_eq!(Cause::of_io(io::Error::from(io::ErrorKind::UnexpectedEof)).close_reason(), CloseReason::PeerFin);
    }
}
