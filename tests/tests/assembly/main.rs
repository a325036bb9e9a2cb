//! However a stack is put together, it doesn't compile, and the compiler says why in our words; or it refuses, in plain
//! words and before anything is sent; or it is right.
//!
//! [`stacks`] lists every way to build a client, a connector or a stack, and makes of each all that have one layer left
//! out, doubled, or swapped with its neighbour. [`compiled`] compiles them all. [`sent`] sends requests by those that
//! compile, by several ways, and looks at what reached whom. [`written`] has programs as people write them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod compiled;
mod links;
mod package;
mod parties;
mod sent;
mod stacks;
mod written;
