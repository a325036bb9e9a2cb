pub(crate) mod names;
pub(crate) mod quota;
pub(crate) mod slots;

use crate::{
    connection::names::Guests, connection::quota::Quota, connection::slots::Slots, origin::Bucket, registry::Hub,
    shared::clock::Stamp, shared::held::Held, shared::late_uploads::Uploads,
};
use skybridge_core::{CloseReason, ConnInfo, ConnectionStatus, Ctx, EventKind, Origin, StatusListener};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// How many handles of a shared connection are kept for the next exchange.
const MOST_SPARE: usize = 128;
/// For how many origins a connection may turn out to be the wrong one, until it is taken for none of the others.
const MOST_MISDIRECTED: usize = 32;

/// What the pool knows of one connection. Shared by whoever holds the connection, and by the buckets that may use it.
pub(crate) struct Record<C: Held> {
    pub(crate) info: Arc<ConnInfo>,
    pub(crate) slots: Slots,
    /// How many exchanges it may carry in its life, if it is shared and there is a limit.
    quota: Option<Quota>,
    /// One exchange at a time.
    pub(crate) exclusive: bool,
    /// The bucket of the key it was opened for.
    pub(crate) home: Weak<Bucket<C>>,
    /// Drained when it gets older than this.
    pub(crate) until: Option<Stamp>,
    /// How long it may be idle, in nanoseconds.
    keep: u64,
    /// Requests that are still being sent though their responses are over.
    pub(crate) uploads: Arc<Uploads>,
    /// How many exchanges it has begun.
    pub(crate) exchanges: AtomicU64,
    /// It counts as one of its origin's connections. Changed under its home's lock only, as the next two are.
    counted: AtomicBool,
    /// Its socket counts as one of its origin's.
    published: AtomicBool,
    /// How often its origin's connections had been evicted when it was made.
    epoch: AtomicU64,
    /// How many connections of the pool are idle: shared ones count themselves in and out.
    idle: Arc<AtomicUsize>,
    /// When a shared connection that nobody uses will have been idle for too long, in nanoseconds.
    idle_until: AtomicU64,
    /// Its peer has allowed streams at some time.
    had_room: AtomicBool,
    /// The buckets of other keys that use it, and the line for its streams.
    pub(crate) guests: Guests<C>,
    /// Why it drains.
    reason: OnceLock<CloseReason>,
    inside: Mutex<Inside<C>>,
}

/// How long a connection lives: until when, how long it may be idle, how many exchanges it carries, how long a request may outlive its response.
pub(crate) struct Times {
    pub(crate) until: Option<Stamp>,
    /// In nanoseconds.
    pub(crate) keep: u64,
    pub(crate) exchanges: Option<u64>,
    pub(crate) uploads: Arc<Uploads>,
}

struct Inside<C: Held> {
    /// The handle that others are shared from; `None` when it is exclusive or takes no more exchanges.
    master: Option<C>,
    /// Handles that have carried an exchange and can carry another: sharing anew is only for as many as are in use at once.
    spare: Vec<C>,
    /// Wakers of searches that wait for its peer to allow streams.
    waiting: Vec<Waker>,
    /// Origins it answered with 421 (RFC 9110, section 15.5.20).
    misdirected: Vec<Origin>,
}

impl<C: Held> Record<C> {
    pub(crate) fn new(
        info: Arc<ConnInfo>,
        slots: Slots,
        exclusive: bool,
        home: &Arc<Bucket<C>>,
        idle: Arc<AtomicUsize>,
        times: Times,
    ) -> Arc<Self> {
        let Times { until, keep, exchanges, uploads } = times;
        let seen = slots.seen();
        Arc::new(Self {
            info,
            slots,
            quota: exchanges.filter(|_| !exclusive).map(Quota::new),
            exclusive,
            home: Arc::downgrade(home),
            until,
            keep,
            uploads,
            exchanges: AtomicU64::new(0),
            counted: AtomicBool::new(false),
            published: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            idle,
            idle_until: AtomicU64::new(Stamp::NEVER.0),
            had_room: AtomicBool::new(seen.capacity > 0 && !seen.unknown),
            guests: Guests::new(),
            reason: OnceLock::new(),
            inside: Mutex::new(Inside {
                master: None,
                spare: Vec::new(),
                waiting: Vec::new(),
                misdirected: Vec::new(),
            }),
        })
    }

