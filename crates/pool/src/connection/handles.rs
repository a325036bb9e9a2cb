use crate::shared::sync::{Mutex, lock};
use std::task::{Context, Waker};

/// How many handles of a shared connection are kept for the next exchanges.
const MAX_REUSABLE: usize = 128;

/// The handles of one shared connection, and the tasks that wait for its peer to allow streams.
#[derive(Debug)]
pub(crate) struct Handles<C>(Mutex<Inside<C>>);

#[derive(Debug)]
struct Inside<C> {
    /// The handle that others are made of; `None` when the connection is exclusive, or has ended without a cause.
    master: Option<C>,
    /// The connection has ended, and the master is kept for what it says of that.
    ended: bool,
    /// Handles are kept: there is a master, and the connection takes exchanges.
    keeps: bool,
    /// Handles whose exchange is complete. A large handle is made only once for each exchange that runs at the same
    /// time.
    reusable: Vec<C>,
    wakers: Vec<Waker>,
}

impl<C> Handles<C> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Inside { master: None, ended: false, keeps: false, reusable: Vec::new(), wakers: Vec::new() }))
    }

    /// Keeps the handle that others are made of.
    pub(crate) fn set_master(&self, master: C) {
        let mut inside = lock(&self.0);
        inside.master = Some(master);
        inside.keeps = !inside.ended;
    }

    /// A handle for one exchange. Of a connection that has ended it is one that says how, or `None`.
    #[inline]
    pub(crate) fn share(&self, share: impl FnOnce(&C) -> Option<C>) -> Option<C> {
        let mut inside = lock(&self.0);
        inside.reusable.pop().or_else(|| inside.master.as_ref().and_then(share))
    }

    /// Takes back a handle whose exchange is complete.
    #[inline]
    pub(crate) fn give_back(&self, handle: C) {
        if let Some(handle) = self.keep(handle) {
            // The last handle of a connection closes it, of which its driver tells the pool.
            drop(handle);
        }
    }

    /// Keeps a handle; the handle, if that is not to be.
    #[inline]
    fn keep(&self, handle: C) -> Option<C> {
        let mut inside = lock(&self.0);
        if !inside.keeps || inside.reusable.len() >= MAX_REUSABLE {
            return Some(handle);
        }
        inside.reusable.push(handle);
        None
    }

    /// What the master says.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&mut C) -> Option<T>) -> Option<T> {
        lock(&self.0).master.as_mut().and_then(ask)
    }

    /// The connection takes no more exchanges: drops all handles, outside the lock, as the last one of a connection
    /// closes it. If it has `ended` by itself, the master stays, for those who have been given a stream of it and are
    /// about to come for a handle: nothing else can tell them why.
    pub(crate) fn end(&self, ended: impl FnOnce(&mut C) -> bool) {
        let handles = {
            let mut inside = lock(&self.0);
            inside.ended = inside.ended || inside.master.as_mut().is_some_and(ended);
            inside.keeps = false;
            let master = if inside.ended { None } else { inside.master.take() };
            (master, std::mem::take(&mut inside.reusable))
        };
        drop(handles);
    }

    /// The task is woken by [`wake`](Self::wake).
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut inside = lock(&self.0);
        if !inside.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            inside.wakers.push(cx.waker().clone());
        }
    }

    pub(crate) fn wake(&self) {
        let wakers = std::mem::take(&mut lock(&self.0).wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}
