//! Fake connections, for tests of what stands above them: the pool. A [`Planner`] stands in for everything below a
//! pool. It is the service that the pool is given, and the test's means to answer: each connect that the pool starts
//! arrives as a [`Connect`], each connection has a [`Peer`], each request on it is an [`Exchange`]. Nothing happens by
//! itself, unless the test calls [`connect_all`](Planner::connect_all) or [`answer_all`](Peer::answer_all).
//!
//! ```
//! use skybridge_core::{Connection, Plan, Planner as _};
//! use skybridge_testkit::{executor::Executor, fake::{Facts, Planner}, fixtures};
//! use std::future::poll_fn;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let executor = Executor::new();
//! let mut below = Planner::<String>::new();
//!
//! // The pool's side:
//! let target = fixtures::target("https://a.test", executor.ctx());
//! let plan = below.plan(target).await.unwrap();
//! let pool = async {
//!     let mut connection = plan.connect().await.unwrap();
//!     poll_fn(|cx| connection.poll_ready(cx)).await.unwrap();
//!     connection.start(http::Request::new("hello".to_owned()));
//!     poll_fn(|cx| connection.poll_response(cx)).await.unwrap().status()
//! };
//! // The test's side:
//! let test = async {
//!     let peer = below.connecting().await.succeed(Facts::h2(100).covers(["a.test", "b.test"]));
//!     let exchange = peer.exchange().await;
//!     assert_eq!(exchange.request().body(), "hello");
//!     exchange.respond(204, "");
//! };
//! assert_eq!(tokio::join!(pool, test).0, 204);
//! # }
//! ```

mod body;
mod connection;
mod exchange;
mod facts;
mod parts;
mod peer;
mod planner;
mod planning;
mod queue;
mod slot;

pub use self::{
    body::{Body, Sender},
    connection::Connection,
    exchange::Exchange,
    facts::Facts,
    peer::Peer,
    planner::{Connecting, Planner, RoutePlan},
    planning::{Connect, Planning},
};
