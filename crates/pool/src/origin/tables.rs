//! What the machine's keys stand for, and so what it is that is to be done when it has decided.

use super::{
    pending_connect::PendingConnect,
    table::Table,
    waiter::{Delivered, Granted, Waiter},
};
use crate::{
    connection::PooledConnection,
    machine::{
        action::{Action, Grant},
        connections::{ConnectionKey, Member},
        connects::Connecting,
        queue::Waiting,
    },
    shared::Shared,
};
use skybridge_core::{CloseReason, Error};
use std::sync::Arc;

/// What the machine's keys stand for.
pub(super) struct Tables<C: Send + 'static> {
    pub(super) waiters: Table<Waiting, Arc<Waiter<Granted<C>>>>,
    pub(super) connects: Table<Connecting, Arc<PendingConnect>>,
    pub(super) connections: Table<Member, Entry<C>>,
}

pub(super) struct Entry<C: Send + 'static> {
    pub(super) connection: Arc<PooledConnection<C>>,
    /// That of an exclusive connection while it is idle.
    pub(super) handle: Option<C>,
}

/// An [`Action`] with what its keys stood for.
pub(super) enum Effect<C: Send + 'static> {
    Deliver(Arc<Waiter<Granted<C>>>, Delivered<Granted<C>>),
    Fail(Arc<Waiter<Granted<C>>>, Error),
    Connect(Arc<PendingConnect>, Arc<Waiter<Granted<C>>>),
    Notify(Arc<PendingConnect>),
    Close(C, Arc<PooledConnection<C>>, CloseReason),
    Drain(Arc<PooledConnection<C>>, CloseReason),
    DrainUnused(Arc<PooledConnection<C>>, CloseReason),
    Suspect(Arc<PooledConnection<C>>),
    LeaveCoalesced(Arc<PooledConnection<C>>),
    WantPermit,
}

impl<C: Send + 'static> Tables<C> {
    pub(super) fn new() -> Self {
        Self { waiters: Table::new(), connects: Table::new(), connections: Table::new() }
    }

    /// The connection of a grant.
    #[inline]
    pub(super) fn redeem(&mut self, grant: Grant) -> Option<Granted<C>> {
        let entry = self.connections.get_mut(grant.connection())?;
        let connection = Arc::clone(&entry.connection);
        Some(match grant {
            Grant::Exclusive(_) => Granted::Exclusive(entry.handle.take()?, connection),
            Grant::Stream(_) => Granted::Stream(connection),
        })
    }

    /// Puts in place of each key what it stands for. How long the steps of a connect may take is noted here, under the
    /// lock, so that the requests that join and leave it are counted in that order.
    #[cold]
    pub(super) fn resolve(&mut self, actions: Vec<Action>, shared: &Shared) -> Vec<Effect<C>> {
        let mut effects = Vec::with_capacity(actions.len());
        effects.extend(actions.into_iter().filter_map(|action| self.resolve_one(action, shared)));
        effects
    }

    fn resolve_one(&mut self, action: Action, shared: &Shared) -> Option<Effect<C>> {
        Some(match action {
            Action::Deliver { waiter, grant, initiator, joined } => {
                let granted = self.redeem(grant)?;
                Effect::Deliver(self.waiters.take(waiter)?, Delivered { granted, initiator, joined })
            }
            Action::Fail(waiter, error) => Effect::Fail(self.waiters.take(waiter)?, error),
            Action::Connect(key, waiter, failures) => {
                let connect = PendingConnect::new(key, failures, shared.runtime.now(), shared.timeouts.clone());
                self.connects.set(key, Arc::clone(&connect));
                Effect::Connect(connect, Arc::clone(self.waiters.get(waiter)?))
            }
            Action::BackUp { connect: key, beside, waiter } => {
                // It has no more time than the one beside it.
                let began = self.connects.get(beside)?.began;
                let connect = PendingConnect::new(key, 0, began, shared.timeouts.clone());
                self.connects.set(key, Arc::clone(&connect));
                Effect::Connect(connect, Arc::clone(self.waiters.get(waiter)?))
            }
            Action::Join(waiter, connect) => {
                let (waiter, connect) = (self.waiters.get(waiter)?, self.connects.get(connect)?);
                if !connect.timeouts.join(&waiter.context.timeouts) {
                    return None;
                }
                Effect::Notify(Arc::clone(connect))
            }
            Action::Leave { waiter, connect, last } => {
                let (waiter, connect) = (self.waiters.get(waiter)?, self.connects.get(connect)?);
                let changed = connect.timeouts.leave(&waiter.context.timeouts);
                if !last && !changed {
                    return None;
                }
                Effect::Notify(Arc::clone(connect))
            }
            Action::Forget(waiter) => {
                // Not the last: its request has it in hand.
                self.waiters.take(waiter);
                return None;
            }
            Action::Notify(connect) => Effect::Notify(Arc::clone(self.connects.get(connect)?)),
            Action::Close(key, reason) => {
                let entry = self.connections.get_mut(key)?;
                Effect::Close(entry.handle.take()?, Arc::clone(&entry.connection), reason)
            }
            Action::Drain(key, reason) => Effect::Drain(self.connection(key)?, reason),
            Action::DrainUnused(key, reason) => Effect::DrainUnused(self.connection(key)?, reason),
            Action::Suspect(key) => Effect::Suspect(self.connection(key)?),
            Action::LeaveCoalesced(key) => Effect::LeaveCoalesced(self.connection(key)?),
            Action::WantPermit => Effect::WantPermit,
        })
    }

    pub(super) fn connection(&self, key: ConnectionKey) -> Option<Arc<PooledConnection<C>>> {
        self.connections.get(key).map(|entry| Arc::clone(&entry.connection))
    }
}
