//! A lock without poison.

use std::sync::{self, MutexGuard, PoisonError};

/// A [`std::sync::Mutex`] that is taken also when somebody panicked while having it.
///
/// For state that is whole after each statement, so that a panic elsewhere can't have left it half written: the lists,
/// maps and counters of this stack. A panic is then nobody else's failure.
///
/// ```
/// use skybridge_core::sync::Mutex;
///
/// let count = Mutex::new(1);
/// let panicked = std::thread::scope(|scope| {
///     let locked = || {
///         let _count = count.lock();
///         panic!("in between");
///     };
///     scope.spawn(locked).join().is_err()
/// });
/// *count.lock() += 1;
/// assert!(panicked && count.into_inner() == 2);
/// ```
#[derive(Debug, Default)]
pub struct Mutex<T: ?Sized>(sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Around this.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// What is in it.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
