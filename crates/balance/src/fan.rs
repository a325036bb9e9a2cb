use skybridge_core::sync::Mutex;
use std::{
    collections::HashMap,
    mem,
    sync::Arc,
    task::{Context, Wake, Waker},
};

/// Wakes everybody who waits for the one balancer, which remembers only who asked last.
#[derive(Default)]
pub(crate) struct Fan(Mutex<Waiters>);

#[derive(Default)]
struct Waiters {
    next: u64,
    /// Nobody is woken now; and whether somebody was to be.
    quiet: bool,
    missed: bool,
    wakers: HashMap<u64, Waker>,
}

/// Somebody who waits. Forgotten when it is dropped.
pub(crate) struct Place {
    fan: Arc<Fan>,
    number: u64,
}

impl Fan {
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        let mut waiters = self.0.lock();
        waiters.next += 1;
        Place { fan: Arc::clone(self), number: waiters.next }
    }

    /// Wakes nobody until [`heard`](Self::heard).
    pub(crate) fn quiet(&self) {
        self.0.lock().quiet = true;
    }

    /// Wakes again. Whether somebody was to be woken meanwhile.
    pub(crate) fn heard(&self) -> bool {
        let mut waiters = self.0.lock();
        waiters.quiet = false;
        mem::take(&mut waiters.missed)
    }
}

impl Wake for Fan {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = {
            let mut waiters = self.0.lock();
            if waiters.quiet {
                waiters.missed = true;
                return;
            }
            mem::take(&mut waiters.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Place {
    /// To be woken with the others.
    pub(crate) fn wait(&self, cx: &Context<'_>) {
        self.fan.0.lock().wakers.insert(self.number, cx.waker().clone());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.fan.0.lock().wakers.remove(&self.number);
    }
}
