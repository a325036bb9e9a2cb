//! Opens one socket to one endpoint, and races several.
//!
//! The lowest two services of the stack. [`Tcp`] is the bottom: one [`Attempt`](skybridge_core::Attempt) in, one
//! [`Link`](skybridge_core::Link) out. [`RaceLayer`] above it turns a whole [`Route`](skybridge_core::Route) into
//! attempts, staggered as in RFC 8305 (happy eyeballs), and keeps the first that connects.
//!
//! ```
//! use skybridge_core::{Phase, Route, Target};
//! use skybridge_runtime::TokioRuntime;
//! use skybridge_tcp::{RaceLayer, Tcp};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = server.local_addr()?;
//!
//! let connector = ServiceBuilder::new().layer(RaceLayer::happy_eyeballs()).service(Tcp::new());
//!
//! let target = Target::of(&"http://a.test/".parse()?, TokioRuntime::ctx())?;
//! let link = connector.oneshot(Route::to(target, [address])).await?;
//! assert_eq!(link.info.remote.inet(), Some(address));
//! assert!(link.info.timings.get(Phase::Tcp).is_some());
//! # Ok(())
//! # }
//! ```

mod attempt;
mod dial;
mod endpoint_queue;
mod error;
mod io;
mod options;
mod race;
mod race_settings;
mod racing;
mod tcp;

pub use self::{
    error::{NoEndpoint, NoLocalAddress, SocketRefused},
    io::TcpIo,
    options::KeepAlive,
    race::{Race, RaceLayer},
    racing::Racing,
    tcp::{Dialing, Tcp},
};
pub use skybridge_core::EgressRefused;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
