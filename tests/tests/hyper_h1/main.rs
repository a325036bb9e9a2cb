//! HTTP/1.1 on hyper, under the suite of `skybridge-h1`, and what only hyper's does.

mod differences;
mod handshake;
mod requests;
mod runtime;
#[path = "../../../crates/h1/tests/suite/mod.rs"]
mod suite;
