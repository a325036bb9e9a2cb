use crate::{
    ResolveError,
    job::{Job, LookupKey, LookupResult},
};
use skybridge_core::{Endpoint, Families, Overloaded, Runtime, sync::Mutex};
use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, MutexGuard, Weak},
};

/// A function that looks up a name, and blocks meanwhile.
pub(crate) type BlockingLookup = dyn Fn(&str, Families) -> io::Result<Vec<SocketAddr>> + Send + Sync;

pub(crate) const MAX_RUNNING: usize = 128;
/// The places that lookups of one family may take beside that of both.
pub(crate) const MAX_RUNNING_BESIDE: usize = 64;
pub(crate) const MAX_WAITING: usize = 1024;

/// Limits how many lookups run at once. The others wait in order.
pub(crate) struct LookupQueue {
    lookup: Arc<BlockingLookup>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// How many workers have ended whose place hasn't been given to another lookup yet. They still count as running.
    freed: usize,
    /// A [`Dispatcher`] is at work.
    dispatching: bool,
    waiting: VecDeque<Waiting>,
    /// Lookups that run or wait.
    unfinished: HashMap<LookupKey, Weak<Job>>,
}

/// A lookup that waits until fewer are running.
struct Waiting {
    key: LookupKey,
    job: Weak<Job>,
    runtime: Arc<dyn Runtime>,
}

/// A lookup that runs. Dropped, also by a runtime that has ended before it ran, it gives its place to the next.
struct Worker {
    queue: Arc<LookupQueue>,
    job: Arc<Job>,
}

/// Gives freed places to lookups that wait. Dropped by a panic of the runtime, it lets another do so.
struct Dispatcher<'a>(&'a LookupQueue);

// === impl LookupQueue ===

impl LookupQueue {
    pub(crate) fn new(lookup: Arc<BlockingLookup>) -> Self {
        Self { lookup, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Joins the unfinished lookup of this name and family, starts one, or lets one wait.
    pub(crate) fn join_or_start(
        self: &Arc<Self>,
        key: LookupKey,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<Arc<Job>, ResolveError> {
        let mut state = self.state();
        if let Some(job) = state.unfinished.get(&key).and_then(Weak::upgrade) {
            return Ok(job);
        }
        let may_run = state.running < MAX_RUNNING;
        if !may_run {
            if state.waiting.len() >= MAX_WAITING {
                state.remove_abandoned();
            }
            if state.waiting.len() >= MAX_WAITING {
                let source = Overloaded { what: "the queue of lookups", limit: MAX_WAITING };
                return Err(ResolveError::Overloaded { host: key.host, source });
            }
        }
        let job = Arc::new(Job::queued(key.clone()));
        state.unfinished.insert(key.clone(), Arc::downgrade(&job));
        if may_run {
            state.running += 1;
            drop(state);
            self.run(Arc::clone(&job), runtime);
        } else {
            state.waiting.push_back(Waiting { key, job: Arc::downgrade(&job), runtime: Arc::clone(runtime) });
        }
        Ok(job)
    }

    /// Joins the unfinished lookup of this name and family, or starts one where places are plenty: it takes none from a
    /// name that has no lookup at all.
    pub(crate) fn join_or_start_beside(
        self: &Arc<Self>,
        key: LookupKey,
        runtime: &Arc<dyn Runtime>,
    ) -> Option<Arc<Job>> {
        let mut state = self.state();
        if let Some(job) = state.unfinished.get(&key).and_then(Weak::upgrade) {
            return Some(job);
        }
        if state.running >= MAX_RUNNING_BESIDE {
            return None;
        }
        state.running += 1;
        let job = Arc::new(Job::queued(key.clone()));
        state.unfinished.insert(key, Arc::downgrade(&job));
        drop(state);
        self.run(Arc::clone(&job), runtime);
        Some(job)
    }

    fn run(self: &Arc<Self>, job: Arc<Job>, runtime: &Arc<dyn Runtime>) {
        job.start();
        let worker = Worker { queue: Arc::clone(self), job };
        runtime.spawn_blocking(Box::new(move || worker.work()));
    }

    /// A worker has ended: its place is for the first lookup that somebody still waits for.
    ///
    /// A runtime that has ended drops the worker it is given, which frees the place again. That is why this is a loop
    /// of the first caller, and not a recursion.
    fn free_place(self: &Arc<Self>) {
        {
            let mut state = self.state();
            state.freed += 1;
            if std::mem::replace(&mut state.dispatching, true) {
                return;
            }
        }
        let dispatcher = Dispatcher(self);
        while let Some(next) = dispatcher.next() {
            if let Some((job, runtime)) = next {
                self.run(job, &runtime);
            }
        }
    }

    fn finish(&self, job: &Arc<Job>, result: LookupResult) {
        // Before the result is set: a query from now on needs a new lookup.
        self.state().remove(&job.key, &Arc::downgrade(job));
        job.finish(result);
    }
}

// === impl Dispatcher ===

/// A lookup that may run now.
type Next = (Arc<Job>, Arc<dyn Runtime>);

impl Dispatcher<'_> {
    /// For one freed place the lookup that gets it, or `Some(None)` when none waits. `None` when no place is left.
    fn next(&self) -> Option<Option<Next>> {
        let mut state = self.0.state();
        if state.freed == 0 {
            // Under the same lock: a place that is freed from now on has another dispatcher.
            state.dispatching = false;
            return None;
        }
        state.freed -= 1;
        let next = state.next();
        state.running -= usize::from(next.is_none());
        Some(next)
    }
}

impl Drop for Dispatcher<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().dispatching = false;
        }
    }
}

// === impl State ===

impl State {
    fn next(&mut self) -> Option<Next> {
        loop {
            let first = self.waiting.pop_front()?;
            if let Some(job) = first.job.upgrade() {
                return Some((job, first.runtime));
            }
            self.remove(&first.key, &first.job);
        }
    }

    /// Removes the lookups that nobody waits for any more.
    fn remove_abandoned(&mut self) {
        let (waiting, abandoned) = self.waiting.drain(..).partition(|waiting| waiting.job.strong_count() > 0);
        self.waiting = waiting;
        let abandoned: VecDeque<Waiting> = abandoned;
        abandoned.iter().for_each(|waiting| self.remove(&waiting.key, &waiting.job));
    }

    /// Removes a lookup, unless a later one of the same key has taken its entry.
    fn remove(&mut self, key: &LookupKey, job: &Weak<Job>) {
        if self.unfinished.get(key).is_some_and(|unfinished| unfinished.ptr_eq(job)) {
            self.unfinished.remove(key);
        }
    }
}

// === impl Worker ===

impl Worker {
    fn work(self) {
        let LookupKey { host, family } = &self.job.key;
        let result = match (self.queue.lookup)(host, *family) {
            Ok(addrs) if addrs.is_empty() => Err(ResolveError::NoAddresses { host: Arc::clone(host) }),
            Ok(addrs) => Ok(addrs.into_iter().map(Endpoint::from).collect()),
            Err(error) => Err(ResolveError::from_io(host, error)),
        };
        self.queue.finish(&self.job, result);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Has no effect after `work`, which has set the result already.
        self.queue.finish(&self.job, Err(ResolveError::Cancelled { host: Arc::clone(&self.job.key.host) }));
        self.queue.free_place();
    }
}
