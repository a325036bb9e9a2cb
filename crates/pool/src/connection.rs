//! What a pool knows of one connection, whoever has it in hand.
//!
//! What its origin decides about it is in the [`machine`](crate::machine); here is what several threads change without
//! the origin's lock: its streams, its handles, the names that use it. How it ends, and what is told of it, is below.

mod ending;
mod feedback;
pub(crate) mod handles;
pub(crate) mod lent;
pub(crate) mod listener;
pub(crate) mod misdirected;
pub(crate) mod names;
pub(crate) mod quota;
pub(crate) mod slots;

use self::{
    handles::Handles,
    misdirected::Misdirected,
    names::CoalescedNames,
    quota::RequestQuota,
    slots::{SlotState, StreamSlots},
};
use crate::{
    machine::connections::ConnectionKey,
    shared::{Shared, time::Timestamp},
};
use skybridge_core::{CloseReason, ConnInfo, Error, EventKind, NotUsed, Origin};
use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

/// An origin that uses a connection, as the connection sees it: its own, or that of a coalesced name. None of this is
/// called under a lock.
pub(crate) trait ConnectionUser<C>: Send + Sync {
    /// The connection takes no more exchanges. True when it was idle there, which has dropped its handle.
    fn remove(self: Arc<Self>, connection: &PooledConnection<C>) -> bool;

    /// The connection's socket is gone, or the last handle is, after which its driver closes it.
    fn socket_closed(self: Arc<Self>, connection: &PooledConnection<C>);

    /// It has left for another origin, to which the permit of its socket goes: true when there is one.
    fn lent(self: Arc<Self>, connection: &PooledConnection<C>) -> bool;

    /// The handle of an exclusive connection, if it is idle: for a request of another origin.
    fn lend(self: Arc<Self>, connection: &PooledConnection<C>) -> Option<C>;

    /// It is idle again: the other origin has no use for it.
    fn take_back(self: Arc<Self>, connection: &Arc<PooledConnection<C>>, handle: C);

    /// Its streams have changed: requests that wait may be served, or need another connection.
    fn serve_waiters(self: Arc<Self>);

    /// One of its connections has become idle.
    fn became_idle(self: Arc<Self>);

    /// One of its connections has carried its first response.
    fn answered(self: Arc<Self>);
}

/// One connection. Shared by whoever has it in hand, and by the origins that may use it.
pub(crate) struct PooledConnection<C> {
    pub(crate) info: Arc<ConnInfo>,
    /// One exchange at a time.
    pub(crate) exclusive: bool,
    /// The origin that it was opened for.
    home: Weak<dyn ConnectionUser<C>>,
    /// Where that is, which is asked several times for each request.
    home_address: usize,
    /// Its key in its home's machine, once it is there.
    key: OnceLock<ConnectionKey>,
    /// Drained when it gets older than this, or its certificate does.
    pub(crate) expires_at: Option<Timestamp>,
    /// How long it may be idle, in nanoseconds.
    pub(crate) idle_timeout: u64,
    pub(crate) shared: Arc<Shared>,
    slots: StreamSlots,
    /// How many exchanges it may carry in its life, if it is shared and there is a limit.
    quota: Option<RequestQuota>,
    /// How many exchanges it has begun.
    exchanges: AtomicU64,
    /// When a shared connection that nobody uses will have been idle for too long, in nanoseconds. Of an exclusive one,
    /// its place in the order in which those of its origin became idle: here, as it is asked for when the machine may
    /// have forgotten the connection.
    idle: AtomicU64,
    /// Its peer has allowed streams at some time.
    had_streams: AtomicBool,
    names: CoalescedNames<dyn ConnectionUser<C>>,
    misdirected: Misdirected,
    close_reason: OnceLock<CloseReason>,
    handles: Handles<C>,
    ask: Ask<C>,
    /// What has been told of it: what [`feedback`] and [`lent`] have. One byte, as each idle connection has it.
    told: AtomicU8,
    /// How many failures in a row its origin had seen when it was made.
    pub(crate) failures_before: u8,
}

