//! The built binary against origins on loopback: what a person or a script sees of it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test's own steps"
)]

mod as_said;
mod cleartext;
mod compressed;
mod cookies;
mod curl;
mod ech;
mod endings;
mod explain;
mod failures;
mod failures_at_proxies;
mod failures_in_the_field;
mod files;
mod globs;
mod heads;
mod http1_0;
mod idn;
mod names;
mod parts;
mod peers;
mod pins;
mod protos;
mod proxies;
mod ran;
mod redirects;
mod refusals;
mod secrets;
mod spans;
mod time;
mod timelines;
mod tls;
#[cfg(feature = "tour")]
mod tour;
mod why;
mod wrong_files;
