use crate::{AttemptId, AttemptReport, CallId, CloseReason, ConnInfo, ConnectionId, Delivery, Error, Phase};
use std::time::{Duration, Instant};

/// Who watches a client: one method, one enum, so that a new event breaks nobody.
///
/// Called where things happen, never under a lock. It must not block.
pub trait Observe: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// Something that happened, when, and to what.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// On the runtime's clock.
    pub at: Instant,
    /// The call it was for.
    pub call: Option<CallId>,
    /// The attempt it belongs to.
    pub attempt: Option<AttemptId>,
    /// The connection it is about.
    pub connection: Option<ConnectionId>,
    /// Where the attempt went, and how far it has got.
    pub report: Option<&'a AttemptReport>,
    /// What.
    pub kind: EventKind<'a>,
}

impl<'a> Event<'a> {
    /// An event, without a report.
    pub fn new(
        at: Instant,
        call: Option<CallId>,
        attempt: Option<AttemptId>,
        connection: Option<ConnectionId>,
        kind: EventKind<'a>,
    ) -> Self {
        Self { at, call, attempt, connection, report: None, kind }
    }
}

/// How a request came by its connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Acquired {
    /// It was opened for this request.
    New,
    /// It was idle, or had room, for this origin.
    Reused,
    /// It was opened for another origin, which this one may share.
    Coalesced,
    /// Somebody else's connect was waited for.
    Joined,
}

/// What happened. Phases are balanced: each that starts ends, fails or is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub enum EventKind<'a> {
    /// A call began.
    CallStarted,
    /// A call has its response's head, or failed.
    CallEnded(Option<&'a Error>),
    /// A phase began.
    PhaseStarted(Phase),
    /// A phase ended well.
    PhaseEnded(Phase, Duration),
    /// A phase failed.
    PhaseFailed(Phase, Duration, &'a (dyn std::error::Error + 'static)),
    /// A phase was given up: its future was dropped, by a cancelled call or a lost race.
    PhaseDropped(Phase, Duration),
    /// Addresses won't be tried: an answer had more than are taken of one, or one connect may try no more.
    LeftOut {
        /// How many.
        addresses: usize,
        /// The limit that they were beyond.
        limit: usize,
    },
    /// A connection is complete; told before anybody can use it.
    Created(&'a ConnInfo),
    /// A request has its connection.
    Acquired(Acquired),
    /// An exchange is over, and so is its hold on the connection.
    Released,
    /// A connection takes no more requests; those that run go on.
    Draining(CloseReason),
    /// A connection is gone.
    Closed(CloseReason),
    /// A failed request was judged: sent again, or not.
    RetryDecided {
        /// Whether it is sent again.
        again: bool,
        /// Whether it can have been processed by now, in this try or an earlier one.
        delivery: Delivery,
        /// How this try failed.
        error: &'a Error,
    },
}

impl EventKind<'_> {
    /// A word for logs and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CallStarted => "call_start",
            Self::CallEnded(None) => "call_end",
            Self::CallEnded(Some(_)) => "call_failed",
            Self::PhaseStarted(phase) => phase.names().0,
            Self::PhaseEnded(phase, _) => phase.names().1,
            Self::PhaseFailed(phase, ..) => phase.names().2,
            Self::PhaseDropped(phase, _) => phase.names().3,
            Self::LeftOut { .. } => "addresses_left_out",
            Self::Created(_) => "connection_created",
            Self::Acquired(_) => "connection_acquired",
            Self::Released => "connection_released",
            Self::Draining(_) => "connection_draining",
            Self::Closed(_) => "connection_closed",
            Self::RetryDecided { .. } => "retry_decision",
        }
    }
}
