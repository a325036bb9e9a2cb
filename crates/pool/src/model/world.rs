//! A runtime for one thread: a clock that is set, timers and tasks in lists.

use skybridge_core::{BoxFuture, Runtime, Sleep};
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant, SystemTime},
};

type Task = Arc<Mutex<Option<BoxFuture<()>>>>;
type Probe = Box<dyn Fn() + Send + Sync>;

/// Clones are the same one.
#[derive(Clone)]
pub(super) struct World(Arc<Inner>);

struct Inner {
    start: Instant,
    now: Mutex<Duration>,
    tasks: Mutex<BTreeMap<usize, Task>>,
    woken: Mutex<VecDeque<usize>>,
    timers: Mutex<Vec<(Duration, Arc<Timer>)>>,
    next: Mutex<usize>,
    /// Asserts that no lock of the pool is held.
    probe: OnceLock<Probe>,
}

struct Timer {
    waker: Mutex<Option<Waker>>,
    fired: Mutex<bool>,
}

struct Wakes {
    world: World,
    id: usize,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.world.unlocked();
        let mut woken = self.world.0.woken.lock().unwrap();
        if !woken.contains(&self.id) {
            woken.push_back(self.id);
        }
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            start: Instant::now(),
            now: Mutex::default(),
            tasks: Mutex::default(),
            woken: Mutex::default(),
            timers: Mutex::default(),
            next: Mutex::default(),
            probe: OnceLock::new(),
        }))
    }

    pub(super) fn probe(&self, probe: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.probe.set(Box::new(probe));
    }

    /// Called wherever the pool calls somebody.
    pub(super) fn unlocked(&self) {
        if let Some(probe) = self.0.probe.get().filter(|_| !std::thread::panicking()) {
            probe();
        }
    }

    /// A number that is woken by its own waker.
    pub(super) fn waker(&self) -> (usize, Waker) {
        let mut next = self.0.next.lock().unwrap();
        *next += 1;
        (*next, Waker::from(Arc::new(Wakes { world: self.clone(), id: *next })))
    }

    pub(super) fn wake(&self, id: usize) {
        self.0.woken.lock().unwrap().push_back(id);
    }

    /// One of those that were woken.
    pub(super) fn next_woken(&self, rng: &mut fastrand::Rng) -> Option<usize> {
        let mut woken = self.0.woken.lock().unwrap();
        let at = if woken.is_empty() { return None } else { rng.usize(..woken.len()) };
        woken.remove(at)
    }

    /// Polls a task. False when it is none.
    pub(super) fn poll_task(&self, id: usize) -> bool {
        let Some(task) = self.0.tasks.lock().unwrap().get(&id).cloned() else { return false };
        let waker = Waker::from(Arc::new(Wakes { world: self.clone(), id }));
        let future = task.lock().unwrap().take();
        let Some(mut future) = future else { return true };
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.0.tasks.lock().unwrap().remove(&id);
        } else {
            *task.lock().unwrap() = Some(future);
        }
        true
    }

    pub(super) fn tasks(&self) -> usize {
        self.0.tasks.lock().unwrap().len()
    }

    pub(super) fn advance(&self, by: Duration) {
        let now = {
            let mut now = self.0.now.lock().unwrap();
            *now += by;
            *now
        };
        let due: Vec<_> = self.0.timers.lock().unwrap().extract_if(.., |(at, _)| *at <= now).collect();
        for (_, timer) in due {
            *timer.fired.lock().unwrap() = true;
            let waker = timer.waker.lock().unwrap().take();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Runtime for World {
    fn now(&self) -> Instant {
        self.0.start + *self.0.now.lock().unwrap()
    }

    fn wall_now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + *self.0.now.lock().unwrap()
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let mut sleep = Box::pin(Sleeping { world: self.clone(), timer: None });
        sleep.as_mut().reset(deadline);
        sleep
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.unlocked();
        let (id, _) = self.waker();
        self.0.tasks.lock().unwrap().insert(id, Arc::new(Mutex::new(Some(task))));
        self.wake(id);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

struct Sleeping {
    world: World,
    timer: Option<Arc<Timer>>,
}

impl Sleeping {
    fn forget(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.world.0.timers.lock().unwrap().retain(|(_, other)| !Arc::ptr_eq(other, &timer));
        }
    }
}

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timer) = &self.timer else { return Poll::Ready(()) };
        if *timer.fired.lock().unwrap() {
            return Poll::Ready(());
        }
        *timer.waker.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Sleep for Sleeping {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.forget();
        let at = deadline.saturating_duration_since(self.world.0.start);
        let fired = at <= *self.world.0.now.lock().unwrap();
        let timer = Arc::new(Timer { waker: Mutex::default(), fired: Mutex::new(fired) });
        if !fired {
            self.world.0.timers.lock().unwrap().push((at, Arc::clone(&timer)));
        }
        self.timer = Some(timer);
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        self.forget();
    }
}
