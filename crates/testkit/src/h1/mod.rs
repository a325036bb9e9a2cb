//! A byte-scripted HTTP/1.1 peer: a test of a client reads as a dialogue. The peer sends exactly the script's bytes,
//! also those that no server should send. It understands just enough of HTTP to read a whole request. A client that
//! deviates from the script makes it panic with the dialogue so far.
//!
//! ```
//! use skybridge_testkit::{h1::Script, net::Network};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let net = Network::new();
//! let addr = "192.0.2.1:80".parse().unwrap();
//! let listener = net.listen(addr);
//!
//! let client = async {
//!     let mut conn = net.connect(addr).await.unwrap();
//!     conn.write_all(b"GET /cat HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
//!     let mut answer = String::new();
//!     conn.read_to_string(&mut answer).await.unwrap();
//!     assert!(answer.ends_with("meow"));
//! };
//! let server = async {
//!     let mut peer = Script::new(listener.accept().await.0);
//!     let request = peer.request().await;
//!     assert_eq!((request.method(), request.target()), ("GET", "/cat"));
//!     assert_eq!(request.header("host"), Some("a.test"));
//!     peer.respond(200, "meow").await;
//!     peer.fin().await;
//!     peer.expect_close().await;
//! };
//! tokio::join!(client, server);
//! # }
//! ```

mod received;
mod script;

pub use self::{received::Received, script::Script};
