//! Tasks with an owner: counted, aborted with it, and their panics raised in the test.

use skybridge_core::sync::Mutex;
use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{runtime::Handle, sync::Notify, task::AbortHandle};

pub(crate) type Panic = Box<dyn Any + Send>;

/// Clones share the tasks.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    shared: Arc<Shared>,
}

/// Dropping it aborts the tasks, then raises the first panic.
#[derive(Debug, Default)]
pub(crate) struct Owner(pub(crate) Tasks);

#[derive(Default)]
struct Shared {
    live: AtomicUsize,
    spawned: AtomicUsize,
    changed: Notify,
    panics: Mutex<Vec<Panic>>,
    handles: Mutex<Handles>,
}

#[derive(Default)]
struct Handles {
    over: bool,
    list: Vec<AbortHandle>,
}

struct Alive(Arc<Shared>);

// === impl Tasks ===

impl Tasks {
    /// Runs a task on tokio's current runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_on(&Handle::current(), task);
    }

    pub(crate) fn spawn_on(&self, tokio: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        let alive = self.alive();
        let handle = tokio.spawn(async move {
            alive.note(catch(task).await);
        });
        let mut handles = self.shared.handles.lock();
        if handles.over {
            handle.abort();
        }
        handles.list.retain(|handle| !handle.is_finished());
        handles.list.push(handle.abort_handle());
    }

    pub(crate) fn spawn_blocking_on(&self, tokio: &Handle, work: Box<dyn FnOnce() + Send>) {
        let alive = self.alive();
        tokio.spawn_blocking(move || alive.note(catch_unwind(AssertUnwindSafe(work))));
    }

    pub(crate) fn live(&self) -> usize {
        self.shared.live.load(Ordering::SeqCst)
    }

    pub(crate) fn spawned(&self) -> usize {
        self.shared.spawned.load(Ordering::SeqCst)
    }

    /// Returns when no task is left; raises a panic as soon as there is one.
    pub(crate) async fn idle(&self) {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            self.raise();
            if self.live() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Takes the panics so far.
    pub(crate) fn take_panics(&self) -> usize {
        self.shared.panics.lock().drain(..).count()
    }

    pub(crate) fn raise(&self) {
        let first = self.shared.panics.lock().drain(..).next();
        if let Some(panic) = first {
            resume_unwind(panic);
        }
    }

    fn alive(&self) -> Alive {
        self.shared.live.fetch_add(1, Ordering::SeqCst);
        self.shared.spawned.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("live", &self.live()).field("spawned", &self.spawned()).finish()
    }
}

// === impl Owner ===

impl Drop for Owner {
    fn drop(&mut self) {
        let handles = {
            let mut handles = self.0.shared.handles.lock();
            handles.over = true;
            std::mem::take(&mut handles.list)
        };
        handles.iter().for_each(AbortHandle::abort);
        if !std::thread::panicking() {
            self.0.raise();
        }
    }
}

// === impl Alive ===

impl Alive {
    fn note(&self, ended: Result<(), Panic>) {
        if let Err(panic) = ended {
            self.0.panics.lock().push(panic);
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

/// Runs a future and turns its panic into a value; the future is gone when it returns.
pub(crate) async fn catch<F: Future>(future: F) -> Result<F::Output, Panic> {
    Catch { future: Some(Box::pin(future)) }.await
}

struct Catch<F> {
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Catch<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        let done = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        self.future = None;
        Poll::Ready(done)
    }
}

/// The message of a panic.
pub(crate) fn message(panic: &Panic) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".to_owned(),
    }
}
