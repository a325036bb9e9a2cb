//! An in-memory network on virtual time: names, ports, latency, loss, black holes, FIN and RST.
//!
//! Nothing here touches a socket. Every wait is tokio's timer, so `#[tokio::test(start_paused = true)]` owns time:
//! thirty seconds of a connect that never answers pass at once, and exactly. Without latency no timer is used at all,
//! and a reader is woken by the write it waits for.
//!
//! ```
//! use skybridge_testkit::net::Network;
//! use std::time::Duration;
//! use tokio::{io::{AsyncReadExt, AsyncWriteExt}, time::Instant};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> std::io::Result<()> {
//! let net = Network::new();
//! let addr = "192.0.2.7:80".parse().unwrap();
//! let listener = net.listen(addr);
//! net.at(addr).latency(Duration::from_millis(40));
//!
//! let start = Instant::now();
//! let mut client = net.connect(addr).await?;
//! let (mut server, _) = listener.accept().await;
//! client.write_all(b"ping").await?;
//! let mut four = [0; 4];
//! server.read_exact(&mut four).await?;
//! assert_eq!(start.elapsed(), Duration::from_millis(40)); // of virtual time
//!
//! server.wire().reset();
//! let error = client.read(&mut four).await.unwrap_err();
//! assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
//! # Ok(())
//! # }
//! ```
//!
//! Under a stack, [`Network::dialer`] stands in for TCP, [`Network::connector`] for everything below TLS, and
//! [`Network::resolver`] for DNS.

mod addr_behavior;
mod conn;
mod dialer;
mod flow;
mod listener;
mod names;
mod network;
mod wire;

pub use self::{
    addr_behavior::AddrBehavior,
    conn::Conn,
    dialer::{Connector, Dialer},
    listener::{Listener, Serving},
    names::{Answers, Name, Names},
    network::Network,
    wire::{Side, Wire},
};
