use crate::{
    connection::slots::Slots,
    connection::{Record, RecordWatch},
    origin::Bucket,
    origin::pending_connect::Flight,
    registry::Hub,
    shared::held::Held,
};
use skybridge_core::{Capacity, CloseReason, Connection, EventKind};
use std::{fmt, sync::Arc};

/// A connection that a search has opened and that is in no bucket yet. Observers know of it, and its driver already
/// reports to its record. Dropping it closes the connection.
pub(crate) struct Arrival<C: Held> {
    /// `None` once it is in its bucket.
    connection: Option<C>,
    record: Arc<Record<C>>,
}

impl<C: Held> Arrival<C> {
    pub(crate) fn new<B>(hub: &Arc<Hub<C>>, home: &Arc<Bucket<C>>, connection: C) -> Self
    where
        C: Connection<B>,
    {
        let most = hub.config.max_streams;
        let exclusive = connection.share().is_none();
        let slots = match connection.capacity() {
            Capacity::Streams(capacity) => Slots::new(capacity.min(most), false),
            Capacity::Unknown => Slots::new(hub.config.streams_before_settings.min(most), true),
            _ => Slots::new(0, false),
        };
        // The search occupies a slot until the connection is in its bucket, so that it doesn't count as idle before.
        let slots = if exclusive { slots } else { slots.held() };
        let info = Arc::clone(connection.info());
        let record = Record::new(info, slots, exclusive, home, Arc::clone(&hub.idle), hub.times());
        record.emit(EventKind::Created(&record.info));
        connection.subscribe(RecordWatch::new(&record, most));
        Self { connection: Some(connection), record }
    }

    pub(crate) fn record(&self) -> &Arc<Record<C>> {
        &self.record
    }

    /// Puts it in its bucket. False when the connection has ended before that.
    pub(crate) fn publish(mut self, hub: &Arc<Hub<C>>, bucket: &Arc<Bucket<C>>, flight: &Arc<Flight>) -> bool {
        let Some(connection) = self.connection.take() else { return false };
        let record = &self.record;
        let connection = if record.exclusive {
            Some(connection)
        } else {
            record.keep(connection);
            record.starts(hub.clock.get());
            None
        };
        let published = bucket.connected(hub, flight, record, connection);
        if !published {
            record.close(record.drain_reason());
        }
        published
    }
}

impl<C: Held> Drop for Arrival<C> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let takes_none = self.record.takes_none();
            let reason = self.record.because(if takes_none { CloseReason::Protocol } else { CloseReason::Shutdown });
            drop(connection);
            self.record.close(reason);
        }
    }
}

impl<C: Held> fmt::Debug for Arrival<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("record", &self.record).finish_non_exhaustive()
    }
}
