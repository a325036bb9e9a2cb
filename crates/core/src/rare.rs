use std::{
    fmt,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
};

/// What few have, in a box; `None` by default. To drop one that isn't there is a look at a pointer: what is generated
/// for an `Option<Box<T>>` is a call for each, and a request has several of them on its way.
///
/// ```
/// use skybridge_core::Rare;
///
/// let mut limit = Rare::none();
/// assert!(limit.is_none());
/// *limit = Some(Box::new(7));
/// assert_eq!(limit.take().as_deref(), Some(&7));
/// ```
pub struct Rare<T>(ManuallyDrop<Option<Box<T>>>);

impl<T> Rare<T> {
    /// It isn't there.
    #[inline]
    pub const fn none() -> Self {
        Self(ManuallyDrop::new(None))
    }
}

impl<T> From<Option<Box<T>>> for Rare<T> {
    #[inline]
    fn from(value: Option<Box<T>>) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T> Default for Rare<T> {
    #[inline]
    fn default() -> Self {
        Self::none()
    }
}

impl<T> Deref for Rare<T> {
    type Target = Option<Box<T>>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T> DerefMut for Rare<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T> Drop for Rare<T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            drop_apart(&mut self.0);
        }
    }
}

/// Leaves `None`, which needs no dropping.
#[cold]
fn drop_apart<T>(value: &mut Option<Box<T>>) {
    drop(value.take());
}

impl<T: fmt::Debug> fmt::Debug for Rare<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn what_is_there_is_dropped_once() {
        let count = Rc::new(());
        let rare = |count: &Rc<()>| Rare::from(Some(Box::new(Rc::clone(count))));
        drop(rare(&count));
        assert_eq!(Rc::strong_count(&count), 1);
        let mut other = rare(&count);
        assert_eq!(Rc::strong_count(&count), 2);
        let taken = other.take();
        drop(other);
        assert_eq!(Rc::strong_count(&count), 2);
        drop(taken);
        let mut other = rare(&count);
        assert!(other.is_some());
        other = Rare::none();
        assert!(other.is_none() && Rc::strong_count(&count) == 1);
    }
}
