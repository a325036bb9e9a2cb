use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    vec,
};

/// What the machine has decided and is still to be done. It is also done if something before it panics: a waker, or a
/// planner that is cloned.
pub(super) struct Left<E, F: FnMut(E)> {
    effects: vec::IntoIter<E>,
    apply: F,
}

impl<E, F: FnMut(E)> Left<E, F> {
    pub(super) fn new(effects: Vec<E>, apply: F) -> Self {
        Self { effects: effects.into_iter(), apply }
    }

    pub(super) fn apply(&mut self) {
        self.effects.by_ref().for_each(&mut self.apply);
    }
}

impl<E, F: FnMut(E)> Drop for Left<E, F> {
    fn drop(&mut self) {
        // One that panics meanwhile would end the process, so it is the first that is heard of.
        while self.effects.len() > 0 && catch_unwind(AssertUnwindSafe(|| self.apply())).is_err() {}
    }
}
