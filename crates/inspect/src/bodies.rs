//! How many bytes of bodies each connection has carried, from the events of the calls that are observed. Nothing is
//! counted on the connection itself, so that one that nobody looks at costs nothing.

use skybridge_core::{ConnectionId, Event, EventKind};
use std::collections::BTreeMap;

/// The most connections whose bytes are counted: of more than that those with the lowest numbers begin anew.
const CONNECTIONS: usize = 1024;

#[derive(Default)]
pub(crate) struct Bodies(BTreeMap<ConnectionId, Carried>);

/// What observed calls have carried on one connection. A body counts when it is over, or given up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Carried {
    /// How many calls these were.
    pub(crate) calls: u64,
    /// The bytes of requests' bodies whose length was declared.
    pub(crate) sent: u64,
    /// How many requests' bodies had no declared length.
    pub(crate) undeclared: u64,
    /// The bytes that were read of responses' bodies.
    pub(crate) read: u64,
}

// === impl Bodies ===

impl Bodies {
    pub(crate) fn note(&mut self, event: &Event<'_>) {
        let Some(id) = event.connection else { return };
        match event.kind {
            EventKind::Acquired(_) => {
                let carried = self.0.entry(id).or_default();
                carried.calls = carried.calls.saturating_add(1);
                // Those whose end was told to another observer would stay.
                if self.0.len() > CONNECTIONS {
                    self.0.pop_first();
                }
            }
            EventKind::RequestBody(bytes) => self.add(id, |carried| match bytes {
                Some(bytes) => carried.sent = carried.sent.saturating_add(bytes),
                None => carried.undeclared = carried.undeclared.saturating_add(1),
            }),
            EventKind::ResponseBody(bytes) => {
                self.add(id, |carried| carried.read = carried.read.saturating_add(bytes));
            }
            EventKind::Closed(_) => _ = self.0.remove(&id),
            _ => {}
        }
    }

    fn add(&mut self, id: ConnectionId, add: impl FnOnce(&mut Carried)) {
        if let Some(carried) = self.0.get_mut(&id) {
            add(carried);
        }
    }

    pub(crate) fn of(&self, id: ConnectionId) -> Carried {
        self.0.get(&id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::{Acquired, CloseReason};
    use std::time::Instant;

    fn tell(bodies: &mut Bodies, id: u64, kind: EventKind<'_>) {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        bodies.note(&Event::new(Instant::now(), None, None, Some(ConnectionId(id)), kind));
    }

    #[test]
    fn a_connection_that_closed_or_was_displaced_is_forgotten() {
        let mut bodies = Bodies::default();
        for id in 1..=CONNECTIONS as u64 + 1 {
            tell(&mut bodies, id, EventKind::Acquired(Acquired::New));
            tell(&mut bodies, id, EventKind::ResponseBody(5));
        }
        assert_eq!((bodies.0.len(), bodies.of(ConnectionId(1)).read, bodies.of(ConnectionId(2)).read), (1024, 0, 5));
        tell(&mut bodies, 2, EventKind::Closed(CloseReason::Idle));
        // What comes late brings nothing back.
        tell(&mut bodies, 2, EventKind::ResponseBody(5));
        tell(&mut bodies, 1, EventKind::RequestBody(Some(5)));
        assert_eq!((bodies.0.len(), bodies.of(ConnectionId(2))), (1023, Carried::default()));
    }
}
