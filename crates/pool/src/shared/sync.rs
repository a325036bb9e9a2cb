//! Locks and atomics: `std`'s, or `loom`'s in the tests that try every interleaving.

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
use std::sync::PoisonError;
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

/// Locks, also after a thread has panicked under the lock: nothing in this crate is left half-changed by a panic, as
/// what is not the crate's own runs outside its locks.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
pub(crate) fn is_locked<T>(mutex: &Mutex<T>) -> bool {
    mutex.try_lock().is_err()
}
