//! The connection machinery of an HTTP client as a stack of tower layers.
