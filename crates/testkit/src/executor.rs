//! A runtime that counts its tasks and raises their panics in the test.
//!
//! Clock and timers are tokio's, so virtual when it is paused, and the wall clock goes with them: it is moved by
//! [`move_wall_clock`](Executor::move_wall_clock) alone. A panic in a background task fails the test: at
//! [`assert_idle`](Executor::assert_idle), or when the executor is dropped.
//!
//! ```
//! use skybridge_testkit::executor::Executor;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let executor = Executor::new();
//! let runtime = executor.runtime();
//! let deadline = runtime.now() + Duration::from_secs(3600);
//! let sleep = runtime.sleep_until(deadline);
//! runtime.spawn(Box::pin(sleep));
//! assert_eq!((executor.tasks(), executor.spawned()), (1, 1));
//! executor.idle().await; // an hour of virtual time
//! assert_eq!((executor.tasks(), runtime.now()), (0, deadline));
//! executor.assert_idle().await;
//! # }
//! ```

use crate::tasks::{Owner, Tasks};
use skybridge_core::{BoxFuture, Ctx, Runtime, Sleep};
use skybridge_runtime::TokioRuntime;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Handle;

/// Owns the tasks of a test. Dropping it aborts those left and raises the first panic.
#[derive(Debug)]
pub struct Executor {
    owner: Owner,
    runtime: Arc<Counting>,
}

/// The runtime that layers are given. Once the executor is dropped it spawns nothing.
#[derive(Debug)]
struct Counting {
    tokio: Handle,
    clock: TokioRuntime,
    /// When it was made, by both clocks.
    start: (Instant, SystemTime),
    /// By how many seconds the wall clock was moved.
    moved: AtomicI64,
    tasks: Tasks,
}

// === impl Executor ===

impl Executor {
    /// An executor on tokio's current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new() -> Self {
        let owner = Owner::default();
        let clock = TokioRuntime::current();
        let runtime = Counting {
            tokio: Handle::current(),
            start: (clock.now(), clock.wall_now()),
            clock,
            moved: AtomicI64::new(0),
            tasks: owner.0.clone(),
        };
        Self { owner, runtime: Arc::new(runtime) }
    }

    /// The runtime to give to layers.
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        self.runtime.clone()
    }

    /// Moves the wall clock by so many seconds, and no other: forward as after the machine slept, or back.
    pub fn move_wall_clock(&self, seconds: i64) {
        self.runtime.moved.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A context of this runtime: without observer or timeouts, ids from 1.
    pub fn ctx(&self) -> Ctx {
        Ctx::new(self.runtime())
    }

    /// Tasks (and blocking calls) that have not ended.
    pub fn tasks(&self) -> usize {
        self.owner.0.live()
    }

    /// Tasks (and blocking calls) ever spawned.
    pub fn spawned(&self) -> usize {
        self.owner.0.spawned()
    }

    /// Waits until no task is left. Raises a task's panic.
    pub async fn idle(&self) {
        self.owner.0.idle().await;
    }

    /// Takes the panics of its tasks so far, which a test expects: they are not raised. Returns how many there were.
    pub fn take_panics(&self) -> usize {
        self.owner.0.take_panics()
    }

    /// Runs all tasks until they are idle, then asserts that none is left. Needs a paused clock, which it advances by 1
    /// ms.
    pub async fn assert_idle(&self) {
        run_until_idle().await;
        self.owner.0.raise();
        assert_eq!(self.tasks(), 0, "tasks are left");
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Counting ===

impl Runtime for Counting {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn wall_now(&self) -> SystemTime {
        let (start, wall) = self.start;
        let moved = self.moved.load(Ordering::SeqCst);
        let by = Duration::from_secs(moved.unsigned_abs());
        let wall = wall + (self.now() - start);
        if moved < 0 { wall - by } else { wall + by }
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.clock.sleep_until(deadline)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.tasks.spawn_on(&self.tokio, task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.tasks.spawn_blocking_on(&self.tokio, work);
    }
}

/// Runs all tasks until every one is waiting. Needs a paused clock, which it advances by 1 ms.
pub async fn run_until_idle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
