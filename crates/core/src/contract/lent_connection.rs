//! A connection that one of several has at a time, or all, where it can be shared.

use crate::{Connection, Delivery, Error, Phase, sync::Mutex};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// What is given back in any case: what is left of its exchange is the connection's to read or to cut off.
pub(super) struct Returning<C>(pub(super) Lent<C>);

/// Where the connection is while nobody has it, or all the time, if it can be shared.
struct Store<C>(Mutex<Returned<C>>);

struct Returned<C> {
    connection: Option<C>,
    /// It was closed in an exchange: it doesn't come back.
    is_lost: bool,
    /// The clones that wait for it. All are woken: one that is woken may never ask.
    waiting: Vec<(u64, Waker)>,
    next_place: u64,
}

/// A clone's place among those that wait.
pub(super) struct Place<C> {
    store: Arc<Store<C>>,
    number: u64,
}

/// A connection in an exchange.
pub(super) struct Lent<C> {
    pub(super) connection: Option<C>,
    /// Where it goes back; `None` for a handle of its own, which ends here.
    store: Option<Arc<Store<C>>>,
}

// === impl Store ===

impl<C> Store<C> {
    fn put(&self, connection: Option<C>) {
        let waiting = {
            let mut returned = self.0.lock();
            returned.is_lost |= connection.is_none();
            returned.connection = connection;
            mem::take(&mut returned.waiting)
        };
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

// === impl Place ===

impl<C> Place<C> {
    /// Of this connection, the first of all.
    pub(super) fn of(connection: C) -> Self {
        let returned = Returned { connection: Some(connection), is_lost: false, waiting: Vec::new(), next_place: 0 };
        Self::at(Arc::new(Store(Mutex::new(returned))))
    }

    /// Another of the same connection.
    pub(super) fn another(&self) -> Self {
        Self::at(Arc::clone(&self.store))
    }

    fn at(store: Arc<Store<C>>) -> Self {
        let number = {
            let mut returned = store.0.lock();
            returned.next_place += 1;
            returned.next_place
        };
        Self { store, number }
    }

    /// A handle to the connection, or the connection itself when nobody else has it.
    pub(super) fn poll_lent<B>(&self, cx: &mut Context<'_>) -> Poll<Result<Lent<C>, Error>>
    where
        C: Connection<B>,
    {
        let mut returned = self.store.0.lock();
        if let Some(handle) = returned.connection.as_ref().and_then(Connection::share) {
            return Poll::Ready(Ok(Lent { connection: Some(handle), store: None }));
        }
        if let connection @ Some(_) = returned.connection.take() {
            return Poll::Ready(Ok(Lent { connection, store: Some(Arc::clone(&self.store)) }));
        }
        if returned.is_lost {
            return Poll::Ready(Err(closed()));
        }
        match returned.waiting.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => returned.waiting.push((self.number, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl<C> Drop for Place<C> {
    fn drop(&mut self) {
        let mut returned = self.store.0.lock();
        let at = returned.waiting.iter().position(|(number, _)| *number == self.number);
        let waker = at.map(|at| returned.waiting.swap_remove(at));
        drop(returned);
        drop(waker);
    }
}

// === impl Lent ===

impl<C> Lent<C> {
    /// Of a service that was not ready.
    pub(super) fn none() -> Self {
        Self { connection: None, store: None }
    }

    pub(super) fn take(&mut self) -> Self {
        Self { connection: self.connection.take(), store: self.store.take() }
    }

    /// The exchange is over, or left to the connection to bring to its end.
    pub(super) fn give_back(&mut self) {
        let connection = self.connection.take();
        if let (Some(store), Some(connection)) = (self.store.take(), connection) {
            store.put(Some(connection));
        }
    }
}

impl<C> Drop for Returning<C> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<C> Drop for Lent<C> {
    /// In the middle of an exchange, which ends with it.
    fn drop(&mut self) {
        let connection = self.connection.take();
        if let Some(store) = self.store.take().filter(|_| connection.is_some()) {
            drop(connection);
            store.put(None);
        }
    }
}

pub(super) fn closed() -> Error {
    Error::new(Delivery::Unsent, Phase::Acquire, "the connection was closed with an exchange that was given up")
}
