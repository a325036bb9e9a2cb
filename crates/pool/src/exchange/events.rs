use http::{StatusCode, Version};
use http_body::SizeHint;
use skybridge_core::{
    CallId, ConnInfo, ConnectionId, Error, Event, EventKind, Found, NotUsed, Observe, Origin, Phase, Runtime, Search,
    notify,
};
use std::{sync::Arc, time::Instant};

/// The events of one request, and its phase. Only requests with an observer have one.
pub(crate) struct CallEvents {
    observer: Arc<dyn Observe>,
    runtime: Arc<dyn Runtime>,
    call: CallId,
    connection: Option<ConnectionId>,
    phase: Option<(Phase, Instant)>,
    /// The body of the request that is sent.
    request_body: SizeHint,
    /// How much of the response's body was read.
    read: u64,
    /// The connections that it was given and could not use, and was not told of yet.
    given: Option<Box<Search>>,
}

impl CallEvents {
    pub(crate) fn new(observer: Arc<dyn Observe>, runtime: Arc<dyn Runtime>, call: CallId) -> Self {
        Self {
            observer,
            runtime,
            call,
            connection: None,
            phase: None,
            request_body: SizeHint::new(),
            read: 0,
            given: None,
        }
    }

    pub(crate) fn call(&self) -> CallId {
        self.call
    }

    pub(crate) fn emit(&self, connection: Option<ConnectionId>, kind: EventKind<'_>) {
        notify(&*self.observer, &Event::new(self.runtime.now(), Some(self.call), None, connection, kind));
    }

    /// It was given this connection and can't use it.
    #[cold]
    pub(crate) fn pass_over(&mut self, info: &ConnInfo, wanted: &Origin, why: NotUsed) {
        let given = self.given.get_or_insert_with(|| Box::new(Search::new(wanted.clone(), Found::Idle)));
        given.pass_over(info, why);
    }

    /// Tells what came of a search, with what it could not use before that.
    #[cold]
    pub(crate) fn searched(&mut self, connection: Option<ConnectionId>, search: Search) {
        let search = match self.given.take() {
            Some(given) => given.and(search),
            None => search,
        };
        if search.is_news() {
            self.emit(connection, EventKind::Searched(&search));
        }
    }

    /// The next phase; the one before ended well.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.leave();
        self.phase = Some((phase, self.runtime.now()));
        self.emit(self.connection, EventKind::PhaseStarted(phase));
    }

    /// A request with this body is sent from now on.
    pub(crate) fn send(&mut self, body: SizeHint) {
        (self.request_body, self.read) = (body, 0);
        self.enter(Phase::Send);
    }

    pub(crate) fn is_sending(&self) -> bool {
        self.phase.is_some_and(|(phase, _)| phase == Phase::Send)
    }

    /// All of the request was sent.
    pub(crate) fn sent(&mut self) {
        if self.is_sending() {
            let bytes = self.request_body.exact();
            if bytes != Some(0) {
                self.emit(self.connection, EventKind::RequestBody(bytes));
            }
            self.enter(Phase::Wait);
        }
    }

    /// A response's head is here, though all of the request may not be sent.
    pub(crate) fn answered(&mut self, status: StatusCode, version: Version) {
        if self.is_sending() {
            self.enter(Phase::Wait);
        }
        self.emit(self.connection, EventKind::ResponseHead { status, version });
    }

    /// So much of the response's body was read.
    pub(crate) fn read(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes as u64);
    }

    pub(crate) fn leave(&mut self) {
        if let Some((phase, since)) = self.over() {
            self.emit(self.connection, EventKind::PhaseEnded(phase, self.runtime.now() - since));
        }
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        // The response was waited for: the request was sent, and nobody has asked since.
        if self.is_sending() && error.phase() == Phase::Wait {
            self.enter(Phase::Wait);
        }
        if let Some((phase, since)) = self.over() {
            self.emit(self.connection, EventKind::PhaseFailed(phase, self.runtime.now() - since, error));
        }
    }

    /// The phase is over, however it ended.
    fn over(&mut self) -> Option<(Phase, Instant)> {
        let over = self.phase.take();
        if let Some((Phase::Body, _)) = over
            && self.read > 0
        {
            self.emit(self.connection, EventKind::ResponseBody(self.read));
        }
        over
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
        if let Some((phase, since)) = self.over() {
            self.emit(self.connection, EventKind::PhaseDropped(phase, self.runtime.now() - since));
        }
    }
}

impl Drop for CallEvents {
    fn drop(&mut self) {
        self.give_up();
    }
}