/// Asks a handle where it isn't known which body its requests have.
pub(crate) type Ask<C> = fn(&mut C, Question<'_, C>) -> Option<Error>;

/// What it is asked, or told.
pub(crate) enum Question<'a, C> {
    /// How has its connection ended? `None` if it has not, or doesn't say. Asked under the lock of the handles, so the
    /// answer must not wake, block, or drop the handle.
    Ending,
    /// A time limit ends its exchange. There is no answer.
    TimedOut,
    /// Is there another handle to its connection? It is put here. Asked under the lock of the handles too.
    Share(&'a mut Option<C>),
    /// Its peer may be gone. The answer is a change of the connection's status.
    Suspect,
}

/// What a stream that was given back leaves behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Released {
    /// Others are in use, or nothing may be done with it any more.
    InUse,
    /// Nobody uses it: it is idle from now on.
    Idle,
    /// It drains, and that was the last exchange it carried.
    Drained,
}

impl<C: Send + 'static> PooledConnection<C> {
    pub(crate) fn new(
        info: Arc<ConnInfo>,
        slots: StreamSlots,
        exclusive: bool,
        home: Weak<dyn ConnectionUser<C>>,
        shared: Arc<Shared>,
        ask: Ask<C>,
        failures_before: u8,
    ) -> Arc<Self> {
        let state = slots.state();
        let max_requests = shared.config.request_limit().filter(|_| !exclusive);
        Arc::new(Self {
            expires_at: shared.expires_at(&info),
            info,
            exclusive,
            home_address: home.as_ptr().addr(),
            home,
            key: OnceLock::new(),
            idle_timeout: shared.idle_timeout(),
            shared,
            slots,
            quota: max_requests.map(RequestQuota::new),
            exchanges: AtomicU64::new(0),
            idle: AtomicU64::new(if exclusive { 0 } else { Timestamp::NEVER.0 }),
            had_streams: AtomicBool::new(state.capacity > 0 && !state.unknown),
            names: CoalescedNames::new(),
            misdirected: Misdirected::default(),
            close_reason: OnceLock::new(),
            handles: Handles::new(),
            ask,
            told: AtomicU8::new(0),
            failures_before,
        })
    }

    /// It is in its home's machine now, under whose lock this is called.
    pub(crate) fn set_key(&self, key: ConnectionKey) {
        let _ = self.key.set(key);
    }

    /// Its key in its home's machine.
    #[inline]
    pub(crate) fn key(&self) -> Option<ConnectionKey> {
        self.key.get().copied()
    }

    /// Whether it was opened for the origin at this address.
    #[inline]
    pub(crate) fn is_home<T>(&self, origin: *const T) -> bool {
        self.home_address == origin.addr()
    }

    pub(crate) fn home(&self) -> Option<Arc<dyn ConnectionUser<C>>> {
        self.home.upgrade()
    }

    pub(crate) fn emit(&self, kind: EventKind<'_>) {
        self.info.route.ctx().emit(Some(self.info.attempt), self.info.id, kind);
    }
}

