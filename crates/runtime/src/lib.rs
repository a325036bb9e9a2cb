//! The tokio runtime behind skybridge: clock, timer and tasks.
