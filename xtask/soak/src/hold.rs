use skybridge::types::sync::Mutex;
use std::sync::Arc;
use tokio::sync::Barrier;

/// Requests that are answered when all of them are at their peers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold(Arc<Mutex<Option<Arc<Barrier>>>>);

impl Hold {
    /// The next so many requests are held until all are there.
    pub(crate) fn expect(&self, requests: usize) {
        *self.0.lock() = Some(Arc::new(Barrier::new(requests)));
    }

    pub(crate) async fn arrive(&self) {
        let barrier = self.0.lock().clone();
        if let Some(barrier) = barrier {
            barrier.wait().await;
        }
    }
}
