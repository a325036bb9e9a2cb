//! What all parts of a pool use.

pub(crate) mod clock;
pub(crate) mod held;
pub(crate) mod late_uploads;
pub(crate) mod notify;
pub(crate) mod permits;
pub(crate) mod reaper;
pub(crate) mod sync;
