//! How TLS may be spoken: which versions, cipher suites and key exchanges, and what is tried when a peer can't follow.

mod connection_spec;
mod error;
mod fallback;
mod fallback_failed;
mod names;
mod resolved;

pub use self::{connection_spec::ConnectionSpec, error::SpecError, fallback_failed::FallbackFailed};
pub(crate) use self::{fallback::is_permitted, resolved::Resolved};
