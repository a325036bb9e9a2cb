use crate::{
    AttemptId, AttemptLog, CallId, ConnectionId, Event, EventKind, Ids, Observe, Phase, Runtime, SharedTimeouts,
    TimedOut, Timeouts, notify,
};
use std::{fmt, sync::Arc, time::Duration};

/// The context of a [`Target`](crate::Target): the runtime, the observer, the call and its time limits, and the log of
/// attempts. It is not part of the [`Key`](crate::Key), and changes no decision about sharing connections. Cheap to
/// clone.
#[derive(Clone)]
pub struct Ctx(Arc<Repr>);

#[derive(Clone)]
struct Repr {
    runtime: Arc<dyn Runtime>,
    observer: Option<Arc<dyn Observe>>,
    ids: Arc<Ids>,
    call: Option<CallId>,
    timeouts: Option<Box<Timeouts>>,
    shared_timeouts: Option<Arc<dyn SharedTimeouts>>,
    attempt_log: AttemptLog,
}

impl Ctx {
    /// Without an observer, with the layers' own time limits, and with numbers that start at 1.
    pub fn new(runtime: Arc<dyn Runtime>) -> Self {
        Self(Arc::new(Repr {
            runtime,
            observer: None,
            ids: Arc::default(),
            call: None,
            timeouts: None,
            shared_timeouts: None,
            attempt_log: AttemptLog::default(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Repr)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Sets the observer of everything done for this context.
    pub fn observer(self, observer: Option<Arc<dyn Observe>>) -> Self {
        self.with(|repr| repr.observer = observer)
    }

    /// Sets the source of numbers for calls and connections.
    pub fn with_ids(self, ids: Arc<Ids>) -> Self {
        self.with(|repr| repr.ids = ids)
    }

    /// Sets the call that this is done for.
    pub fn with_call(self, call: CallId) -> Self {
        self.with(|repr| repr.call = Some(call))
    }

    /// Sets time limits that take precedence over the layers' own.
    pub fn with_limits(self, timeouts: Timeouts) -> Self {
        self.with(|repr| repr.timeouts = timeouts.boxed())
    }

    /// Sets where the time limits of connecting come from, in place of [`with_limits`](Self::with_limits): for a
    /// connection that several requests wait for.
    pub fn with_shared_timeouts(self, timeouts: Arc<dyn SharedTimeouts>) -> Self {
        self.with(|repr| repr.shared_timeouts = Some(timeouts))
    }

    /// The source of time and tasks.
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// The source of numbers.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// The call that this is done for.
    pub fn call(&self) -> Option<CallId> {
        self.0.call
    }

    /// The time limits of the request or client that this was made for. How long a step may take is decided by
    /// [`limit`](Self::limit).
    pub fn timeouts(&self) -> &Timeouts {
        self.0.timeouts.as_deref().unwrap_or(const { &Timeouts::new() })
    }

    /// How long a step of connecting may take, as of now; `own` is the layer's default.
    pub fn limit(&self, phase: Phase, own: Duration) -> Duration {
        match &self.0.shared_timeouts {
            Some(shared) => shared.limit(phase, own),
            None => self.timeouts().of(phase).unwrap_or(own),
        }
    }

    /// The limit that has ended the connect as a whole, of which this is a part: what is dropped now has taken too
    /// long.
    pub fn ended_by(&self) -> Option<TimedOut> {
        self.0.shared_timeouts.as_ref().and_then(|shared| shared.ended_by())
    }

    pub(crate) fn shared_timeouts(&self) -> Option<&Arc<dyn SharedTimeouts>> {
        self.0.shared_timeouts.as_ref()
    }

    /// The attempts made so far.
    pub fn attempt_log(&self) -> &AttemptLog {
        &self.0.attempt_log
    }

    /// Whether there is an observer.
    pub fn is_observed(&self) -> bool {
        self.0.observer.is_some()
    }

    /// The observer.
    pub fn observed_by(&self) -> Option<&Arc<dyn Observe>> {
        self.0.observer.as_ref()
    }

    /// Passes an event to the observer, if there is one. Must not be called under a lock.
    pub fn emit(&self, attempt: Option<AttemptId>, connection: Option<ConnectionId>, kind: EventKind<'_>) {
        if let Some(observer) = &self.0.observer {
            let report = attempt.and_then(|attempt| self.0.attempt_log.report(attempt));
            let Repr { runtime, call, .. } = &*self.0;
            let event = Event { at: runtime.now(), call: *call, attempt, connection, report: report.as_ref(), kind };
            notify(&**observer, &event);
        }
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("call", &self.0.call)
            .field("observed", &self.is_observed())
            .field("timeouts", self.timeouts())
            .finish_non_exhaustive()
    }
}
