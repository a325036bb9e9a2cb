use crate::{
    connection::PooledConnection,
    exchange::events::CallEvents,
    origin::{OriginPool, waiter::Granted},
};
use skybridge_core::{Cause, CloseReason, ConnInfo, Error, Found, NotUsed, Origin, Phase, Search, TimedOut};
use std::sync::Arc;

/// A connection on loan for one exchange. Dropped before the exchange began, it goes back; dropped during it, the
/// exchange is cancelled: an exclusive connection closes, a shared one only loses the stream.
pub(crate) struct Lease<C: Send + 'static> {
    /// `None` once it was given back.
    handle: Option<C>,
    connection: Arc<PooledConnection<C>>,
    origin: Arc<OriginPool<C>>,
    stage: Stage,
    /// Nothing else was carried before.
    first: bool,
    /// It must not carry another.
    last: bool,
    pub(crate) events: Option<Box<CallEvents>>,
}

/// How far the exchange has got, which decides what becomes of the connection when the lease is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// Nothing was sent.
    Unused,
    Begun,
    /// The response's head is here.
    Answered,
    /// Both directions are over: the connection may carry another.
    Complete,
    /// The connection became something else (101), and is its user's alone.
    Upgraded,
    /// The connection is of no more use.
    Closed(CloseReason),
}

/// A stream that was granted and is of no use.
pub(crate) struct NotRedeemed {
    /// How the connection has ended, if it has.
    pub(crate) error: Option<Error>,
    pub(crate) info: Arc<ConnInfo>,
    pub(crate) wanted: Origin,
    pub(crate) why: NotUsed,
}

impl<C: Send + 'static> Lease<C> {
    #[inline]
    fn new(handle: C, connection: Arc<PooledConnection<C>>, origin: Arc<OriginPool<C>>) -> Self {
        let handle = Some(handle);
        Self { handle, connection, origin, stage: Stage::Unused, first: false, last: false, events: None }
    }

    /// The connection of a grant. One that has ended meanwhile by itself is as good as any other here: its handle says
    /// so when it is made ready.
    ///
    /// # Errors
    /// When the stream was given back: with how the connection has ended, if it has. In a box, as it is rare.
    #[inline]
    pub(crate) fn redeem(
        granted: Granted<C>,
        origin: Arc<OriginPool<C>>,
        share: impl FnOnce(&C) -> Option<C>,
    ) -> Result<Self, Box<NotRedeemed>> {
        let connection = match granted {
            Granted::Exclusive(handle, connection) => return Ok(Self::new(handle, connection, origin)),
            Granted::Stream(connection) => connection,
        };
        let (mut ended, mut why) = (None, NotUsed::NoStreams);
        if let Err(rule) = origin.still_carries(&connection) {
            why = NotUsed::Coalesced(rule);
            origin.leave_coalesced(&connection);
        } else if connection.slots().capacity == 0 {
            // Granted before the peer lowered its limit to 0: the stream would not be opened for as long as the peer
            // likes.
        } else if let Some(handle) = connection.share(share) {
            return Ok(Self::new(handle, connection, origin));
        } else {
            // Also when it says itself that it takes no more: it must not be found again.
            let error = connection.ending(None);
            connection.drain(error.close_reason());
            why = NotUsed::Ended(connection.close_reason());
            ended = Some(error);
        }
        let (info, wanted) = (Arc::clone(&connection.info), origin.key.origin.clone());
        origin.give_back(Granted::Stream(connection));
        Err(Box::new(NotRedeemed { error: ended, info, wanted, why }))
    }

    #[inline]
    pub(crate) fn info(&self) -> &Arc<ConnInfo> {
        &self.connection.info
    }

    /// The origin that the exchange is with; the connection may be another's.
    pub(crate) fn wanted(&self) -> &Origin {
        &self.origin.key.origin
    }

    #[inline]
    pub(crate) fn connection(&self) -> &Arc<PooledConnection<C>> {
        &self.connection
    }

    #[inline]
    pub(crate) fn is_exclusive(&self) -> bool {
        self.connection.exclusive
    }

    #[inline]
    pub(crate) fn handle(&mut self) -> Option<&mut C> {
        self.handle.as_mut()
    }

    /// It was opened for another origin.
    #[inline]
    pub(crate) fn is_coalesced(&self) -> bool {
        !self.origin.is_home_of(&self.connection)
    }

    /// The observer is told why it has this connection and not another, if there is more to tell. `waited`: it was told
    /// already why it had none before.
    #[cold]
    pub(super) fn tell_taken(&self, events: &mut CallEvents, waited: bool) {
        let slots = self.connection.slots();
        let found = match self.connection.exclusive {
            true => Found::Idle,
            false => Found::Stream { in_use: slots.in_use, limit: slots.capacity },
        };
        let mut search = Search::new(self.origin.key.origin.clone(), found);
        if !waited && !self.connection.exclusive {
            self.origin.pass_over_beside(&self.connection, &mut search);
        }
        events.searched(self.connection.info.id, search);
    }

    /// The connection was dead when it was used again: those that have been idle for longer are no better.
    pub(super) fn close_older_siblings(&self) {
        self.origin.close_older_siblings(&self.connection);
    }

    /// The connection has ended before it carried anything. True when that happens again and again.
    pub(super) fn never_carried(&self, error: &Error) -> bool {
        !self.is_coalesced() && self.origin.never_carried(&self.connection, error.close_reason())
    }

    /// A time limit ends the exchange.
    pub(super) fn tell_timed_out(&mut self) {
        if let Some(handle) = &mut self.handle {
            self.connection.timed_out(handle);
        }
    }

    /// The connection has answered 421 for this origin.
    pub(crate) fn misdirected(&self) {
        self.origin.misdirected(&self.connection);
    }

    /// An exclusive connection that has carried nothing yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.connection.exclusive && self.connection.is_fresh()
    }

    /// Whether its exchange is the first that the connection carries, and its failure was not reported.
    #[inline]
    pub(crate) fn is_first(&self) -> bool {
        self.first
    }

    /// Whether nothing else was carried before, and that was not asked before.
    #[inline]
    pub(crate) fn take_first(&mut self) -> bool {
        std::mem::take(&mut self.first)
    }

    /// Whether there is an exchange that isn't over.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.stage, Stage::Begun | Stage::Answered)
    }

    /// Whether the response's head is here, and its end isn't.
    pub(super) fn is_answered(&self) -> bool {
        self.stage == Stage::Answered
    }

    /// How far the exchange has got, as a phase.
    pub(super) fn phase(&self) -> Phase {
        if self.stage == Stage::Answered { Phase::Body } else { Phase::Wait }
    }

    /// So many bytes of the response's body were read.
    pub(crate) fn read(&mut self, bytes: usize) {
        if let Some(events) = &mut self.events {
            events.read(bytes);
        }
    }

    /// The response's head is here.
    #[inline]
    pub(crate) fn answered(&mut self) {
        self.stage = Stage::Answered;
    }

    /// The exchange begins: from here on a drop cancels it.
    #[inline]
    pub(crate) fn begin(&mut self, max_requests: Option<u64>) {
        let before = self.connection.begin_exchange();
        self.stage = Stage::Begun;
        self.first = before == 0;
        if max_requests.is_some_and(|max| before + 1 >= max) {
            self.last = true;
            if !self.connection.exclusive {
                self.connection.drain(CloseReason::MaxRequests);
            }
        }
    }

    /// From here on it speaks something else: it is no connection of the pool any more.
    pub(crate) fn upgrade(&mut self) {
        self.stage = Stage::Upgraded;
        self.connection.drain(CloseReason::Upgraded);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.stage == Stage::Upgraded
    }

    /// The exchange is complete, in both directions: dropped from here on, the connection may carry another.
    #[inline]
    pub(crate) fn set_complete(&mut self) {
        self.stage = Stage::Complete;
    }

    /// The exchange is over and was not complete: an exclusive connection closes, a shared one loses the stream.
    pub(crate) fn abort(mut self, reason: CloseReason) {
        self.set_closed(reason);
    }

    /// As [`abort`](Self::abort), once it is dropped. The first reason stays.
    pub(crate) fn set_closed(&mut self, reason: CloseReason) {
        self.stage = Stage::Closed(reason);
        if self.connection.exclusive {
            self.connection.set_close_reason(reason);
        }
    }

    /// Whether the connection may carry another exchange, if this one gets to its end.
    pub(crate) fn can_be_kept(&self) -> bool {
        !self.last && self.connection.is_open()
    }

    /// Whether the connection may carry another exchange, which a shared one may anyway.
    #[inline]
    fn is_kept(&self) -> bool {
        match self.stage {
            Stage::Unused => true,
            Stage::Complete => !self.last,
            Stage::Begun | Stage::Answered | Stage::Upgraded | Stage::Closed(_) => false,
        }
    }

    /// Why an exclusive connection is not kept.
    #[cold]
    fn close_reason(&self) -> CloseReason {
        match self.stage {
            Stage::Unused | Stage::Complete => CloseReason::MaxRequests,
            Stage::Begun => CloseReason::Cancelled,
            Stage::Answered => CloseReason::Unread,
            Stage::Upgraded => CloseReason::Upgraded,
            Stage::Closed(reason) => reason,
        }
    }
}

