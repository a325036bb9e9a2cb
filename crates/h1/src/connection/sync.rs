//! Locks and atomics: `std`'s, or `loom`'s in the tests that try every interleaving.

#[cfg(all(test, loom))]
pub(super) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, loom)))]
pub(super) use std::sync::{Mutex, MutexGuard, atomic};
