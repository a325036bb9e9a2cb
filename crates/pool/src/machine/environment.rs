use crate::{machine::connections::ConnectionKey, shared::time::Timestamp};
use skybridge_core::Overloaded;

/// What the machine asks while it decides: what others change without asking it. An answer is given at once, and may be
/// another one a moment later, so what is to be taken is taken by the question itself.
pub(crate) trait Environment {
    /// How busy a shared connection is.
    fn load(&self, connection: ConnectionKey) -> Load;

    /// Takes a stream of a shared connection, if there is one.
    fn reserve(&self, connection: ConnectionKey) -> bool;

    /// Lines up for the next free stream of a connection that other names use too. True when there is a free one by
    /// now.
    fn line_up(&self, connection: ConnectionKey) -> bool;

    /// Takes a permit to open one more socket.
    ///
    /// # Errors
    /// When none is free: which limit of the pool that is.
    fn acquire_permit(&self) -> Result<(), Overloaded>;

    /// Which limit of the pool would refuse a permit now.
    fn permit_refused(&self) -> Option<Overloaded>;

    /// Whether another origin may have an idle connection to lend, to a proxy that would forward this one's requests
    /// too.
    fn may_be_lent(&self) -> bool;

    /// Puts this origin into the queue for permits. `starves`: it has no connection. `returns`: it had a permit, for
    /// which there was no descriptor.
    fn queue_for_permit(&self, starves: bool, returns: bool);

    /// Takes this origin out of the queue for permits, where it stood because it had no connection.
    fn leave_permit_queue(&self);

    fn now(&self) -> Timestamp;

    /// Between half and all of a time, at random, so that what waits for it doesn't come back together.
    fn jittered(&self, nanos: u64) -> u64;
}

/// How busy a shared connection is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Load {
    /// Exchanges it carries.
    pub(crate) in_use: u32,
    /// Exchanges it may carry at once.
    pub(crate) capacity: u32,
    /// How many it can carry at once, as its peer has said and its quota allows; `None` while `capacity` is a guess.
    pub(crate) known_capacity: Option<u32>,
    /// It can take one more exchange now.
    pub(crate) has_capacity: bool,
    /// It takes no new exchanges.
    pub(crate) draining: bool,
    /// All exchanges that it may carry in its life are taken.
    pub(crate) used_up: bool,
    /// Its peer allows no streams, and never has.
    pub(crate) allows_none: bool,
    /// Nobody knows whether its peer is alive: it takes none until that is clear.
    pub(crate) suspect: bool,
    /// When it will have been idle for too long, if it is idle.
    pub(crate) idle_until: Option<Timestamp>,
}