/// Gives a connection back when it is dropped.
struct GiveBack<'a, C: Send + 'static>(&'a mut Lease<C>);

impl<C: Send + 'static> Drop for GiveBack<'_, C> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl<C: Send + 'static> Lease<C> {
    /// It is dropped in the middle of an exchange.
    #[cold]
    fn cut_off(&mut self) {
        match (TimedOut::ending(), self.stage) {
            (Some(limit), _) => self.dropped(Cause::TimedOut(limit)),
            (None, Stage::Begun) => self.dropped(Cause::Cancelled),
            (None, _) => {}
        }
    }

    /// The observer's events. Whatever becomes of that, the connection goes back.
    #[cold]
    fn release_observed(&mut self) {
        let events = self.events.take();
        let lease = GiveBack(self);
        if let Some(mut events) = events {
            events.released(lease.0.connection.info.id);
        }
    }

    #[inline]
    fn give_back(&mut self) {
        if self.connection.exclusive && self.is_kept() {
            return self.origin.put_back(&self.connection, &mut self.handle);
        }
        let Some(handle) = self.handle.take() else { return };
        let Self { connection, origin, .. } = self;
        if connection.exclusive {
            return self.connection.close_with(handle, self.close_reason());
        }
        if self.stage == Stage::Unused {
            connection.not_begun();
        }
        match self.stage {
            Stage::Unused | Stage::Complete => connection.reuse(handle),
            // A stream that is under way is reset by dropping its handle.
            _ => drop(handle),
        }
        origin.release(connection);
    }
}

impl<C: Send + 'static> Drop for Lease<C> {
    #[inline]
    fn drop(&mut self) {
        if self.has_begun() {
            self.cut_off();
        }
        if self.events.is_some() {
            return self.release_observed();
        }
        self.give_back();
    }
}
