//! Events in an odd order, and terminals of odd widths.

use http::{Method, Uri};
use skybridge::types::{CallId, Event, EventKind, Observe, Phase, RedactedUri};
use skybridge_testkit::executor::Executor;
use skybridge_trace::Recorder;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Events of two threads may arrive in the other order than that of their times.
#[tokio::test(start_paused = true)]
async fn an_end_before_its_start_takes_no_time() {
    let (recorder, start) = (Recorder::new(), Executor::new().runtime().now());
    let uri = Uri::from_static("http://a.test/");
    let tell = |at, kind| recorder.observe(&Event::new(start + ms(at), Some(CallId(1)), None, None, kind));
    tell(0, EventKind::CallStarted { method: &Method::GET, uri: RedactedUri(&uri) });
    tell(5, EventKind::PhaseStarted(Phase::Acquire));
    tell(3, EventKind::PhaseEnded(Phase::Acquire, ms(0)));
    tell(6, EventKind::PhaseStarted(Phase::Body));
    tell(9, EventKind::PhaseEnded(Phase::Wait, ms(1)));
    tell(9, EventKind::PhaseEnded(Phase::Body, ms(1)));
    let drawn = recorder.timeline(CallId(1)).ascii().to_string();
    let row: Vec<_> = drawn.lines().nth(2).unwrap().split_whitespace().take(3).collect();
    assert_eq!(row, ["acquire", "5.000", "0.000"], "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_of_any_width() {
    let (recorder, start) = (Recorder::new(), Executor::new().runtime().now());
    let tell = |at, kind| recorder.observe(&Event::new(start + ms(at), Some(CallId(1)), None, None, kind));
    tell(0, EventKind::PhaseStarted(Phase::Acquire));
    tell(3, EventKind::PhaseEnded(Phase::Acquire, ms(3)));
    for width in [0, 1, 200, 1 << 17, usize::MAX] {
        let drawn = recorder.timeline(CallId(1)).ascii().width(width).to_string();
        let widest = drawn.lines().map(str::len).max().unwrap();
        assert!(drawn.contains("acquire") && widest <= width.clamp(60, 10_000), "{width}: {widest}");
    }
}
