//! The calls that are running, for `--report` when Ctrl-C ends them.

use crate::outcome::Outcome;
use skybridge::types::{CallId, sync::Mutex};
use std::collections::BTreeMap;

/// Says what has become of a URL so far: of calls that were redirected, and of the one that is running, which is last.
pub(crate) type SoFar = Box<dyn Fn() -> Vec<Outcome> + Send>;

/// Of each URL that is being fetched, by the id of its first call. There are as many as run at once.
#[derive(Default)]
pub(crate) struct RunningCalls(Mutex<BTreeMap<CallId, SoFar>>);

impl RunningCalls {
    pub(crate) fn begin(&self, call: CallId, so_far: SoFar) {
        self.0.lock().insert(call, so_far);
    }

    pub(crate) fn end(&self, call: CallId) {
        self.0.lock().remove(&call);
    }

    /// What each has come to, in order. They are asked no more.
    pub(crate) fn interrupt(&self) -> Vec<Vec<Outcome>> {
        std::mem::take(&mut *self.0.lock()).values().map(|so_far| so_far()).collect()
    }
}
