use skybridge_core::{ConnectOptions, Ctx, Ids, Observe, Runtime, Timeouts};
use std::{fmt, sync::Arc, time::Duration};

/// How long planning and connecting may take together by default.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a [`HyperLayer`](crate::HyperLayer) is set to, for its service and each connect.
#[derive(Clone)]
pub(crate) struct Settings {
    runtime: Arc<dyn Runtime>,
    ids: Arc<Ids>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) timeouts: Timeouts,
    pub(crate) connect_options: ConnectOptions,
    pub(crate) timeout: Duration,
    pub(crate) tls_above: bool,
}

impl Settings {
    pub(crate) fn new(runtime: Arc<dyn Runtime>) -> Self {
        let (ids, timeouts, connect_options) = (Arc::default(), Timeouts::new(), ConnectOptions::default());
        Self { runtime, ids, observer: None, timeouts, connect_options, timeout: TIMEOUT, tls_above: false }
    }

    /// The context of one connect, with a call id of its own.
    pub(crate) fn ctx(&self) -> Ctx {
        let ctx = Ctx::new(Arc::clone(&self.runtime)).with_ids(Arc::clone(&self.ids));
        ctx.with_call(self.ids.next_call()).with_limits(self.timeouts.clone()).observer(self.observer.clone())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("has_observer", &self.observer.is_some())
            .field("timeouts", &self.timeouts)
            .field("connect_options", &self.connect_options)
            .field("timeout", &self.timeout)
            .field("tls_above", &self.tls_above)
            .finish_non_exhaustive()
    }
}
