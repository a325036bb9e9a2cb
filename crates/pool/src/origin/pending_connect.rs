use crate::{machine::connects::ConnectKey, origin::connect_timeouts::ConnectTimeouts, shared::notify::Notify};
use skybridge_core::Timeouts;
use std::sync::Arc;

/// A connect under way, as its origin and its task know it. Which requests wait for it, the origin's machine knows.
#[derive(Debug)]
pub(crate) struct PendingConnect {
    pub(crate) key: ConnectKey,
    /// The waiting requests have changed, or the pool is closed: the task asks its origin whether to go on, and for how
    /// long.
    pub(crate) changed: Notify,
    /// How long its steps may take. Apart from the rest, as the facts of the connection keep it for as long as that
    /// lives.
    pub(crate) timeouts: Arc<ConnectTimeouts>,
}

impl PendingConnect {
    pub(crate) fn new(key: ConnectKey, timeouts: Timeouts) -> Arc<Self> {
        let timeouts = Arc::new(ConnectTimeouts::new(timeouts));
        Arc::new(Self { key, changed: Notify::default(), timeouts })
    }
}
