use std::{future::Future, pin::Pin, time::Instant};

/// A boxed future: once per layer per *connection*, never per request.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where a stack takes its time and its tasks from. One clock for everything, so that a test can own it.
pub trait Runtime: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Instant;

    /// A timer.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>>;

    /// Runs a task to its end, or until the runtime ends. The task's spans are its own: it inherits none from the caller.
    fn spawn(&self, task: BoxFuture<()>);

    /// Runs what blocks, off the threads that poll futures.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// A timer that can be set again without a new allocation.
pub trait Sleep: Future<Output = ()> + Send {
    /// Sets it anew, also after it has fired.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}