    /// Frees the slot that the search of a shared connection occupied: from here on it can carry exchanges, and is
    /// idle.
    pub(crate) fn starts(&self, now: Stamp) {
        if self.release() {
            self.set_idle_until(self.idle_from(now));
        }
    }

    /// Whether its peer allows no streams and has never allowed any. It may do so later.
    pub(crate) fn takes_none(&self) -> bool {
        let seen = self.slots.seen();
        let has_none = seen.capacity == 0 && !seen.unknown && !seen.draining;
        has_none && !self.exclusive && !self.had_room.load(Ordering::Relaxed)
    }

    /// Ready when its peer allows streams, or it has ended.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.takes_none() {
            let mut inside = self.inside();
            if !inside.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                inside.waiting.push(cx.waker().clone());
            }
        }
        // It may have changed before the waker was registered.
        if self.takes_none() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Wakes the searches that wait for its peer to allow streams.
    fn wake(&self) {
        let waiting = std::mem::take(&mut self.inside().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The peer has said how many streams it allows.
    fn set_room(&self, capacity: u32) {
        if capacity > 0 {
            self.had_room.store(true, Ordering::Relaxed);
        }
        self.slots.set_room(capacity);
        self.wake();
        self.room_changed();
    }

    /// Keeps the handle that others are shared from.
    pub(crate) fn keep(&self, master: C) {
        self.inside().master = Some(master);
    }

    /// Takes a slot, if there is one.
    #[inline]
    pub(crate) fn reserve(&self) -> bool {
        if self.quota.as_ref().is_some_and(|quota| !quota.take()) {
            return false;
        }
        let before = self.slots.reserve();
        if before.is_none() {
            self.not_begun();
        }
        if before == Some(0) {
            self.idle.fetch_sub(1, Ordering::Relaxed);
            // Nobody may take the end of its last idle time for that of the next.
            self.idle_until.store(Stamp::NEVER.0, Ordering::Relaxed);
        }
        before.is_some()
    }

    /// A slot is given back without an exchange.
    #[inline]
    pub(crate) fn not_begun(&self) {
        if let Some(quota) = &self.quota {
            quota.give_back();
        }
    }

    /// Whether all exchanges that it may carry in its life are taken.
    #[inline]
    pub(crate) fn is_used_up(&self) -> bool {
        self.quota.as_ref().is_some_and(Quota::is_used_up)
    }

    /// How many streams it can carry at once, if its peer has said so; no more than it may carry in its life.
    pub(crate) fn known_room(&self) -> Option<u32> {
        let seen = self.slots.seen();
        let most = self.quota.as_ref().map_or(u32::MAX, Quota::most);
        (!seen.unknown).then_some(seen.capacity.min(most))
    }

    /// Whether it can take one more exchange now.
    pub(crate) fn has_room(&self) -> bool {
        let seen = self.slots.seen();
        !seen.draining && seen.in_use < seen.capacity && !self.is_used_up()
    }

    /// Gives a slot back. True when the connection is now unused: then its idle time begins.
    #[inline]
    pub(crate) fn release(&self) -> bool {
        let unused = self.slots.release();
        if unused {
            self.idle.fetch_add(1, Ordering::Relaxed);
        }
        unused
    }

    /// When it will have been idle for too long, if it is idle from now on.
    #[inline]
    pub(crate) fn idle_from(&self, now: Stamp) -> Stamp {
        now.plus(self.keep)
    }

    /// Since when it has been idle, if it will have been so for too long then. Idle limits differ by their jitter, this doesn't.
    pub(crate) fn idle_since(&self, until: Stamp) -> Stamp {
        until.minus(self.keep)
    }

    /// When it will have been idle for too long.
    pub(crate) fn set_idle_until(&self, until: Stamp) {
        self.idle_until.store(until.0, Ordering::Relaxed);
    }

    /// When it will have been idle for too long, if it is a shared one that nobody uses.
    pub(crate) fn idle_until(&self) -> Option<Stamp> {
        let seen = self.slots.seen();
        if seen.in_use > 0 || seen.draining || self.exclusive {
            return None;
        }
        Some(Stamp(self.idle_until.load(Ordering::Relaxed)))
    }

    /// A slot came free: the first that waits for one may be served.
    #[inline]
    pub(crate) fn slot_came_free(&self, bucket: &Arc<Bucket<C>>, hub: &Arc<Hub<C>>) {
        if self.guests.any() { self.serve_line(hub) } else { bucket.settle_with(hub) }
    }

    #[cold]
    fn serve_line(&self, hub: &Arc<Hub<C>>) {
        // A bucket with more requests waiting lines up again, at the end.
        while self.has_room()
            && let Some(bucket) = self.guests.next()
        {
            bucket.settle_with(hub);
        }
    }

    /// Its room has changed: requests that wait may be served now, or need another connection.
    fn room_changed(&self) {
        let waiting = if self.guests.any() { self.guests.take_line() } else { Vec::new() };
        if waiting.is_empty()
            && let Some(home) = self.home.upgrade()
        {
            return home.settle();
        }
        waiting.iter().for_each(|bucket| bucket.settle());
    }

    /// Puts a bucket in the line for the next free slot, if other buckets may wait for one too. True when there is a
    /// free slot by now.
    pub(crate) fn line_up(&self, bucket: &Arc<Bucket<C>>) -> bool {
        if !self.guests.any() {
            return false;
        }
        self.guests.line_up(bucket);
        // A slot freed before that was not offered to this bucket.
        self.slots.look_again() && self.has_room()
    }

    /// It takes no new exchanges, and carries none.
    pub(crate) fn is_spent(&self) -> bool {
        let seen = self.slots.seen();
        seen.draining && !seen.closed && seen.in_use == 0
    }

    pub(crate) fn drain_reason(&self) -> CloseReason {
        self.reason.get().copied().unwrap_or(CloseReason::Shutdown)
    }

    fn inside(&self) -> MutexGuard<'_, Inside<C>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ctx(&self) -> &Ctx {
        self.info.route.ctx()
    }

    /// Another handle; `None` when it takes no more exchanges.
    #[inline]
    pub(crate) fn share(&self, share: impl FnOnce(&C) -> Option<C>) -> Option<C> {
        let mut inside = self.inside();
        inside.spare.pop().or_else(|| inside.master.as_ref().and_then(share))
    }

    /// A handle whose exchange is complete.
    #[inline]
    pub(crate) fn reuse(&self, handle: C) {
        let mut inside = self.inside();
        if inside.master.is_some() && inside.spare.len() < MOST_SPARE {
            inside.spare.push(handle);
        } else {
            // The last handle of a connection closes it, which is told.
            drop(inside);
            drop(handle);
        }
    }

    /// From here on it counts.
    pub(crate) fn publish(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
        self.counted.store(true, Ordering::Relaxed);
        self.published.store(true, Ordering::Relaxed);
    }

    /// True once, if it was published.
    pub(crate) fn unpublish(&self) -> bool {
        self.published.swap(false, Ordering::Relaxed)
    }

    /// True once, if it counted.
    pub(crate) fn uncount(&self) -> bool {
        self.counted.swap(false, Ordering::Relaxed)
    }

    /// How often its origin's connections had been evicted when it was made.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Lets a bucket of another key use it. False when it carries too many names already.
    pub(crate) fn add_guest(&self, bucket: &Arc<Bucket<C>>) -> bool {
        let first = !self.guests.any();
        let added = self.guests.add(bucket);
        if first
            && added
            && let Some(home) = self.home.upgrade()
        {
            // Its own bucket must wait in the line from now on.
            home.settle();
        }
        added
    }

    /// Never again for this origin.
    pub(crate) fn misdirect(&self, origin: &Origin) {
        let mut inside = self.inside();
        if inside.misdirected.len() < MOST_MISDIRECTED && !inside.misdirected.contains(origin) {
            inside.misdirected.push(origin.clone());
        }
    }

    pub(crate) fn is_misdirected(&self, origin: &Origin) -> bool {
        let inside = self.inside();
        inside.misdirected.len() >= MOST_MISDIRECTED || inside.misdirected.contains(origin)
    }

    pub(crate) fn emit(&self, kind: EventKind<'_>) {
        self.ctx().emit(Some(self.info.attempt), self.info.id, kind);
    }

    /// The buckets that may use it: its own, and those it was coalesced into.
    fn buckets(&self) -> Vec<Arc<Bucket<C>>> {
        self.home.upgrade().into_iter().chain(self.guests.all()).collect()
    }

    /// Takes no new exchanges; those that run end as they will.
    pub(crate) fn drain(self: &Arc<Self>, reason: CloseReason) {
        // First: whoever sees that it drains, on another thread, may close it and has to say why.
        self.because(reason);
        if let Some(in_use) = self.slots.drain() {
            self.drained(reason, in_use);
        }
    }

    /// Drains it if nobody uses it. True when it did.
    pub(crate) fn drain_unused(self: &Arc<Self>, reason: CloseReason) -> bool {
        let drained = self.slots.drain_unused();
        if drained {
            self.drained(reason, 0);
        }
        drained
    }

    /// Why it ends: the first reason. Said before a handle is dropped, as its driver may tell the end of it at once, and knows less.
    pub(crate) fn because(&self, reason: CloseReason) -> CloseReason {
        *self.reason.get_or_init(|| reason)
    }

    fn drained(self: &Arc<Self>, reason: CloseReason, in_use: u32) {
        if in_use == 0 && !self.exclusive {
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
        let reason = self.because(reason);
        self.emit(EventKind::Draining(reason));
        self.wake();
        let was_idle = self.leave();
        if was_idle || in_use == 0 && !self.exclusive {
            // Nobody is left who could close it later.
            self.close(reason);
        }
    }

    /// Is gone. The first reason is told, the others are not.
    pub(crate) fn close(self: &Arc<Self>, reason: CloseReason) {
        let reason = self.because(reason);
        let in_use = self.slots.drain();
        if !self.slots.close() {
            return;
        }
        if in_use == Some(0) && !self.exclusive {
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
        self.emit(EventKind::Closed(reason));
        self.wake();
        if in_use.is_some() {
            self.leave();
        }
        if let Some(home) = self.home.upgrade() {
            home.socket_gone(self);
        }
    }

    /// Out of every list; the buckets look for something else for those who wait. True when it was an exclusive one that was idle.
    fn leave(self: &Arc<Self>) -> bool {
        // Dropped outside the lock: the last handle of a connection closes it.
        let handles = {
            let mut inside = self.inside();
            (inside.master.take(), std::mem::take(&mut inside.spare))
        };
        drop(handles);
        // Each of them, whatever the others say.
        self.buckets().iter().filter(|bucket| bucket.forget(self)).count() > 0
    }
}

impl<C: Held> fmt::Debug for Record<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("info", &self.info.id).field("slots", &self.slots.seen()).finish_non_exhaustive()
    }
}

/// What a connection's driver holds: it must not keep the record, whose master handle keeps the driver.
pub(crate) struct RecordWatch<C: Held> {
    record: Weak<Record<C>>,
    max_streams: u32,
}

impl<C: Held> RecordWatch<C> {
    pub(crate) fn new(record: &Arc<Record<C>>, max_streams: u32) -> Arc<Self> {
        Arc::new(Self { record: Arc::downgrade(record), max_streams })
    }
}

impl<C: Held> StatusListener for RecordWatch<C> {
    fn notify(&self, status: ConnectionStatus) {
        let Some(record) = self.record.upgrade() else { return };
        match status {
            ConnectionStatus::Capacity(capacity) => {
                record.set_room(capacity.min(self.max_streams));
            }
            ConnectionStatus::Suspect => record.slots.set_suspect(true),
            ConnectionStatus::Healthy => record.slots.set_suspect(false),
            ConnectionStatus::Draining(reason) => record.drain(reason),
            ConnectionStatus::Closed(reason) => record.close(reason),
            _ => {}
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
