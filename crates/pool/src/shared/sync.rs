//! What `tests/loom.rs` puts its own in place of.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic};
