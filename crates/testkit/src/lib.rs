//! Scripted peers, fake dialers and an in-memory network on virtual time, for testing connection layers.
#![allow(clippy::panic, clippy::expect_used, reason = "a test tool says what it misses by panicking")]

mod tasks;

pub mod executor;
pub mod fake;
pub mod gate;
pub mod h1;
pub mod h2;
pub mod net;
pub mod nouns;
pub mod observe;
pub mod origin;
pub mod walk;
