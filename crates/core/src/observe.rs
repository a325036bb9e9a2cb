mod attempt_log;
mod event;
mod phase;

pub use self::{
    attempt_log::{AttemptId, AttemptLog, AttemptReport, Outcome},
    event::{Acquired, Event, EventKind, Observe},
    phase::{Phase, PhaseGuard, Span},
};
