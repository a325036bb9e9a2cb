//! Observers that record what happened, and show it as JSON lines or as a waterfall in the terminal. Beside the stack:
//! each type here is an observer ([`Observe`](skybridge_core::Observe)), to be given to a client or to one request's
//! [`RequestOptions`](skybridge_core::RequestOptions). [`Recorder`] keeps the latest events, and draws the [`Timeline`]
//! of a call from them; [`JsonLines`] writes each event as it happens; [`Observers`] combines several. With the feature
//! `tracing`, `Spans` makes spans and lines for that crate's subscribers; with `metrics`, `Metrics` feeds that crate's
//! recorders. Events contain no header and no body, and URLs are written without their secrets: userinfo, query and
//! fragment.
//!
//! ```
//! use skybridge_core::{CallId, EventKind, Phase};
//! use skybridge_testkit::executor::Executor;
//! use skybridge_trace::Recorder;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let recorder = Recorder::new();
//! let ctx = Executor::new().ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
//! ctx.emit(None, None, EventKind::PhaseStarted(Phase::Resolve)); // a stack does this
//! tokio::time::sleep(Duration::from_millis(12)).await;
//! ctx.emit(None, None, EventKind::PhaseEnded(Phase::Resolve, Duration::from_millis(12)));
//!
//! println!("{}", recorder.timeline(CallId(1)).titled("GET http://a.test/"));
//! assert!(recorder.json_lines().starts_with(r#"{"t_us":0,"call":1,"event":"resolve_start"}"#));
//! # }
//! ```

mod clean;
mod date;
mod draw;
mod facts;
mod har;
mod har_heads;
mod har_timings;
mod json;
mod lanes;
mod lines;
#[cfg(feature = "metrics")]
mod metrics;
mod observers;
#[cfg(any(feature = "metrics", feature = "tracing"))]
mod otel;
mod recorded;
mod recorder;
mod rows;
#[cfg(feature = "tracing")]
mod spans;
mod svg;
mod timeline;
mod timelines;
mod wrap;

pub use self::{
    clean::{clean, clean_json, clean_xml},
    date::iso8601,
    facts::{Facts, TlsFacts},
    har_heads::HarHeads,
    json::JsonObject,
    lines::JsonLines,
    observers::Observers,
    recorded::{Failure, Recorded, RecordedKind},
    recorder::Recorder,
    rows::size,
    timeline::Timeline,
    timelines::Timelines,
};

#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
#[cfg(feature = "tracing")]
pub use self::spans::Spans;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
