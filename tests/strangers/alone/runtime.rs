//! By the page of `skybridge_runtime`, and that of `skybridge_core::Runtime`.

use skybridge_core::Runtime;
use skybridge_runtime::TokioRuntime;
use std::{sync::mpsc, time::Duration};

#[tokio::test(start_paused = true)]
async fn time_is_virtual_where_tokios_is_paused() {
    let runtime = TokioRuntime::current();
    let before = (runtime.now(), tokio::time::Instant::now());
    let mut timer = runtime.sleep_until(before.0 + Duration::from_secs(3600));
    timer.as_mut().reset(before.0 + Duration::from_secs(7200));
    timer.await;
    assert_eq!((runtime.now() - before.0).as_secs(), 7200);
    assert_eq!(before.1.elapsed().as_secs(), 7200);
}

#[tokio::test]
async fn tasks_run_on_tokio() {
    let (say, hear) = tokio::sync::oneshot::channel();
    let runtime = TokioRuntime::current();
    runtime.spawn(Box::pin(async move { say.send("done").unwrap() }));
    assert_eq!(hear.await, Ok("done"));

    let (say, hear) = mpsc::channel();
    runtime.spawn_blocking(Box::new(move || say.send("done as well").unwrap()));
    assert_eq!(hear.recv(), Ok("done as well"));
}
