//! How a connection ends: it takes no new exchanges, leaves its origins, and is closed, for the first reason given.

use super::{PooledConnection, Question};
use skybridge_core::{Cause, CloseReason, Delivery, Error, EventKind, Phase};
use std::sync::Arc;

impl<C: Send + 'static> PooledConnection<C> {
    /// Takes no new exchanges; those that run end as they will.
    pub(crate) fn drain(&self, reason: CloseReason) {
        // First: whoever sees that it drains, on another thread, may close it and has to say why.
        self.set_close_reason(reason);
        if let Some(in_use) = self.slots.drain() {
            self.drained(reason, in_use);
        }
    }

    /// Drains it if nobody uses it. True when it did.
    pub(crate) fn drain_unused(&self, reason: CloseReason) -> bool {
        let drained = self.slots.drain_unused();
        if drained {
            self.drained(reason, 0);
        }
        drained
    }

    fn drained(&self, reason: CloseReason, in_use: u32) {
        let reason = self.set_close_reason(reason);
        // Also when the observer panics.
        let _leave = Leave { connection: self, in_use, reason };
        self.emit(EventKind::Draining(reason));
    }

    /// It is gone. The first reason is reported, the others are not.
    pub(crate) fn close(&self, reason: CloseReason) {
        let reason = self.set_close_reason(reason);
        let (drained_here, closed_here) = (self.slots.drain().is_some(), self.slots.close());
        // First: whoever is told that it is closed finds it gone. Also where another closes it in between, who has
        // found that it drained and leaves this to us.
        if drained_here {
            self.leave_origins();
        }
        if !closed_here {
            return;
        }
        self.handles.wake();
        if let Some(home) = self.home() {
            home.socket_closed(self);
        }
        // Last: nothing hangs on what an observer does.
        self.emit(EventKind::Closed(reason));
    }

    /// Drops a handle and closes it. The reason is set first: the driver may report the end at once, and knows less.
    pub(crate) fn close_with(&self, handle: C, reason: CloseReason) {
        self.set_close_reason(reason);
        drop(handle);
        self.close(reason);
    }

    /// Why it ends: the first reason that was given.
    pub(crate) fn set_close_reason(&self, reason: CloseReason) -> CloseReason {
        *self.close_reason.get_or_init(|| reason)
    }

    /// Its peer refuses one request after the other.
    pub(crate) fn is_refusing(&self) -> bool {
        self.close_reason.get() == Some(&CloseReason::Refusing)
    }

    /// Why it drains.
    pub(crate) fn close_reason(&self) -> CloseReason {
        self.close_reason.get().copied().unwrap_or(CloseReason::Shutdown)
    }

    /// How it has ended before an exchange could begin: as its handle says, which is `given` if it isn't shared, or for
    /// the reason that it was closed for.
    #[cold]
    pub(crate) fn ending(&self, given: Option<&mut C>) -> Error {
        let said = match given {
            Some(handle) => (self.ask)(handle, Question::Ending),
            None => self.handles.ask(|handle| (self.ask)(handle, Question::Ending)),
        };
        let closed = || Error::of(Delivery::Unsent, Phase::Acquire, Cause::ConnectionClosed(self.close_reason()));
        said.unwrap_or_else(closed).on(&self.info)
    }

    /// Leaves all origins, which look for something else for those who wait. True when it was an exclusive one that was
    /// idle.
    fn leave_origins(&self) -> bool {
        self.handles.end(|master| (self.ask)(master, Question::Ending).is_some());
        let origins = self.home().into_iter().chain(self.names.all());
        // Each of them, whatever the others say.
        origins.filter(|origin| Arc::clone(origin).remove(self)).count() > 0
    }
}

/// Takes a connection that drains out of its origins, when it is dropped.
struct Leave<'a, C: Send + 'static> {
    connection: &'a PooledConnection<C>,
    in_use: u32,
    reason: CloseReason,
}

impl<C: Send + 'static> Drop for Leave<'_, C> {
    fn drop(&mut self) {
        let Self { connection, in_use, reason } = *self;
        connection.handles.wake();
        let was_idle = connection.leave_origins();
        if was_idle || in_use == 0 && !connection.exclusive {
            // Nobody is left who could close it later.
            connection.close(reason);
        }
    }
}
