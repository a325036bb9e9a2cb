use crate::{
    AttemptId, AttemptLog, CallId, ConnectionId, Event, EventKind, Ids, Observe, Phase, Runtime, SharedTimeouts,
    Timeouts,
};
use std::{fmt, sync::Arc, time::Duration};

/// The luggage of a target: on which runtime, for whom, until when. It changes no decision, and it is in no key.
#[derive(Clone)]
pub struct Ctx(Arc<Luggage>);

#[derive(Clone)]
struct Luggage {
    runtime: Arc<dyn Runtime>,
    observer: Option<Arc<dyn Observe>>,
    ids: Arc<Ids>,
    call: Option<CallId>,
    timeouts: Timeouts,
    shared_timeouts: Option<Arc<dyn SharedTimeouts>>,
    attempt_log: AttemptLog,
}

impl Ctx {
    /// Nobody watches, the layers' own limits hold, numbers start at 1.
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self(Arc::new(Luggage {
            runtime,
            observer: None,
            ids: Arc::default(),
            call: None,
            timeouts: Timeouts::default(),
            shared_timeouts: None,
            attempt_log: AttemptLog::default(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Luggage)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Tells this observer.
    pub fn observer(self, observer: Option<Arc<dyn Observe>>) -> Self {
        self.with(|luggage| luggage.observer = observer)
    }

    /// Takes its numbers from here.
    pub fn with_ids(self, ids: Arc<Ids>) -> Self {
        self.with(|luggage| luggage.ids = ids)
    }

    /// Names the call.
    pub fn with_call(self, call: CallId) -> Self {
        self.with(|luggage| luggage.call = Some(call))
    }

    /// Limits that go before the layers' own.
    pub fn with_limits(self, timeouts: Timeouts) -> Self {
        self.with(|luggage| luggage.timeouts = timeouts)
    }

    /// Takes the limits of its steps from here instead of [`with_limits`](Self::with_limits): for a connect that
    /// several requests wait for.
    pub fn with_shared_timeouts(self, timeouts: Arc<dyn SharedTimeouts>) -> Self {
        self.with(|luggage| luggage.shared_timeouts = Some(timeouts))
    }

    /// The clock, the timers, the tasks.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// Where numbers come from.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// The call that caused this.
    pub fn call(&self) -> Option<CallId> {
        self.0.call
    }

    /// The limits of the request or client that this was made for. To learn how long a step may take, ask
    /// [`limit`](Self::limit).
    pub fn timeouts(&self) -> &Timeouts {
        &self.0.timeouts
    }

    /// How long a step of connecting may take, as of now; `own` is the layer's default.
    pub fn limit(&self, phase: Phase, own: Duration) -> Duration {
        match &self.0.shared_timeouts {
            Some(shared) => shared.limit(phase, own),
            None => self.0.timeouts.of(phase).unwrap_or(own),
        }
    }

    pub(crate) fn shared_timeouts(&self) -> Option<&Arc<dyn SharedTimeouts>> {
        self.0.shared_timeouts.as_ref()
    }

    /// What has been tried.
    pub fn attempt_log(&self) -> &AttemptLog {
        &self.0.attempt_log
    }

    /// True when somebody watches.
    pub fn is_observed(&self) -> bool {
        self.0.observer.is_some()
    }

    /// Tells the observer, if there is one. Never under a lock.
    pub fn emit(&self, attempt: Option<AttemptId>, connection: Option<ConnectionId>, kind: EventKind<'_>) {
        if let Some(observer) = &self.0.observer {
            let report = attempt.and_then(|attempt| self.0.attempt_log.report(attempt));
            let Luggage { runtime, call, .. } = &*self.0;
            observer.observe(&Event {
                at: runtime.now(),
                call: *call,
                attempt,
                connection,
                report: report.as_ref(),
                kind,
            });
        }
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("call", &self.0.call)
            .field("observed", &self.is_observed())
            .field("limits", &self.0.timeouts)
            .finish_non_exhaustive()
    }
}