/// Streams.
impl<C: Send + 'static> PooledConnection<C> {
    #[inline]
    pub(crate) fn slots(&self) -> SlotState {
        self.slots.state()
    }

    /// Takes new exchanges.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.slots.is_open()
    }

    /// The handle of a shared connection that others are made of. From here on it can carry exchanges, and is idle.
    pub(crate) fn start_sharing(&self, master: C) {
        self.handles.set_master(master);
        self.release();
    }

    /// Takes a stream, if there is one.
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
            // Nobody may take the end of its last idle time for that of the next.
            self.idle.store(Timestamp::NEVER.0, Relaxed);
        }
        before.is_some()
    }

    /// A stream that was reserved carries no exchange.
    #[inline]
    pub(crate) fn not_begun(&self) {
        if let Some(quota) = &self.quota {
            quota.give_back();
        }
    }

    /// Gives a stream back.
    #[inline]
    pub(crate) fn release(&self) -> Released {
        if self.slots.release() {
            let until = self.idle_until_from(self.shared.clock.get());
            self.idle.store(until.0, Relaxed);
            return Released::Idle;
        }
        let state = self.slots.state();
        if state.draining && !state.closed && state.in_use == 0 { Released::Drained } else { Released::InUse }
    }

    /// An exchange begins: how many have begun before.
    #[inline]
    pub(crate) fn begin_exchange(&self) -> u64 {
        self.exchanges.fetch_add(1, Relaxed)
    }

    /// How many it has begun.
    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.load(Relaxed)
    }

    /// It has carried nothing yet.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.exchanges.load(Relaxed) == 0
    }

    /// Whether it is to be drained for its age.
    pub(crate) fn is_too_old(&self) -> bool {
        self.expires_at.is_some_and(|until| until <= self.shared.now())
    }

    /// Whether all exchanges that it may carry in its life are taken.
    #[inline]
    pub(crate) fn is_used_up(&self) -> bool {
        self.quota.as_ref().is_some_and(RequestQuota::is_used_up)
    }

    /// How many streams it can carry at once, if its peer has said so; no more than it may carry in its life.
    pub(crate) fn known_capacity(&self) -> Option<u32> {
        let state = self.slots.state();
        let max = self.quota.as_ref().map_or(u32::MAX, RequestQuota::max);
        (!state.unknown).then_some(state.capacity.min(max))
    }

    /// Whether it can take one more exchange now.
    pub(crate) fn has_capacity(&self) -> bool {
        let state = self.slots.state();
        !state.draining && !state.suspect && state.in_use < state.capacity && !self.is_used_up()
    }

    /// Why it takes no exchange now, if it doesn't. An exclusive one is busy unless it is idle, which its origin knows.
    #[cold]
    pub(crate) fn not_used(&self) -> Option<NotUsed> {
        let state = self.slots.state();
        Some(match state {
            _ if state.draining || state.closed => NotUsed::Draining(self.close_reason()),
            _ if self.exclusive => NotUsed::Busy,
            _ if state.suspect => NotUsed::Suspect,
            _ if self.is_used_up() => NotUsed::UsedUp,
            _ if state.capacity == 0 => NotUsed::NoStreams,
            _ if state.in_use < state.capacity => return None,
            _ if state.unknown => NotUsed::BeforeSettings(state.capacity),
            _ => NotUsed::StreamsInUse(state.capacity),
        })
    }

    /// Whether its peer allows no streams and has never allowed any. It may do so later.
    pub(crate) fn allows_no_streams(&self) -> bool {
        let state = self.slots.state();
        let none = state.capacity == 0 && !state.unknown && !state.draining;
        none && !self.exclusive && !self.had_streams.load(Relaxed)
    }

    /// Ready when its peer allows streams, or it has ended.
    pub(crate) fn poll_capacity(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.allows_no_streams() {
            self.handles.register(cx);
        }
        // It may have changed before the waker was registered.
        if self.allows_no_streams() { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The peer has said how many streams it allows.
    pub(crate) fn set_capacity(&self, capacity: u32) {
        if capacity > 0 {
            self.had_streams.store(true, Relaxed);
        }
        self.slots.set_capacity(capacity);
        self.handles.wake();
        self.serve_origins();
    }

    /// A response on it did not come in time, or the machine slept: it takes no new exchanges until its peer has shown
    /// that it is alive.
    pub(crate) fn set_suspect(&self, suspect: bool) {
        self.slots.set_suspect(suspect);
        self.serve_origins();
    }

    /// It takes more exchanges than before, or fewer: those who wait are served, or need another connection.
    fn serve_origins(&self) {
        let line = if self.names.any() { self.names.take_line() } else { Vec::new() };
        if line.is_empty()
            && let Some(home) = self.home()
        {
            return home.serve_waiters();
        }
        line.into_iter().for_each(|origin| origin.serve_waiters());
    }

    /// A handle for one exchange. Of a connection that has ended it is one that says how, or `None`.
    #[inline]
    pub(crate) fn share(&self, share: impl FnOnce(&C) -> Option<C>) -> Option<C> {
        self.handles.share(share)
    }

    /// Takes back a handle whose exchange is complete.
    #[inline]
    pub(crate) fn reuse(&self, handle: C) {
        self.handles.give_back(handle);
    }

    /// When it will have been idle for too long, if it is idle from then on.
    #[inline]
    pub(crate) fn idle_until_from(&self, now: Timestamp) -> Timestamp {
        now.plus(self.idle_timeout)
    }

    /// It becomes idle, after so many others did.
    #[inline]
    pub(crate) fn set_idle_order(&self, order: u64) {
        self.idle.store(order, Relaxed);
    }

    /// Whether it became idle before the other did, each when it last did.
    pub(crate) fn idled_before(&self, other: &Self) -> bool {
        self.idle.load(Relaxed) < other.idle.load(Relaxed)
    }

    /// When it will have been idle for too long, if it is a shared one that nobody uses.
    pub(crate) fn idle_until(&self) -> Option<Timestamp> {
        let state = self.slots.state();
        let idle = state.in_use == 0 && !state.draining && !self.exclusive;
        idle.then(|| Timestamp(self.idle.load(Relaxed)))
    }
}

/// Names.
impl<C: Send + 'static> PooledConnection<C> {
    /// Whether an origin of another name uses it, or did.
    #[inline]
    pub(crate) fn is_coalesced(&self) -> bool {
        self.names.any()
    }

    /// Lets the origin of another name use it. False when it carries too many names already.
    pub(crate) fn add_name(&self, origin: &Arc<dyn ConnectionUser<C>>) -> bool {
        let first = !self.names.any();
        let added = self.names.add(origin);
        if first
            && added
            && let Some(home) = self.home()
        {
            // Its own origin must wait in the line from now on.
            home.serve_waiters();
        }
        added
    }

    /// Whether [`add_name`](Self::add_name) would let it.
    pub(crate) fn has_room_for(&self, origin: &Arc<dyn ConnectionUser<C>>) -> bool {
        self.names.has_room_for(origin)
    }

    pub(crate) fn remove_name(&self, origin: &Arc<dyn ConnectionUser<C>>) {
        self.names.remove(origin);
    }

    /// Puts an origin in the line for the next free stream, if other names may wait for one too. True when there is a
    /// free one by now.
    pub(crate) fn line_up(&self, origin: &Arc<dyn ConnectionUser<C>>) -> bool {
        if !self.names.any() {
            return false;
        }
        self.names.line_up(origin);
        // A stream that came free before that was not offered to this origin.
        self.slots.is_still_open() && self.has_capacity()
    }

    /// A stream came free: the first origins in the line may be served.
    #[cold]
    pub(crate) fn serve_line(&self) {
        // An origin with more requests waiting lines up again, at the end.
        while self.has_capacity()
            && let Some(origin) = self.names.next()
        {
            origin.serve_waiters();
        }
    }

    /// Never again for this origin: it has answered 421.
    pub(crate) fn misdirect(&self, origin: &Origin) {
        self.misdirected.add(origin);
    }

    pub(crate) fn is_misdirected(&self, origin: &Origin) -> bool {
        self.misdirected.contains(origin)
    }
}

/// Its peer.
impl<C: Send + 'static> PooledConnection<C> {
    /// A time limit ends the exchange that this handle carries.
    #[cold]
    pub(crate) fn timed_out(&self, handle: &mut C) {
        (self.ask)(handle, Question::TimedOut);
    }

    /// Its peer may be gone: it takes no new exchanges until the peer has shown that it is alive, if it can find that
    /// out.
    #[cold]
    pub(crate) fn suspect(&self) {
        let mut handle = None;
        self.handles.ask(|master| (self.ask)(master, Question::Share(&mut handle)));
        if let Some(mut handle) = handle {
            (self.ask)(&mut handle, Question::Suspect);
            self.reuse(handle);
        }
    }
}

impl<C: Send + 'static> fmt::Debug for PooledConnection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledConnection")
            .field("id", &self.info.id)
            .field("slots", &self.slots())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
