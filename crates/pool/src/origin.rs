//! The connections and the queue of one origin: a [`Machine`](crate::machine::Machine) that decides, behind a lock, and
//! the hands that do what it says once the lock is free.
//!
//! [`OriginPool::step`] is the only place in this crate where something is decided under a lock and done after it.

pub(crate) mod connect_timeouts;
mod connecting;
mod ending;
mod environment;
mod failing;
mod giving_back;
mod left;
pub(crate) mod pending_connect;
mod searching;
mod snapshot;
mod table;
mod tables;
pub(crate) mod uri_key;
mod user;
pub(crate) mod waiter;

use self::{
    left::Left,
    pending_connect::PendingConnect,
    tables::{Effect, Entry, Tables},
    uri_key::UriKey,
    waiter::{Granted, RequestContext, Waiter},
};
use crate::{
    connection::{ConnectionUser, PooledConnection},
    machine::{
        Machine,
        action::Actions,
        connections::{ConnectionKey, Facts},
        queue::WaiterKey,
    },
    shared::{
        Shared,
        sync::{
            Mutex, MutexGuard,
            atomic::{AtomicBool, Ordering::AcqRel},
            lock,
        },
        time::Timestamp,
    },
};
use skybridge_core::{
    Cause, Delivery, Endpoint, Error, HttpVersions, Key, NotCoalesced, Overloaded, Phase, Protocol, Scheme, Search,
    can_still_coalesce,
};
use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
};

/// What an origin asks of its pool. None of this but [`add_address`](Self::add_address) is called under a lock.
pub(crate) trait Host<C: Send + 'static>: Send + Sync {
    /// Begins to connect, on behalf of a request.
    fn connect(self: Arc<Self>, origin: &Arc<OriginPool<C>>, connect: Arc<PendingConnect>, context: &RequestContext);

    /// A connection is found by its address from now on.
    fn add_address(&self, connection: &Arc<PooledConnection<C>>);

    /// Closes an idle connection of any origin, so that another origin may open one.
    fn reclaim(&self);

    /// A connection is idle that may be lent, and origins wait for a permit: the first of them looks whether it can
    /// have it. Otherwise as [`reclaim`](Self::reclaim).
    fn lend_or_reclaim(&self);

    /// A connection to a proxy that forwards was dead when it was used: others that lead there are not taken to other
    /// origins any more, which would find one dead after the other.
    fn lend_no_more(&self, endpoint: &Endpoint);

    /// More connections are idle than may be: closes the one that has been so longest.
    fn evict_oldest(&self, own: &Arc<OriginPool<C>>);

    /// Something is idle, and nobody sees to its end.
    fn start_reaper(self: Arc<Self>);

    /// The origin that has this key now, after one that is out of the pool; `None` at the end of the pool.
    fn successor(&self, key: &Key) -> Option<Arc<OriginPool<C>>>;

    /// Forgets an origin that holds nothing.
    fn remove_vacant(&self, origin: &Arc<OriginPool<C>>);
}

/// The part of a pool that belongs to one key.
pub(crate) struct OriginPool<C: Send + 'static> {
    pub(crate) key: Arc<Key>,
    pub(crate) hash: u64,
    /// The spelling by which it is found without parsing.
    pub(crate) uri_key: OnceLock<UriKey>,
    pub(crate) shared: Arc<Shared>,
    host: Weak<dyn Host<C>>,
    /// Requests wait, or did when this was last looked at: if not, who frees a stream need not look under the lock.
    waiting: AtomicBool,
    locked: Mutex<Locked<C>>,
}

struct Locked<C: Send + 'static> {
    machine: Machine,
    tables: Tables<C>,
}

/// Why a request has no place in the queue.
pub(crate) enum Refused {
    /// The origin is no longer in the pool: look up again.
    Stale,
    Full(Error),
}

