//! HTTP/1.1 on the wire (RFC 9112), as a client needs it: request heads out, response heads and bodies in.
//!
//! Pure: bytes in, values out. There is no socket, clock or task here, so that every rule is a table test and every
//! parser a fuzz target. The connection of `skybridge-h1` and the CONNECT dialogue of `skybridge-tunnel` both use
//! it.
//!
//! 1. A request's head is written by [`RequestHead::encode`]; its body is framed by [`BodyFraming`] ([`chunk_start`],
//!    [`CHUNK_END`], [`last_chunk`]).
//! 2. A response's head is read by [`HeadDecoder::decode`], which also says by [`Framing`] where its body ends: one
//!    function for RFC 9112, section 6.3.
//! 3. The body is taken from the same buffer by [`BodyDecoder::decode`], without a copy.
//!
//! # How strict it is
//!
//! | on the wire | what happens | RFC 9112 |
//! |---|---|---|
//! | a folded field line | unfolded: each fold within the value becomes one space | 5.2 (MUST) |
//! | a line of the head that ends with a bare LF | accepted | 2.2 (MAY) |
//! | empty lines before the status line: up to 16 bytes of them, or more | accepted, or refused | 2.2 |
//! | space between a field's name and its colon | refused | 5.1 |
//! | a bare CR, a NUL or another control character in a field | refused | 2.2, RFC 9110 5.5 |
//! | `content-length` that is no number, or two that differ | refused, unless there can't be a body | 6.3 (5) |
//! | `content-length` twice with the same value, or as a list of equal values | one | 6.3 (5) |
//! | `content-length` and `transfer-encoding` together | refused: it is how responses are split | 6.3 (3) |
//! | a transfer coding other than `chunked` alone | refused by name | 6.1, 7 |
//! | `transfer-encoding` in an HTTP/1.0 response | obeyed, then the connection closes | 6.1 |
//! | a chunk's line: no digit, more than 16, a bare LF, a control character in an extension | refused | 7.1 |
//! | white space behind a chunk's size | accepted | 7.1.1 (BWS) |
//! | chunk extensions of more than 16 KiB in one body | refused | 7.1.1 (ought to) |
//! | trailers that frame, route, authenticate or modify, or say what the body is | left out | RFC 9110 6.5.1 |
//! | a head of more bytes or fields than [`Limits`] allow | refused, with the limit's number | |
//!
//! A peer that sends its bytes one by one costs hardly more than one that sends them at once: a head is parsed again
//! when its end can be here or it has doubled, and what follows goes on where it was.
//!
//! What was accepted although it is not strictly HTTP/1.1 makes [`ResponseHead::is_strict`] false: whoever read it and
//! whoever stands between may not agree where the next response begins, so its connection carries no other request.
//!
//! ```
//! use bytes::BytesMut;
//! use http::Method;
//! use skybridge_h1_codec::{BodyDecoder, Framing, HeadDecoder, Limits, Piece};
//!
//! let mut wire = BytesMut::from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
//! let head = HeadDecoder::default().decode(&mut wire, &Method::GET, &Limits::default())?.expect("all of it is here");
//! assert_eq!((head.status.as_u16(), head.framing), (200, Framing::Chunked));
//!
//! let mut body = BodyDecoder::new(head.framing);
//! assert_eq!(body.decode(&mut wire, &Limits::default())?, Some(Piece::Data("hello".into())));
//! assert!(body.is_done());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod body;
mod chunked;
mod error;
mod fields;
mod framing;
mod limits;
mod request;
mod response;
mod spelling;
mod work;

pub use self::{
    body::{BodyDecoder, Piece},
    chunked::{CHUNK_END, chunk_start, last_chunk},
    error::{BodyError, ForbiddenTrailer, HeadError},
    framing::{BodyFraming, Framing},
    limits::Limits,
    request::{ConnectionOptions, Encoded, FieldCase, RequestHead, RequestTarget, http1_0},
    response::{HeadDecoder, ReasonPhrase, ResponseHead},
    spelling::FieldSpelling,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
