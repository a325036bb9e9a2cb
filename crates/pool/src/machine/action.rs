use crate::machine::{connections::ConnectionKey, connects::ConnectKey, queue::WaiterKey};
use skybridge_core::{Cause, CloseReason, Error, Overloaded};

/// A connection for one exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Grant {
    /// An exclusive connection.
    Exclusive(ConnectionKey),
    /// A stream of a shared one, which is reserved.
    Stream(ConnectionKey),
}

impl Grant {
    #[inline]
    pub(crate) fn connection(self) -> ConnectionKey {
        match self {
            Self::Exclusive(connection) | Self::Stream(connection) => connection,
        }
    }
}

/// What is to be done once the machine's lock is free.
#[derive(Debug)]
pub(crate) enum Action {
    /// Hand a connection to a request, which is not in the queue any more.
    Deliver {
        waiter: WaiterKey,
        grant: Grant,
        /// It was for this request that a connect began.
        initiator: bool,
        /// The connect that the request had joined ended with this connection.
        joined: bool,
    },
    /// Fail a request, which is not in the queue any more.
    Fail(WaiterKey, Error),
    /// Begin to connect, on behalf of a request, after so many failures in a row.
    Connect(ConnectKey, WaiterKey, u8),
    /// Begin one more connect beside one that takes long, on behalf of a request that waits for that.
    BackUp { connect: ConnectKey, beside: ConnectKey, waiter: WaiterKey },
    /// A request has left the queue.
    Forget(WaiterKey),
    /// A request waits for a connect, whose steps may take as long as the request's limits say.
    Join(WaiterKey, ConnectKey),
    /// A request waits for a connect no longer. `last`: nobody does, so its task asks whether to go on.
    Leave { waiter: WaiterKey, connect: ConnectKey, last: bool },
    /// The task of a connect is to ask whether to go on.
    Notify(ConnectKey),
    /// Close an exclusive connection that was idle.
    Close(ConnectionKey, CloseReason),
    /// A connection takes no more exchanges; an exclusive one that is idle closes.
    Drain(ConnectionKey, CloseReason),
    /// The same, unless somebody uses it by now.
    DrainUnused(ConnectionKey, CloseReason),
    /// A shared connection is to find out whether its peer is alive.
    Suspect(ConnectionKey),
    /// Use a connection of another name no longer.
    LeaveCoalesced(ConnectionKey),
    /// A permit for a socket was refused: idle connections of others are to make room.
    WantPermit,
}

/// What is to be done once the machine's lock is free, in this order. `None` is nothing: most often there is nothing,
/// and then there is no list to drop either.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Actions(Option<Vec<Action>>);

impl Actions {
    #[inline]
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// The list, unless there is nothing to do.
    #[inline]
    pub(crate) fn into_list(self) -> Option<Vec<Action>> {
        self.0
    }

    pub(super) fn push(&mut self, action: Action) {
        // Two is what a request that waits leads to.
        self.0.get_or_insert_with(|| Vec::with_capacity(2)).push(action);
    }

    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = Action>) {
        more.into_iter().for_each(|action| self.push(action));
    }

    /// The limit for which this request is refused.
    pub(crate) fn refusal(&self, request: WaiterKey) -> Option<Overloaded> {
        self.0.iter().flatten().find_map(|action| match action {
            Action::Fail(waiter, error) if *waiter == request => match error.cause() {
                Cause::Overloaded(full) => Some(*full),
                _ => None,
            },
            _ => None,
        })
    }

    /// With what is to be done later.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.extend(more);
        self
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::vec::IntoIter<Action>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.unwrap_or_default().into_iter()
    }
}