impl<C: Send + 'static> OriginPool<C> {
    pub(crate) fn new(key: Key, hash: u64, shared: Arc<Shared>, host: Weak<dyn Host<C>>) -> Self {
        let protocol = match (key.connect_options.http_versions, key.origin.scheme()) {
            (HttpVersions::Http2, _) => Some(Protocol::Http2),
            (HttpVersions::Http1, _) | (HttpVersions::Any, Scheme::Http) => Some(Protocol::Http1),
            _ => None,
        };
        let machine = Machine::new(protocol, shared.sleeps.count());
        let locked = Mutex::new(Locked { machine, tables: Tables::new() });
        Self {
            key: Arc::new(key),
            hash,
            uri_key: OnceLock::new(),
            shared,
            host,
            waiting: AtomicBool::new(false),
            locked,
        }
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Locked<C>> {
        #[cfg(all(test, not(loom)))]
        crate::bounds::LOOKS.set(crate::bounds::LOOKS.get() + 1);
        lock(&self.locked)
    }

    /// Locks, lets the machine decide, unlocks, does what it has decided.
    #[inline]
    fn step<R>(self: &Arc<Self>, decide: impl FnOnce(&mut Machine, &mut Tables<C>) -> (R, Actions)) -> R {
        let (result, effects) = {
            let mut locked = self.lock();
            let Locked { machine, tables } = &mut *locked;
            let idle_before = machine.idle();
            let (result, actions) = decide(machine, tables);
            self.shared.idle.changed(idle_before, machine.idle());
            let Some(actions) = actions.into_list() else { return result };
            (result, tables.resolve(actions, &self.shared))
        };
        self.apply_all(effects);
        result
    }

    #[cold]
    fn apply_all(self: &Arc<Self>, effects: Vec<Effect<C>>) {
        Left::new(effects, |effect| self.apply(effect)).apply();
    }

    /// A question to the machine, which changes nothing.
    fn ask<R>(&self, question: impl FnOnce(&Machine, &Tables<C>) -> R) -> R {
        let locked = self.lock();
        question(&locked.machine, &locked.tables)
    }

    fn apply(self: &Arc<Self>, effect: Effect<C>) {
        match effect {
            Effect::Deliver(waiter, delivered) => {
                // Its request was dropped meanwhile: the next in the queue has it.
                if let Some(Ok(delivered)) = waiter.deliver(Ok(delivered)) {
                    self.give_back(delivered.granted);
                }
            }
            Effect::Fail(waiter, error) => drop(waiter.deliver(Err(error))),
            Effect::Connect(connect, waiter) => {
                if let Some(host) = self.host.upgrade() {
                    host.connect(self, connect, &waiter.context);
                }
            }
            Effect::Notify(connect) => connect.changed.notify(),
            Effect::Close(handle, connection, reason) => connection.close_with(handle, reason),
            Effect::Drain(connection, reason) => connection.drain(reason),
            Effect::DrainUnused(connection, reason) => _ = connection.drain_unused(reason),
            Effect::Suspect(connection) => connection.suspect(),
            Effect::LeaveCoalesced(connection) => self.leave_coalesced(&connection),
            Effect::WantPermit => {
                // One may have come free before this origin stood in the queue.
                self.shared.permits.offer();
                if let Some(host) = self.host.upgrade() {
                    host.reclaim();
                }
            }
        }
    }

    /// A usable connection, at once or not at all. None that was there before the machine slept, unless its peer has
    /// given a sign of life since. Whether it slept is found out if `compares_clocks`, or if it is long ago that it
    /// was.
    #[inline]
    pub(crate) fn take(self: &Arc<Self>, compares_clocks: bool) -> Option<Granted<C>> {
        // Not the closure's result, as a handle may be large and each name it is given is a copy.
        let mut granted = None;
        let compared = self.step(|machine, tables| {
            let compares_clocks = compares_clocks || machine.may_have_slept();
            if compares_clocks && let Some(actions) = self.slept(machine) {
                // At once: it sees to the other origins.
                return (Some(Timestamp(0)), actions);
            }
            if let Some(grant) = machine.take(&self.environment(tables)) {
                granted = tables.redeem(grant);
            }
            (compares_clocks.then(|| self.next_look()), Actions::none())
        });
        if let Some(next) = compared {
            self.shared.reaper.look_by(next);
        }
        granted
    }

    /// When the reaper is to look again after a connection was used: its looks are how the requests know that it is
    /// time to compare the clocks.
    #[cold]
    pub(super) fn next_look(&self) -> Timestamp {
        self.shared.clock.get().plus(self.shared.reaper_interval())
    }

    #[cold]
    fn slept(&self, machine: &mut Machine) -> Option<Actions> {
        machine.slept(self.shared.sleeps())
    }

    /// Takes a place in the queue, and begins a connect if one is missing. Where the request is observed, the search is
    /// told why none of the connections carries it, and what it waits for; nothing if it was served at once.
    pub(crate) fn wait(
        self: &Arc<Self>,
        waiter: &Arc<Waiter<Granted<C>>>,
        search: &mut Option<Box<Search>>,
    ) -> Result<WaiterKey, Refused> {
        // A connect that waits for the end of the backoff makes room when that is over, and one that looks for a
        // connection to be lent when it has found none.
        let begins_later =
            |machine: &Machine| machine.is_connecting() || machine.pause_until(self.shared.now()).is_some();
        if self.shared.must_make_room()
            && !self.ask(|machine, tables| begins_later(machine) || machine.may_look(&self.environment(tables)))
            && let Some(host) = self.host.upgrade()
        {
            host.reclaim();
        }
        let config = &self.shared.config;
        let place = self.step(|machine, tables| {
            if machine.is_closed() || self.shared.is_closed() {
                return (Err(None), Actions::none());
            }
            if let Some(search) = search {
                Self::pass_over(machine, tables, search);
            }
            match machine.enqueue(config) {
                Ok(key) => {
                    // Before it looks for a stream. Each change of this reads the one before: either whoever frees a
                    // stream from now on sees that somebody waits, or it is seen here to be free.
                    self.waiting.swap(true, AcqRel);
                    tables.waiters.set(key, Arc::clone(waiter));
                    let served = machine.serve(config, &self.environment(tables));
                    *search = search.take().and_then(|search| match served.refusal(key) {
                        Some(full) => Some(Self::refused(search, full)),
                        None => self.came_of(search, machine, tables, key),
                    });
                    (Ok(key), served)
                }
                Err(full) => {
                    *search = search.take().map(|search| Self::refused(search, full));
                    (Err(Some(full)), Actions::none())
                }
            }
        });
        place.map_err(|full| match full {
            None => Refused::Stale,
            Some(full) => {
                // The origin may have been made for this request alone.
                self.remove_if_vacant();
                Refused::Full(overloaded(full))
            }
        })
    }

    /// The request behind a waiter was dropped.
    pub(crate) fn cancel(self: &Arc<Self>, key: WaiterKey, waiter: &Waiter<Granted<C>>) {
        let unused = waiter.leave();
        self.step(|machine, tables| {
            let left = machine.cancel(key);
            ((), left.and(self.serve_with(machine, tables)))
        });
        match unused {
            Some(granted) => self.give_back(granted),
            None => self.remove_if_vacant(),
        }
    }

    /// Serves whoever waits.
    #[inline]
    fn serve_with(self: &Arc<Self>, machine: &mut Machine, tables: &Tables<C>) -> Actions {
        if machine.has_waiters() {
            machine.serve(&self.shared.config, &self.environment(tables))
        } else {
            Actions::none()
        }
    }

    /// Something has changed: whoever waits may be served now.
    #[inline]
    pub(crate) fn serve(self: &Arc<Self>) {
        self.step(|machine, tables| ((), self.serve_with(machine, tables)));
    }

    /// A stream has come free: as [`serve`](Self::serve), if somebody may wait for one.
    #[inline]
    fn serve_if_waiting(self: &Arc<Self>) {
        // It writes what it reads, so that whoever comes to wait later sees what is free now.
        if self.waiting.fetch_or(false, AcqRel) {
            self.serve_or_rest();
        }
    }

    /// As [`serve`](Self::serve), and notes if nobody waits.
    #[cold]
    fn serve_or_rest(self: &Arc<Self>) {
        self.step(|machine, tables| {
            if !machine.has_waiters() {
                self.waiting.swap(false, AcqRel);
            }
            ((), self.serve_with(machine, tables))
        });
    }

    pub(crate) fn remove_if_vacant(self: &Arc<Self>) {
        if self.is_vacant()
            && let Some(host) = self.host.upgrade()
        {
            host.remove_vacant(self);
        }
    }

    /// Never again for this key on that connection: it has answered 421.
    pub(crate) fn misdirected(self: &Arc<Self>, connection: &Arc<PooledConnection<C>>) {
        connection.misdirect(&self.key.origin);
        self.leave_coalesced(connection);
    }

    /// Stops using a connection of another name.
    pub(crate) fn leave_coalesced(self: &Arc<Self>, connection: &Arc<PooledConnection<C>>) {
        connection.remove_name(&self.as_user());
        Arc::clone(self).remove(connection);
    }

    /// Whether a connection may still carry this key: one of another name may stop being able to.
    #[inline]
    pub(crate) fn may_use(&self, connection: &PooledConnection<C>) -> bool {
        self.still_carries(connection).is_ok()
    }

    /// As [`may_use`](Self::may_use), with the rule that forbids it.
    #[inline]
    pub(crate) fn still_carries(&self, connection: &PooledConnection<C>) -> Result<(), NotCoalesced> {
        if self.is_home_of(connection) {
            return Ok(());
        }
        can_still_coalesce(&connection.info, || self.shared.runtime.now())
    }

    /// Whether a connection was opened for this origin.
    #[inline]
    pub(crate) fn is_home_of(&self, connection: &PooledConnection<C>) -> bool {
        connection.is_home(self)
    }

    pub(crate) fn as_user(self: &Arc<Self>) -> Arc<dyn ConnectionUser<C>> {
        Arc::clone(self) as _
    }

    fn facts(&self, connection: &PooledConnection<C>) -> Facts {
        Facts {
            own: self.is_home_of(connection),
            exclusive: connection.exclusive,
            expires_at: connection.expires_at,
            idle_timeout: connection.idle_timeout,
            valid_until: self.shared.valid_until(&connection.info),
        }
    }

    /// The key of a connection in this origin's machine.
    fn key_of(&self, connection: &PooledConnection<C>, machine: &Machine, tables: &Tables<C>) -> Option<ConnectionKey> {
        if self.is_home_of(connection) {
            return connection.key();
        }
        let is = |key: &&ConnectionKey| {
            tables.connections.get(**key).is_some_and(|entry| std::ptr::eq(&*entry.connection, connection))
        };
        machine.shared().iter().find(is).copied()
    }
}

pub(crate) fn overloaded(full: Overloaded) -> Error {
    Error::of(Delivery::Unsent, Phase::Acquire, Cause::Overloaded(full))
}

impl<C: Send + 'static> fmt::Debug for OriginPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginPool").field("origin", &self.key.origin).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
impl<C: Send + 'static> OriginPool<C> {
    pub(crate) fn is_locked(&self) -> bool {
        crate::shared::sync::is_locked(&self.locked)
    }
}
