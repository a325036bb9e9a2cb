use crate::TlsConfigError;
use skybridge_core::{ConnectError, Phase, Runtime, sync::Mutex};
use std::{
    fmt,
    future::poll_fn,
    mem,
    sync::{Arc, OnceLock},
    task::{Poll, Waker},
};

/// A configuration that is built when it is first needed. That may read files, so no poll does it.
pub(crate) struct FirstUse<C> {
    build: Box<Build<C>>,
    built: OnceLock<Built<C>>,
    waiting: Mutex<Waiting>,
}

type Build<C> = dyn Fn() -> Result<C, TlsConfigError> + Send + Sync;
type Built<C> = Result<C, Arc<TlsConfigError>>;

#[derive(Default)]
struct Waiting {
    /// Whether a thread builds it, or is about to.
    is_begun: bool,
    /// No more than there are connects before it is built.
    wakers: Vec<Waker>,
}

/// What a thread is to do. Also where it panics, or the runtime has ended and drops it, others learn that it is over.
struct Work<C>(Arc<FirstUse<C>>);

/// The configuration can't be built.
#[derive(Debug)]
struct NoConfig(Arc<TlsConfigError>);

/// The thread that was to build it has ended before.
#[derive(Debug)]
struct NotBuilt;

// === impl FirstUse ===

impl<C: Clone + Send + Sync + 'static> FirstUse<C> {
    pub(super) fn new(build: impl Fn() -> Result<C, TlsConfigError> + Send + Sync + 'static) -> Self {
        Self { build: Box::new(build), built: OnceLock::new(), waiting: Mutex::default() }
    }

    /// Another one.
    pub(super) fn build(&self) -> Result<C, TlsConfigError> {
        (self.build)()
    }

    /// It, if it is built already.
    pub(super) fn built(&self) -> Option<&Built<C>> {
        self.built.get()
    }

    /// Builds it here, or waits for who does.
    pub(super) fn block(&self) -> Result<C, ConnectError> {
        told(self.built.get_or_init(|| self.build().map_err(Arc::new)))
    }

    /// Begins to build it on a thread that polls no futures, where nobody has.
    pub(super) fn prepare(self: &Arc<Self>, runtime: &dyn Runtime) {
        if self.built.get().is_none() && !mem::replace(&mut self.waiting.lock().is_begun, true) {
            let work = Work(Arc::clone(self));
            runtime.spawn_blocking(Box::new(move || work.run()));
        }
    }

    /// Waits until such a thread has built it.
    pub(super) async fn wait(self: &Arc<Self>, runtime: &dyn Runtime) -> Result<C, ConnectError> {
        let mut has_begun = false;
        let built = poll_fn(|cx| {
            loop {
                if let Some(built) = self.built.get() {
                    return Poll::Ready(Some(built));
                }
                {
                    let mut waiting = self.waiting.lock();
                    if waiting.is_begun {
                        waiting.add(cx.waker());
                        return Poll::Pending;
                    }
                }
                // What another has begun may have come to nothing with its runtime.
                if mem::replace(&mut has_begun, true) {
                    return Poll::Ready(None);
                }
                self.prepare(runtime);
            }
        });
        built.await.map_or_else(|| Err(ConnectError::new(Phase::Tls, NotBuilt)), told)
    }
}

/// An error is the same for all, and no other route would help.
fn told<C: Clone>(built: &Built<C>) -> Result<C, ConnectError> {
    built.clone().map_err(|error| ConnectError::new(Phase::Tls, NoConfig(error)).fatal())
}

// === impl Waiting ===

impl Waiting {
    fn add(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}

// === impl Work ===

impl<C: Clone + Send + Sync + 'static> Work<C> {
    fn run(self) {
        // Whoever waits is told of an error.
        drop(self.0.block());
    }
}

impl<C> Drop for Work<C> {
    fn drop(&mut self) {
        let Waiting { wakers, .. } = mem::take(&mut *self.0.waiting.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}

// === impl NoConfig ===

impl fmt::Display for NoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid TLS configuration")
    }
}

impl std::error::Error for NoConfig {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the thread that was to build the TLS configuration has ended")
    }
}

impl std::error::Error for NotBuilt {}
