//! Tests of the whole stack live in this package's test targets.
