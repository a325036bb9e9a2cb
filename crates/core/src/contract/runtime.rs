use std::{
    future::Future,
    pin::Pin,
    time::{Instant, SystemTime},
};

/// A boxed future. Layers box one per connection, and none per request.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The source of time and tasks of a stack. Everything uses this one clock, so that a test can control it.
pub trait Runtime: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Instant;

    /// The time of the system's clock, which may be set, and which goes on while the machine sleeps. [`now`](Self::now)
    /// doesn't on many systems, so that a pool knows by the two that the machine has slept. A runtime whose time is
    /// virtual should move this with it. The default asks the system.
    #[expect(clippy::disallowed_methods, reason = "this is where the others get it from")]
    fn wall_now(&self) -> SystemTime {
        SystemTime::now()
    }

    /// A timer that completes at the deadline.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>>;

    /// Runs a task until it completes or the runtime ends. It must not inherit the `tracing` span of the caller.
    fn spawn(&self, task: BoxFuture<()>);

    /// Runs blocking work on a thread that polls no futures.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// A timer that can be reset without an allocation.
pub trait Sleep: Future<Output = ()> + Send {
    /// Sets a new deadline, also after the timer has completed.
    fn reset(self: Pin<&mut Self>, deadline: Instant);
}
