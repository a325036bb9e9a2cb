//! Meter.
fn main() {}
