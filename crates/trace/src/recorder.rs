use crate::{Facts, Recorded, Timeline, What};
use skybridge_core::{CallId, ConnectionId, Event, Observe, sync::Mutex};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, MutexGuard},
    time::Instant,
};

const EVENTS: usize = 16 * 1024;
/// The facts of so many connections outlive the events that told of them.
const CONNECTIONS: usize = 1024;

/// Keeps the latest events.
///
/// It never grows beyond its bound: when it is full, the oldest event goes. An event costs one short lock and, unless it tells of a new
/// connection or of an error, no allocation.
pub struct Recorder {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Recorded>,
    connections: BTreeMap<ConnectionId, Arc<Facts>>,
    began: Option<Instant>,
    lost: u64,
}

// === impl Recorder ===

impl Recorder {
    /// Keeps the latest 16 384 events.
    pub fn new() -> Arc<Self> {
        Self::of(EVENTS)
    }

    /// Keeps the latest so many events.
    pub fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, kept: Mutex::default() })
    }

    /// The events, the oldest first.
    pub fn events(&self) -> Vec<Recorded> {
        self.kept().events.iter().cloned().collect()
    }

    /// The events of one call, the oldest first. What happened to a connection belongs to the call that opened it.
    pub fn of_call(&self, call: CallId) -> Vec<Recorded> {
        self.kept().events.iter().filter(|event| event.call == Some(call)).cloned().collect()
    }

    /// The events as JSON, one object a line, the oldest first: see [`Recorded::json`]. Times count from the first event there ever was.
    pub fn json_lines(&self) -> String {
        let kept = self.kept();
        let line = |began| move |event: &Recorded| event.json(began) + "\n";
        kept.began.map(|began| kept.events.iter().map(line(began)).collect()).unwrap_or_default()
    }

    /// What is known of a connection.
    pub fn connection(&self, id: ConnectionId) -> Option<Arc<Facts>> {
        self.kept().connections.get(&id).cloned()
    }

    /// How many events went because there was no more room.
    pub fn lost(&self) -> u64 {
        self.kept().lost
    }

    /// What became of a call, by now.
    pub fn timeline(&self, call: CallId) -> Timeline {
        let kept = self.kept();
        Timeline::new(call, kept.events.iter(), |id| kept.connections.get(&id).cloned())
    }

    /// Forgets all events.
    pub fn clear(&self) {
        self.kept().events.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Each change is whole before anything that could panic.
        self.kept.lock()
    }
}

impl Observe for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let event = Recorded::from(event);
        let mut kept = self.kept();
        kept.began.get_or_insert(event.at);
        if let (Some(id), What::Created(facts)) = (event.connection, &event.what) {
            kept.connections.insert(id, Arc::clone(facts));
            if kept.connections.len() > CONNECTIONS {
                kept.connections.pop_first();
            }
        }
        while kept.events.len() >= self.most.max(1) {
            kept.events.pop_front();
            kept.lost += 1;
        }
        kept.events.push_back(event);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept();
        f.debug_struct("Recorder").field("events", &kept.events.len()).field("lost", &kept.lost).finish_non_exhaustive()
    }
}
