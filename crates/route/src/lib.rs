//! Decides which endpoints can reach an origin, in what order, and what to try next.
