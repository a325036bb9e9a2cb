use crate::sleep::TokioSleep;
use skybridge_core::{BoxFuture, Ctx, Runtime, Sleep};
use std::{pin::Pin, sync::Arc, time::Instant};
use tokio::runtime::Handle;

/// A handle to one tokio runtime: tasks and timers belong to it, whichever thread creates them.
///
/// Connections are driven by the runtime that their stack was built with, so a stack must not outlive it. Requests
/// after its end fail rather than hang, and the close reason says why.
#[derive(Clone, Debug)]
pub struct TokioRuntime(Handle);

impl TokioRuntime {
    /// The runtime in which this is called.
    ///
    /// # Panics
    /// When it is called outside of a runtime. [`new`](Self::new) takes a handle instead.
    #[track_caller]
    pub fn current() -> Self {
        Self(Handle::current())
    }

    /// A context on the [`current`](Self::current) runtime, and with nothing else: for whoever makes a `Target`, a
    /// `Route` or a `Link` by hand.
    ///
    /// # Panics
    /// When it is called outside of a runtime.
    #[track_caller]
    pub fn ctx() -> Ctx {
        Ctx::new(Arc::new(Self::current()))
    }

    /// The runtime of this handle, whose timer must be enabled.
    pub fn new(handle: Handle) -> Self {
        Self(handle)
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let _entered = self.0.enter();
        Box::pin(TokioSleep::until(deadline))
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.0.spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::{Future, poll_fn},
        pin::pin,
        task::Poll,
        time::Duration,
    };

    /// A peer that never stops sending uses up the budget of the task that reads; only its time limit ends it.
    #[tokio::test(start_paused = true)]
    async fn a_timer_fires_although_the_task_has_used_up_its_budget() {
        let runtime = TokioRuntime::current();
        let mut sleep = runtime.sleep_until(runtime.now());
        poll_fn(|cx| {
            while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            assert!(sleep.as_mut().poll(cx).is_ready());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_is_tokios_and_a_timer_can_be_set_again() {
        let runtime = TokioRuntime::current();
        let start = runtime.now();
        let mut sleep = runtime.sleep_until(start + Duration::from_secs(3600));
        sleep.as_mut().reset(start + Duration::from_secs(5));
        sleep.await;
        assert_eq!(runtime.now() - start, Duration::from_secs(5));
    }

    #[test]
    fn a_task_runs_on_the_captured_runtime_from_any_thread() {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let runtime = TokioRuntime::new(tokio.handle().clone());
        let (tx, rx) = std::sync::mpsc::channel();
        let also = tx.clone();
        runtime.spawn(Box::pin(async move { tx.send("task").unwrap() }));
        assert_eq!(rx.recv(), Ok("task"));
        runtime.spawn_blocking(Box::new(move || also.send("blocking").unwrap()));
        assert_eq!(rx.recv(), Ok("blocking"));
    }
}
