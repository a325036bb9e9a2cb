use super::{OriginPool, tables::Effect};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    vec,
};

/// What the machine has decided and is still to be done. It is also done if something before it panics: a waker, or a
/// planner that is cloned.
pub(super) struct Left<'a, C: Send + 'static> {
    origin: &'a Arc<OriginPool<C>>,
    effects: vec::IntoIter<Effect<C>>,
}

impl<'a, C: Send + 'static> Left<'a, C> {
    pub(super) fn new(origin: &'a Arc<OriginPool<C>>, effects: Vec<Effect<C>>) -> Self {
        Self { origin, effects: effects.into_iter() }
    }

    pub(super) fn apply(&mut self) {
        for effect in self.effects.by_ref() {
            self.origin.apply(effect);
        }
    }
}

impl<C: Send + 'static> Drop for Left<'_, C> {
    fn drop(&mut self) {
        // One that panics meanwhile would end the process, so it is the first that is heard of.
        while self.effects.len() > 0 && catch_unwind(AssertUnwindSafe(|| self.apply())).is_err() {}
    }
}
