use crate::connection::PooledConnection;
use std::{fmt, sync::Arc};

/// An idle exclusive connection that its origin has lent to another one, to which the same proxy forwards. Dropped, it
/// goes back.
pub(crate) struct Lent<C: Send + 'static> {
    /// `None` once it was taken.
    handle: Option<C>,
    connection: Arc<PooledConnection<C>>,
}

/// The other origin can't have it: it stays with its own, or it has ended meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotLent;

impl<C: Send + 'static> Lent<C> {
    /// From its home, if it is idle there.
    pub(crate) fn of(connection: Arc<PooledConnection<C>>) -> Option<Self> {
        let handle = connection.home()?.lend(&connection)?;
        Some(Self { handle: Some(handle), connection })
    }

    pub(crate) fn connection(&self) -> &Arc<PooledConnection<C>> {
        &self.connection
    }

    /// Takes it from its home for good, once it is `forwarded` elsewhere.
    pub(crate) fn take(mut self, forwarded: impl FnOnce(&mut C) -> bool) -> Result<C, NotLent> {
        if !self.handle.as_mut().is_some_and(forwarded) {
            self.connection.set_stays();
            return Err(NotLent);
        }
        let handle = self.handle.take().ok_or(NotLent)?;
        if self.connection.leave_home() {
            return Ok(handle);
        }
        self.connection.close_with(handle, self.connection.close_reason());
        Err(NotLent)
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
