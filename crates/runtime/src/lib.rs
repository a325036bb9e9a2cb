//! The tokio runtime of a stack: its clock, its timers, its tasks.
//!
//! No other crate of skybridge uses tokio's runtime. When tokio's clock is paused, all time of the stack is virtual.
//!
//! ```
//! use skybridge_core::Runtime;
//! use skybridge_runtime::TokioRuntime;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let runtime = TokioRuntime::current();
//! let before = runtime.now();
//! runtime.sleep_until(before + Duration::from_millis(1)).await;
//! assert!(runtime.now() >= before + Duration::from_millis(1));
//! # }
//! ```

mod sleep;
mod tokio_runtime;

pub use self::tokio_runtime::TokioRuntime;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
