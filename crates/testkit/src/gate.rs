//! A gate a script waits at until the test opens it: how a test fixes the order of events.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let gate = skybridge_testkit::gate::Gate::new();
//! let server = { let gate = gate.clone(); async move { gate.passed().await; "answered" } };
//! let client = async { gate.open() };
//! assert_eq!(tokio::join!(server, client).0, "answered");
//! # }
//! ```

use std::sync::Arc;
use tokio::sync::watch;

/// Closed until opened, then open for good; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
}

// === impl Gate ===

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)) }
    }

    /// Opens the gate for all who wait now or later.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Waits until the gate is open.
    pub async fn passed(&self) {
        let mut open = self.open.subscribe();
        // The sender lives as long as `self`: waiting can't fail.
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
