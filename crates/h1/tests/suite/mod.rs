//! What is expected of an HTTP/1.1 connection, whatever it is built on.
//!
//! The binary that includes this module has a module `handshake`, which names the connection under test (`H1`, `Http1`,
//! `H1Body`) and answers questions about its errors. What only one of them does is tested beside the suite.

mod drops;
mod failures;
mod lengths;
mod replay;
mod status;
pub(crate) mod support;
mod unfit;
mod uploads;
mod wire;
