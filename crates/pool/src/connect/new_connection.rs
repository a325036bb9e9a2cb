use crate::{
    connection::{PooledConnection, Question, lent::Lent, listener::Listener, slots::StreamSlots},
    exchange::{as_connect_error, is_of_connection},
    origin::{OriginPool, pending_connect::PendingConnect},
};
use skybridge_core::{Capacity, CloseReason, ConnInfo, ConnectError, Connection, Error, EventKind, Phase, Route};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// A connection that was opened and that no origin has yet. Observers know of it, and its driver already reports to it.
/// Dropping it closes the connection.
pub(crate) struct NewConnection<C: Send + 'static> {
    /// `None` once its origin has it.
    handle: Option<C>,
    connection: Arc<PooledConnection<C>>,
}

impl<C: Send + 'static> NewConnection<C> {
    /// `failures`: how many there had been in a row when its connect began.
    pub(crate) fn new<B>(home: &Arc<OriginPool<C>>, handle: C, failures: u8) -> Self
    where
        C: Connection<B>,
    {
        let shared = &home.shared;
        let max = shared.config.max_streams;
        let exclusive = handle.share().is_none();
        let idle = || Arc::clone(&shared.idle);
        // A slot of a shared one is in use until its origin has it, so that it doesn't count as idle before.
        let slots = match handle.capacity() {
            _ if exclusive => StreamSlots::exclusive(),
            Capacity::Streams(capacity) => StreamSlots::shared(capacity.min(max), false, idle()),
            Capacity::Unknown => StreamSlots::shared(shared.config.streams_before_settings.min(max), true, idle()),
            _ => StreamSlots::shared(0, false, idle()),
        };
        let user = Arc::downgrade(&home.as_user());
        let info = Arc::clone(handle.info());
        let connection = PooledConnection::new(info, slots, exclusive, user, Arc::clone(shared), ask::<C, B>, failures);
        connection.emit(EventKind::Created(&connection.info));
        handle.subscribe(Listener::new(&connection, max));
        connection.subscribe_to_settings();
        Self { handle: Some(handle), connection }
    }

    /// Makes an exclusive one that is `lent` by another origin this one's, to be reached by this route: the same proxy
    /// forwards to both. `None` when it can't have it.
    pub(crate) fn of_another<B>(
        home: &Arc<OriginPool<C>>,
        lent: Lent<C>,
        route: &Route,
        connect: &PendingConnect,
    ) -> Option<Self>
    where
        C: Connection<B>,
    {
        let before = Arc::clone(lent.connection());
        let mut info = ConnInfo::clone(&before.info);
        info.route = route.clone();
        // Its attempt is in that log, and whoever was told that it was made is told of its end.
        info.route.target.ctx = before.info.route.ctx().clone();
        let info = Arc::new(info);
        let (handle, permit) = lent.take(|handle| handle.forward_to(&info))?;
        if permit {
            home.take_permit(connect);
        }
        let connection = before.for_another(info, Arc::downgrade(&home.as_user()), connect.failures);
        // After it has left its home: whatever ends it is told to one of the two.
        handle.subscribe(Listener::new(&connection, home.shared.config.max_streams));
        connection.subscribe_to_settings();
        Some(Self { handle: Some(handle), connection })
    }

    pub(crate) fn connection(&self) -> &Arc<PooledConnection<C>> {
        &self.connection
    }

    /// Gives it to its origin.
    ///
    /// # Errors
    /// When the connection has ended before that, or its origin has: with what is known of it. Also where its settings
    /// of TLS were replaced before: from then on nobody is given it.
    pub(crate) fn publish(mut self, home: &Arc<OriginPool<C>>, connect: &PendingConnect) -> Result<(), ConnectError> {
        let connection = &self.connection;
        let mut handle = self.handle.take();
        if !connection.exclusive
            && let Some(master) = handle.take()
        {
            connection.start_sharing(master);
        }
        if home.connected(connect, connection, &mut handle) {
            return Ok(());
        }
        let error = connection.ending(handle.as_mut()).in_phase(Phase::Handshake);
        if is_of_connection(&error) && !connection.is_of_another() {
            connection.report_unused(&error);
        }
        drop(handle);
        connection.close(connection.close_reason());
        Err(connection.info.mark(as_connect_error(error)))
    }
}

fn ask<C: Connection<B>, B>(handle: &mut C, question: Question<'_, C>) -> Option<Error> {
    match question {
        Question::Ending => {
            if let Poll::Ready(Err(error)) = handle.poll_ready(&mut Context::from_waker(Waker::noop())) {
                return Some(error);
            }
        }
        Question::TimedOut => handle.timed_out(),
        Question::Share(other) => *other = handle.share(),
        Question::Suspect => handle.suspect(),
    }
    None
}

impl<C: Send + 'static> Drop for NewConnection<C> {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            let no_streams = self.connection.allows_no_streams();
            self.connection.close_with(handle, if no_streams { CloseReason::Protocol } else { CloseReason::Shutdown });
        }
    }
}

impl<C: Send + 'static> fmt::Debug for NewConnection<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewConnection").field("connection", &self.connection).finish_non_exhaustive()
    }
}
