//! What became of a peer's bytes, in words that are the same for every reader.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};

/// What a reader made of a connection's bytes.
#[derive(Debug)]
pub(crate) enum Outcome<H, B> {
    /// The head can't be understood.
    HeadRefused(H),
    /// The connection ended before the head did.
    HeadIncomplete,
    Read(Box<Response<B>>),
}

#[derive(Debug)]
pub(crate) struct Response<B> {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    /// The reason phrase, unless it is the usual one.
    pub(crate) reason: Option<Bytes>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) end: End<B>,
}

#[derive(Debug)]
pub(crate) enum End<B> {
    /// With so many bytes left over. They are another message's, or another protocol's.
    Whole { left: usize },
    /// The body can't be understood.
    Refused(B),
    /// The connection ended before the body did.
    Incomplete,
}
