//! By the page of `skybridge_trace`, and those of `skybridge_core::{Observe, Event}`.

use skybridge_core::{CallId, Ctx, Event, EventKind, Observe, Phase};
use skybridge_runtime::TokioRuntime;
use skybridge_trace::{JsonLines, Observers, Recorder};
use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A log file of somebody else.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An observer of somebody else.
#[derive(Default)]
struct Resolved(Mutex<Vec<Duration>>);

impl Observe for Resolved {
    fn observe(&self, event: &Event<'_>) {
        if let EventKind::PhaseEnded(Phase::Resolve, took) = event.kind {
            self.0.lock().unwrap().push(took);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_observers_see_the_events_of_a_layer_of_ones_own() {
    let (log, resolved, recorder) = (Log::default(), Arc::new(Resolved::default()), Recorder::new());
    let all = Observers::new().and(Arc::new(JsonLines::new(log.clone()))).and(resolved.clone()).and(recorder.clone());

    let ctx = Ctx::new(Arc::new(TokioRuntime::current())).with_call(CallId(1)).observer(Some(Arc::new(all)));
    ctx.emit(None, None, EventKind::PhaseStarted(Phase::Resolve));
    ctx.emit(None, None, EventKind::PhaseEnded(Phase::Resolve, Duration::from_millis(12)));

    assert_eq!(*resolved.0.lock().unwrap(), [Duration::from_millis(12)]);
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines, recorder.json_lines());
    assert_eq!(lines.lines().count(), 2);
    assert!(recorder.timeline(CallId(1)).to_string().contains("resolve"));
}
