//! How an idle connection to a proxy that forwards changes its origin: its home lends it, and it leaves for good.

use super::{ConnectionUser, PooledConnection, slots::StreamSlots};
use skybridge_core::ConnInfo;
use std::{
    fmt,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
};

/// An idle exclusive connection that its origin has lent to another one, to which the same proxy forwards. Dropped, it
/// goes back.
pub(crate) struct Lent<C: Send + 'static> {
    /// `None` once it was taken.
    handle: Option<C>,
    connection: Arc<PooledConnection<C>>,
}

/// It was opened for another origin, which nobody has been told yet.
const OF_ANOTHER: u8 = 4;
/// It stays with its origin.
const STAYS: u8 = 8;

impl<C: Send + 'static> Lent<C> {
    /// From its home, if it is idle there.
    pub(crate) fn of(connection: Arc<PooledConnection<C>>) -> Option<Self> {
        let handle = connection.home()?.lend(&connection)?;
        Some(Self { handle: Some(handle), connection })
    }

    pub(crate) fn connection(&self) -> &Arc<PooledConnection<C>> {
        &self.connection
    }

    /// Takes it from its home for good, once it is `forwarded` elsewhere; and whether the permit of its socket comes
    /// with it. `None` when it stays there, or has ended meanwhile.
    pub(crate) fn take(mut self, forwarded: impl FnOnce(&mut C) -> bool) -> Option<(C, bool)> {
        if !self.handle.as_mut().is_some_and(forwarded) {
            self.connection.told.fetch_or(STAYS, Relaxed);
            return None;
        }
        let handle = self.handle.take()?;
        if let Some(permit) = self.connection.leave_home() {
            return Some((handle, permit));
        }
        self.connection.close_with(handle, self.connection.close_reason());
        None
    }
}

impl<C: Send + 'static> PooledConnection<C> {
    /// The same exclusive connection for another origin, whose it is from now on: as old as it was, and as used.
    pub(crate) fn for_another(
        &self,
        info: Arc<ConnInfo>,
        home: Weak<dyn ConnectionUser<C>>,
        failures: u8,
    ) -> Arc<Self> {
        let (shared, slots) = (Arc::clone(&self.shared), StreamSlots::exclusive());
        let mut another = Self::new(info, slots, true, home, shared, self.ask, failures);
        if let Some(another) = Arc::get_mut(&mut another) {
            another.expires_at = self.expires_at;
            *another.exchanges.get_mut() = self.exchanges.load(Relaxed);
            *another.told.get_mut() = OF_ANOTHER;
        }
        another
    }

    /// Its origin has lent it for good: what happens to it is none of its business any more. Whether its permit goes
    /// with it; `None` when it has ended before.
    fn leave_home(&self) -> Option<bool> {
        self.slots.drain()?;
        let left = self.slots.close();
        let Some(home) = self.home() else { return left.then_some(false) };
        // Whoever closed it in between has found that it drained, and left this to us.
        Arc::clone(&home).remove(self);
        left.then(|| home.lent(self))
    }

    /// It can't be taken to another origin, as has turned out.
    pub(crate) fn stays(&self) -> bool {
        self.told.load(Relaxed) & STAYS > 0
    }

    /// Whether this exclusive connection has carried exchanges before the present one.
    pub(crate) fn has_carried_others(&self) -> bool {
        self.exclusive && self.exchanges.load(Relaxed) > 1
    }

    /// Whether it was opened for another origin. Once: then it has been told.
    #[cold]
    pub(crate) fn is_of_another(&self) -> bool {
        self.told.load(Relaxed) & OF_ANOTHER > 0 && self.told.fetch_and(!OF_ANOTHER, Relaxed) & OF_ANOTHER > 0
    }
}

impl<C: Send + 'static> Drop for Lent<C> {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        match self.connection.home() {
            Some(home) => home.take_back(&self.connection, handle),
            None => self.connection.close_with(handle, self.connection.close_reason()),
        }
    }
}

impl<C: Send + 'static> fmt::Debug for Lent<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("connection", &self.connection).finish_non_exhaustive()
    }
}
