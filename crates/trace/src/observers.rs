use skybridge_core::{Event, Observe};
use std::{fmt, sync::Arc};

/// Several observers as one: each receives every event, in order.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observe>>);

impl Observers {
    /// No observers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an observer.
    pub fn and(mut self, observer: Arc<dyn Observe>) -> Self {
        self.0.push(observer);
        self
    }

    /// Whether there are none. A client without an observer makes no events, which costs less.
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
