//! The one door to the checks.
fn main() {}
