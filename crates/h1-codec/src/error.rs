use http::HeaderName;
use std::{error::Error, fmt};

/// Why a response's head, or its trailers, can't be understood.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum HeadError {
    /// It doesn't begin as an HTTP/1.x response does.
    NotHttp1 {
        /// The first bytes, printable.
        begins_with: Box<str>,
        /// What it looks like instead, if that is known.
        looks_like: Option<&'static str>,
    },
    /// More empty lines come before it than may (RFC 9112, section 2.2).
    EmptyLines {
        /// How many bytes of them may come.
        limit: usize,
    },
    /// Its status line is malformed (RFC 9112, section 4).
    StatusLine,
    /// A field line is malformed (RFC 9112, section 5).
    FieldLine {
        /// The field's name as far as it can be read, printable.
        name: Box<str>,
        /// What is wrong with the line.
        why: &'static str,
    },
    /// It has more bytes than it may have.
    TooLarge {
        /// How many it may have.
        limit: usize,
    },
    /// It has more fields than it may have.
    TooManyFields {
        /// How many it may have.
        limit: usize,
    },
    /// `content-length` is no number of bytes (RFC 9110, section 8.6).
    ContentLength(Box<str>),
    /// Two `content-length`s say different things.
    ContentLengths(u64, u64),
    /// Both `content-length` and `transfer-encoding` are there, which is how responses are split (RFC 9112, section
    /// 6.3).
    LengthAndCoding,
    /// The body's transfer coding is not `chunked` alone.
    TransferCoding(Box<str>),
}

/// Why a response's body can't be read.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum BodyError {
    /// The line before a chunk is malformed (RFC 9112, section 7.1).
    ChunkLine(&'static str),
    /// A chunk is not followed by CRLF.
    ChunkEnd,
    /// The chunk extensions of the body have more bytes than they may have.
    ChunkExtensions {
        /// How many they may have.
        limit: usize,
    },
    /// The trailers are malformed.
    Trailers(HeadError),
    /// The peer ended the connection before the end of the body.
    Incomplete {
        /// How many bytes are missing, where the response said so.
        missing: Option<u64>,
    },
}

/// A request's trailers have a field that is not sent behind a body: one that frames, routes, authenticates or modifies
/// the message, or says what its body is (RFC 9110, section 6.5.1).
#[derive(Clone, Eq, PartialEq)]
pub struct ForbiddenTrailer(pub(crate) HeaderName);

impl ForbiddenTrailer {
    /// The field's name.
    pub fn name(&self) -> &HeaderName {
        &self.0
    }
}

impl fmt::Display for ForbiddenTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must not be sent as a trailer", self.0)
    }
}

impl fmt::Debug for ForbiddenTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ForbiddenTrailer {}

impl HeadError {
    /// The same without what the peer sent: for a peer that was shown secrets, and could repeat them.
    pub fn without_text(self) -> Self {
        match self {
            Self::NotHttp1 { looks_like, .. } => Self::NotHttp1 { begins_with: Box::default(), looks_like },
            Self::FieldLine { why, .. } => Self::FieldLine { name: Box::default(), why },
            Self::ContentLength(_) => Self::ContentLength(Box::default()),
            Self::TransferCoding(_) => Self::TransferCoding(Box::default()),
            error => error,
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp1 { begins_with, looks_like } => {
                f.write_str("the answer is not HTTP/1")?;
                if !begins_with.is_empty() {
                    write!(f, ": it begins with `{begins_with}`")?;
                }
                looks_like.map_or(Ok(()), |what| write!(f, ", which looks like {what}"))
            }
            Self::EmptyLines { limit } => {
                write!(f, "more than {limit} bytes of empty lines come before the response's status line")
            }
            Self::StatusLine => f.write_str("the response's status line is malformed"),
            Self::FieldLine { name, why } if name.is_empty() => {
                write!(f, "a header of the response is malformed: {why}")
            }
            Self::FieldLine { name, why } => write!(f, "the response's header `{name}` is malformed: {why}"),
            Self::TooLarge { limit } => write!(f, "the response's head is larger than {limit} bytes"),
            Self::TooManyFields { limit } => write!(f, "the response has more than {limit} headers"),
            Self::ContentLength(value) if value.is_empty() => {
                f.write_str("the response's content-length is not a length")
            }
            Self::ContentLength(value) => write!(f, "the response's content-length `{value}` is not a length"),
            Self::ContentLengths(one, other) => {
                write!(f, "the response says content-length {one} and content-length {other}")
            }
            Self::LengthAndCoding => f.write_str("the response has both content-length and transfer-encoding"),
            Self::TransferCoding(coding) if coding.is_empty() => {
                f.write_str("the response's transfer-encoding is not `chunked`; no other can be read")
            }
            Self::TransferCoding(coding) => {
                write!(f, "the response's transfer-encoding is `{coding}`; only `chunked` can be read")
            }
        }
    }
}

impl fmt::Debug for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for HeadError {}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChunkLine(why) => write!(f, "a chunk of the response is malformed: {why}"),
            Self::ChunkEnd => f.write_str("a chunk of the response is longer than it says"),
            Self::ChunkExtensions { limit } => {
                write!(f, "the response's chunk extensions are larger than {limit} bytes")
            }
            Self::Trailers(_) => f.write_str("the response's trailers are malformed"),
            Self::Incomplete { missing: Some(missing) } => {
                write!(f, "{missing} bytes of its body are missing")
            }
            Self::Incomplete { missing: None } => f.write_str("the end of its body is missing"),
        }
    }
}

impl fmt::Debug for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Trailers(error) => Some(error),
            _ => None,
        }
    }
}
