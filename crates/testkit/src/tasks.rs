//! Tasks with an owner: counted, ended with it, and their panics raised in the test.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{runtime::Handle, sync::Notify, task::AbortHandle};

pub(crate) type Panic = Box<dyn Any + Send>;

/// Dropped, it aborts what still runs, then raises the first panic.
#[derive(Default)]
pub(crate) struct Tasks {
    shared: Arc<Shared>,
    handles: Mutex<Vec<AbortHandle>>,
}

#[derive(Default)]
struct Shared {
    live: AtomicUsize,
    spawned: AtomicUsize,
    ended: Notify,
    panics: Mutex<Vec<Panic>>,
}

struct Alive(Arc<Shared>);

// === impl Tasks ===

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.live.fetch_add(1, Ordering::SeqCst);
        self.shared.spawned.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(&self.shared));
        let handle = Handle::current().spawn(async move {
            if let Err(panic) = catch(task).await {
                lock(&alive.0.panics).push(panic);
            }
            drop(alive);
        });
        let mut handles = lock(&self.handles);
        handles.retain(|handle| !handle.is_finished());
        handles.push(handle.abort_handle());
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
            let ended = self.shared.ended.notified();
            self.raise();
            if self.live() == 0 {
                return;
            }
            ended.await;
        }
    }

    pub(crate) fn raise(&self) {
        let first = lock(&self.shared.panics).drain(..).next();
        if let Some(panic) = first {
            resume_unwind(panic);
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        lock(&self.handles).iter().for_each(AbortHandle::abort);
        if !std::thread::panicking() {
            self.raise();
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("live", &self.live()).field("spawned", &self.spawned()).finish()
    }
}

// === impl Alive ===

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
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

/// What a panic said.
pub(crate) fn message(panic: &Panic) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
