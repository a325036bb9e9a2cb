mod addresses;
mod attempt_log;
mod event;
mod notify;
mod phase;
mod phase_name;
mod pins_not_enforced;
mod proxy_step;
mod search;

pub use self::{
    addresses::AddressSource,
    attempt_log::{AttemptId, AttemptLog, AttemptReport, Outcome},
    event::{Acquired, Event, EventKind, Observe, RedactedUri},
    notify::notify,
    phase::{Phase, PhaseGuard, Span},
    phase_name::PhaseName,
    pins_not_enforced::{NotEnforced, PinsNotEnforced},
    proxy_step::{ProxyStep, SocksStep},
    search::{Differs, Found, NotUsed, PassedOver, Search, Waits},
};
