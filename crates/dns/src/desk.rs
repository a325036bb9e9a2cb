use crate::{
    ResolveError,
    job::{Found, Job},
};
use skybridge_core::{Endpoint, Overloaded, Query, Runtime, sync::Mutex};
use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, MutexGuard, Weak},
};

/// What blocks.
pub(crate) type Search = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

pub(crate) const RUNNING: usize = 64;
pub(crate) const WAITING: usize = 1024;

/// Where look-ups wait for one of the few threads that they may use.
pub(crate) struct Desk {
    search: Arc<Search>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Places that have come free, and that nobody has passed on yet.
    free: usize,
    /// Somebody passes them on.
    passing: bool,
    waiting: VecDeque<Turn>,
    /// Look-ups that run or wait, by name.
    open: HashMap<Arc<str>, Weak<Job>>,
}

/// A place in the line.
struct Turn {
    host: Arc<str>,
    job: Weak<Job>,
    runtime: Arc<dyn Runtime>,
}

/// One of the threads at work. Dropped, also unrun by a runtime that has ended, it gives its place to the next in line.
struct Worker {
    desk: Arc<Desk>,
    job: Arc<Job>,
}

/// Whoever passes on free places. Dropped, also by a runtime's panic, it lets the next one do so.
struct Passing<'a>(&'a Desk);

// === impl Desk ===

impl Desk {
    pub(crate) fn new(search: Arc<Search>) -> Self {
        Self { search, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Joins the look-up of this name that is open, or begins one, or waits in line with one.
    pub(crate) fn ask(self: &Arc<Self>, query: &Query) -> Result<Arc<Job>, ResolveError> {
        let mut state = self.state();
        if let Some(job) = state.open.get(&query.host).and_then(Weak::upgrade) {
            return Ok(job);
        }
        let free = state.running < RUNNING;
        if !free {
            if state.waiting.len() >= WAITING {
                state.forget_the_abandoned();
            }
            if state.waiting.len() >= WAITING {
                let source = Overloaded { what: "the queue of look-ups", limit: WAITING };
                return Err(ResolveError::Overloaded { host: Arc::clone(&query.host), source });
            }
        }
        let job = Arc::new(Job::new(Arc::clone(&query.host)));
        state.open.insert(Arc::clone(&query.host), Arc::downgrade(&job));
        let runtime = Arc::clone(query.ctx.runtime());
        if free {
            state.running += 1;
            drop(state);
            self.run(Arc::clone(&job), &runtime);
        } else {
            let host = Arc::clone(&query.host);
            state.waiting.push_back(Turn { host, job: Arc::downgrade(&job), runtime });
        }
        Ok(job)
    }

    fn run(self: &Arc<Self>, job: Arc<Job>, runtime: &Arc<dyn Runtime>) {
        let worker = Worker { desk: Arc::clone(self), job };
        runtime.spawn_blocking(Box::new(move || worker.work()));
    }

    /// A place is free: for the first in line that somebody still waits for.
    ///
    /// A runtime that has ended drops what it is given, and that frees the place again: in this loop, not in calls within calls.
    fn next(self: &Arc<Self>) {
        {
            let mut state = self.state();
            state.free += 1;
            if std::mem::replace(&mut state.passing, true) {
                return;
            }
        }
        let passing = Passing(self);
        while let Some(next) = passing.take() {
            if let Some((job, runtime)) = next {
                self.run(job, &runtime);
            }
        }
    }

    fn close(&self, job: &Arc<Job>, found: Found) {
        // Before the outcome is told: who asks from now on wants a new one.
        self.state().forget(&job.host, &Arc::downgrade(job));
        job.finish(found);
    }
}

// === impl Passing ===

/// Who has a place now.
type Next = (Arc<Job>, Arc<dyn Runtime>);

impl Passing<'_> {
    /// For one free place: who has it now, or that it is nobody's.
    fn take(&self) -> Option<Option<Next>> {
        let mut state = self.0.state();
        if state.free == 0 {
            // Here already: what comes free from now on is another's.
            state.passing = false;
            return None;
        }
        state.free -= 1;
        let next = state.next();
        state.running -= usize::from(next.is_none());
        Some(next)
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().passing = false;
        }
    }
}

// === impl State ===

impl State {
    fn next(&mut self) -> Option<Next> {
        loop {
            let turn = self.waiting.pop_front()?;
            if let Some(job) = turn.job.upgrade() {
                return Some((job, turn.runtime));
            }
            self.forget(&turn.host, &turn.job);
        }
    }

    /// Those that nobody waits for any more hold no place in line.
    fn forget_the_abandoned(&mut self) {
        let (kept, abandoned) = self.waiting.drain(..).partition(|turn| turn.job.strong_count() > 0);
        self.waiting = kept;
        let abandoned: VecDeque<Turn> = abandoned;
        abandoned.iter().for_each(|turn| self.forget(&turn.host, &turn.job));
    }

    /// Unless a later look-up of the name stands there.
    fn forget(&mut self, host: &Arc<str>, job: &Weak<Job>) {
        if self.open.get(host).is_some_and(|open| open.ptr_eq(job)) {
            self.open.remove(host);
        }
    }
}

// === impl Worker ===

impl Worker {
    fn work(self) {
        let found = match (self.desk.search)(&self.job.host) {
            Ok(addrs) => Ok(addrs.into_iter().map(Endpoint::from).collect()),
            Err(error) => Err(ResolveError::from_io(&self.job.host, error)),
        };
        self.desk.close(&self.job, found);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Of no effect after `work`, which has closed it.
        self.desk.close(&self.job, Err(ResolveError::Cancelled { host: Arc::clone(&self.job.host) }));
        self.desk.next();
    }
}
