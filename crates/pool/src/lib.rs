//! Reuses, shares and coalesces HTTP connections.
