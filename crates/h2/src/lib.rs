//! An HTTP/2 connection on a link (RFC 9113): the handshake, the streams, and what the peer says of them.
//!
//! It stands beside h1 under the layer that chooses between the two, and gives the pool above it a [`Connection`]: one cheap
//! handle per exchange, live stream limits, GOAWAY and a closed socket told as they happen, and a request that comes back
//! whenever the peer is known not to have processed it.
//!
//! ```
//! use skybridge_core::{Attempt, Endpoint, Handshake, Link};
//! use skybridge_h2::{H2, Http2};
//!
//! // Any body; its requests come back whole because the function can copy it.
//! type Body = http_body_util::Full<bytes::Bytes>;
//! fn h2() -> H2<Body> {
//!     H2::replayable(|body| Some(body.clone())).stream_window(1 << 20)
//! }
//! fn is_handshake<I>(_: &impl Handshake<I, Connection = Http2<Body>>) {}
//! is_handshake::<tokio::io::DuplexStream>(&h2());
//! # fn _nouns(_: Attempt, _: Endpoint, _: Link<()>) {}
//! ```
//!
//! [`Connection`]: skybridge_core::Connection

mod body;
mod chunk;
mod classify;
mod connection;
mod driver;
mod error;
mod handshake;
mod head;
mod kept;
mod room;
mod settings;
mod shared;
mod tie;
mod upload;

pub use self::{
    body::H2Body,
    connection::Http2,
    error::H2Error,
    handshake::{H2, Handshaking},
};
