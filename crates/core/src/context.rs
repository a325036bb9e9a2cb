mod ctx;
mod ids;
mod timeout;
mod timeouts;

pub use self::{
    ctx::Ctx,
    ids::{CallId, ConnectionId, Ids},
    timeout::{Timeout, phase_timeout, timeout},
    timeouts::{SharedTimeouts, Timeouts},
};
