use skybridge_core::{Event, Observe};
use std::{fmt, sync::Arc};

/// Several observers as one: each is told, in order.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observe>>);

impl Observers {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// And this one.
    pub fn and(mut self, observer: Arc<dyn Observe>) -> Self {
        self.0.push(observer);
        self
    }

    /// True when there is nobody: then a client is better off without an observer.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Observe for Observers {
    fn observe(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("number", &self.0.len()).finish()
    }
}
