//! How many requests are sent before those that count, and how many count.

pub(crate) const WARM: u64 = 200;
pub(crate) const COUNTED: u64 = 1000;
