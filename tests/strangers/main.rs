//! Programs of strangers: of those who have read the pages that each names, and neither the sources nor other tests.
//!
//! They are short. What takes a stranger more than that is mended in the page.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::expect_used, reason = "as in the pages")]
#![allow(clippy::disallowed_methods, reason = "a stranger's clock and tasks are tokio's")]

mod alone;
mod newcomer;
mod replaced;
mod seams;
