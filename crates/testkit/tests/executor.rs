//! The counting executor counts, and no panic is lost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use skybridge_core::{AttemptId, CloseReason, ConnectError, ConnectionId, EventKind, Phase, PhaseGuard};
use skybridge_testkit::{executor::Executor, observe::Recorder};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn tasks_are_counted_and_ended_with_their_owner() {
    let executor = Executor::new();
    let runtime = executor.runtime();
    let (tx, rx) = tokio::sync::oneshot::channel::<()>();
    runtime.spawn(Box::pin(async move {
        std::future::pending::<()>().await;
        drop(tx);
    }));
    runtime.spawn(Box::pin(async {}));
    runtime.spawn_blocking(Box::new(|| {}));
    assert_eq!(executor.spawned(), 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(executor.tasks(), 1);
    drop(executor);
    assert!(rx.await.is_err(), "the task was dropped");
    let (tx, rx) = tokio::sync::oneshot::channel::<()>();
    runtime.spawn(Box::pin(async move {
        std::future::pending::<()>().await;
        drop(tx);
    }));
    assert!(rx.await.is_err(), "nothing is spawned after the end");
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "in the background")]
async fn a_background_panic_is_raised_at_the_drop() {
    let executor = Executor::new();
    executor.runtime().spawn(Box::pin(async { panic!("in the background") }));
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "while blocking")]
async fn a_blocking_panic_is_raised_too() {
    let executor = Executor::new();
    executor.runtime().spawn_blocking(Box::new(|| panic!("while blocking")));
    executor.idle().await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "tasks are left")]
async fn a_forgotten_task_is_found() {
    let executor = Executor::new();
    executor.runtime().spawn(Box::pin(std::future::pending()));
    executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn events_are_kept_in_order() {
    let recorder = Recorder::new();
    let ctx = Executor::new().ctx().observer(Some(recorder.clone()));
    let phase = PhaseGuard::begin(&ctx, Phase::Resolve, None);
    phase.fail(ConnectError::new(Phase::Resolve, "no such host"));
    drop(PhaseGuard::begin(&ctx, Phase::Tls, None));
    ctx.emit(Some(AttemptId(2)), Some(ConnectionId(1)), EventKind::Closed(CloseReason::PeerFin));
    assert_eq!(
        recorder.lines(),
        [
            "resolve_start",
            "resolve_failed no such host",
            "tls_start",
            "tls_dropped",
            "connection_closed a2 c1 peer_fin"
        ]
    );
    recorder.assert_balanced();
    assert_eq!((recorder.count("tls_start"), recorder.recorded().len()), (1, 5));
    recorder.clear();
    assert!(recorder.names().is_empty());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "connect is not balanced")]
async fn an_unbalanced_phase_is_found() {
    let recorder = Recorder::new();
    let ctx = Executor::new().ctx().observer(Some(recorder.clone()));
    ctx.emit(None, None, EventKind::PhaseStarted(Phase::Tcp));
    ctx.emit(None, None, EventKind::PhaseStarted(Phase::Tls));
    ctx.emit(None, None, EventKind::PhaseEnded(Phase::Tls, Duration::ZERO));
    recorder.assert_balanced();
}
