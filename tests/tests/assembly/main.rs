//! However a stack is put together, it doesn't compile, and the compiler says why in our words; or it is right.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod package;
mod written;
