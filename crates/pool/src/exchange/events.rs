use http::{StatusCode, Version};
use skybridge_core::{CallId, ConnectionId, Error, Event, EventKind, Observe, Phase, Runtime, notify};
use std::{sync::Arc, time::Instant};

/// The events of one request, and its phase. Only requests with an observer have one.
pub(crate) struct CallEvents {
    observer: Arc<dyn Observe>,
    runtime: Arc<dyn Runtime>,
    call: CallId,
    connection: Option<ConnectionId>,
    phase: Option<(Phase, Instant)>,
}

impl CallEvents {
    pub(crate) fn new(observer: Arc<dyn Observe>, runtime: Arc<dyn Runtime>, call: CallId) -> Self {
        Self { observer, runtime, call, connection: None, phase: None }
    }

    pub(crate) fn call(&self) -> CallId {
        self.call
    }

    pub(crate) fn emit(&self, connection: Option<ConnectionId>, kind: EventKind<'_>) {
        notify(&*self.observer, &Event::new(self.runtime.now(), Some(self.call), None, connection, kind));
    }

    /// The next phase; the one before ended well.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.leave();
        self.phase = Some((phase, self.runtime.now()));
        self.emit(self.connection, EventKind::PhaseStarted(phase));
    }

    pub(crate) fn answered(&self, status: StatusCode, version: Version) {
        self.emit(self.connection, EventKind::ResponseHead { status, version });
    }

    pub(crate) fn leave(&mut self) {
        if let Some((phase, since)) = self.phase.take() {
            self.emit(self.connection, EventKind::PhaseEnded(phase, self.runtime.now() - since));
        }
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        if let Some((phase, since)) = self.phase.take() {
            self.emit(self.connection, EventKind::PhaseFailed(phase, self.runtime.now() - since, error));
        }
    }

    pub(crate) fn set_connection(&mut self, connection: Option<ConnectionId>) {
        self.connection = connection;
    }

    /// The connection was dead: the request looks for another.
    pub(crate) fn start_over(mut self: Box<Self>) -> Box<Self> {
        self.released(self.connection);
        self.connection = None;
        self.enter(Phase::Acquire);
        self
    }

    pub(crate) fn released(&mut self, connection: Option<ConnectionId>) {
        self.give_up();
        self.emit(connection, EventKind::Released);
    }

    /// What it was about to do is not done to its end.
    pub(crate) fn give_up(&mut self) {
        if let Some((phase, since)) = self.phase.take() {
            self.emit(self.connection, EventKind::PhaseDropped(phase, self.runtime.now() - since));
        }
    }
}

impl Drop for CallEvents {
    fn drop(&mut self) {
        self.give_up();
    }
}
