//! A raw-frame HTTP/2 peer: a server that sends any frame at any moment, and records every frame it gets.
//!
//! Nothing is checked on the way out: limits can be announced late, streams refused, frames malformed. Frame layout is
//! RFC 9113 section 4.1, header blocks RFC 7541 (decoded in full, encoded as plain literals).
//!
//! ```
//! use skybridge_testkit::{h2::{Frame, Peer, code, setting}, net::Network};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let net = Network::new();
//! let addr = "192.0.2.1:80".parse().unwrap();
//! let listener = net.listen(addr);
//!
//! let client = async {
//!     let (mut send, connection) = h2::client::handshake(net.connect(addr).await.unwrap()).await.unwrap();
//!     let request = http::Request::get("http://a.test/cat").body(()).unwrap();
//!     let (response, _) = send.send_request(request, true).unwrap();
//!     let (response, _) = tokio::join!(response, connection);
//!     assert!(response.unwrap_err().is_reset());
//! };
//! let server = async {
//!     let mut peer = Peer::accept_with(listener.accept().await.0, &[(setting::MAX_CONCURRENT_STREAMS, 1)]).await;
//!     let request = peer.request().await;
//!     assert_eq!(request.get(":path"), Some("/cat"));
//!     peer.reset(request.stream, code::REFUSED_STREAM).await;
//!     peer.fin().await;
//!     peer.expect_close().await;
//!     assert!(peer.received().iter().any(|frame| matches!(frame, Frame::Settings { ack: true, .. })));
//! };
//! tokio::join!(client, server);
//! # }
//! ```

pub mod code;
pub mod setting;

mod fields;
mod frame;
mod hpack;
mod huffman;
mod peer;
mod talk;

pub use self::{
    fields::{Fields, Request},
    frame::Frame,
    peer::Peer,
};
