use hyper::rt::{Executor, Sleep as HyperSleep, Timer};
use skybridge_core::{BoxFuture, Runtime, Sleep};
use skybridge_runtime::TokioRuntime;
use std::{
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};
use tokio::runtime::Handle;

type Execute = Arc<dyn Fn(BoxFuture<()>) + Send + Sync>;
type SharedTimer = Arc<dyn Timer + Send + Sync>;

/// A stack's runtime of hyper's parts: an executor for the tasks, and a timer, or tokio's time.
#[derive(Clone)]
pub(crate) struct HyperRuntime {
    execute: Execute,
    pub(crate) timer: Option<SharedTimer>,
}

impl HyperRuntime {
    pub(crate) fn new<E>(executor: E) -> Self
    where
        E: Executor<BoxFuture<()>> + Send + Sync + 'static,
    {
        Self { execute: Arc::new(move |task| executor.execute(task)), timer: None }
    }
}

impl Runtime for HyperRuntime {
    fn now(&self) -> Instant {
        self.timer.as_ref().map_or_else(|| tokio::time::Instant::now().into_std(), |timer| timer.now())
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        match (&self.timer, Handle::try_current()) {
            (Some(timer), _) => Box::pin(Slept { sleep: timer.sleep_until(deadline), timer: Arc::clone(timer) }),
            (None, Ok(tokio)) => TokioRuntime::new(tokio).sleep_until(deadline),
            // As with hyper-util's client: without a timer nothing times out.
            (None, Err(_)) => Box::pin(Never),
        }
    }

    fn spawn(&self, task: BoxFuture<()>) {
        (self.execute)(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        // Nothing of this stack blocks: its connector resolves names by itself.
        (self.execute)(Box::pin(async move { work() }));
    }
}

/// A sleep of hyper's timer.
struct Slept {
    sleep: Pin<Box<dyn HyperSleep>>,
    timer: SharedTimer,
}

impl Future for Slept {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }
}

impl Sleep for Slept {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let timer = Arc::clone(&self.timer);
        timer.reset(&mut self.sleep, deadline);
    }
}

/// No timer at all.
struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        std::pin::pin!(pending()).poll(cx)
    }
}

impl Sleep for Never {
    fn reset(self: Pin<&mut Self>, _: Instant) {}
}
