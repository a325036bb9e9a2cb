use crate::{Facts, Recorded, RecordedKind, Timeline, Timelines, lanes, rows::Rows};
use skybridge_core::{CallId, ConnectionId, Event, Observe, sync::Mutex};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{Arc, MutexGuard},
    time::Instant,
};

const EVENTS: usize = 16 * 1024;
/// The most connections whose facts are kept after their events were dropped.
const CONNECTIONS: usize = 1024;

/// Keeps the latest events. Its capacity is bounded: when it is full, the oldest event is dropped. An event costs one
/// short lock and, except for new connections and errors, no allocation.
pub struct Recorder {
    most: usize,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    events: VecDeque<Recorded>,
    connections: BTreeMap<ConnectionId, Arc<Facts>>,
    began: Option<Instant>,
    dropped: u64,
    /// How many calls have begun.
    calls: u64,
}

// === impl Recorder ===

impl Recorder {
    /// Keeps the latest 16,384 events.
    pub fn new() -> Arc<Self> {
        Self::with_capacity(EVENTS)
    }

    /// Keeps at most this many events.
    pub fn with_capacity(events: usize) -> Arc<Self> {
        Arc::new(Self { most: events, store: Mutex::default() })
    }

    /// The events, the oldest first.
    pub fn events(&self) -> Vec<Recorded> {
        self.store().events.iter().cloned().collect()
    }

    /// The events of one call, the oldest first. What happened to a connection belongs to the call that opened it.
    pub fn call_events(&self, call: CallId) -> Vec<Recorded> {
        self.store().events.iter().filter(|event| event.call == Some(call)).cloned().collect()
    }

    /// The events as JSON, one object per line, the oldest first: see [`Recorded::json`]. Times count from the first
    /// event ever recorded.
    pub fn json_lines(&self) -> String {
        let store = self.store();
        let line = |began| move |event: &Recorded| event.json(began) + "\n";
        store.began.map(|began| store.events.iter().map(line(began)).collect()).unwrap_or_default()
    }

    /// The facts of a connection.
    pub fn connection(&self, id: ConnectionId) -> Option<Arc<Facts>> {
        self.store().connections.get(&id).cloned()
    }

    /// How many events were dropped because the recorder was full.
    pub fn dropped(&self) -> u64 {
        self.store().dropped
    }

    /// The timeline of a call, as far as it has been recorded.
    pub fn timeline(&self, call: CallId) -> Timeline {
        let store = self.store();
        Timeline::of(call, store.events.iter(), |id| store.connections.get(&id).cloned())
    }

    /// The timelines of all calls whose beginning is among the events that are kept, on one axis.
    pub fn timelines(&self) -> Timelines {
        let store = self.store();
        let mut calls = Vec::<Rows>::new();
        let mut places = HashMap::new();
        for event in &store.events {
            let is_whole = store.dropped == 0 || matches!(event.kind, RecordedKind::CallStarted { .. });
            if let Some(call) = event.call.filter(|_| is_whole) {
                places.entry(call).or_insert_with(|| {
                    calls.push(Rows::new(call));
                    calls.len() - 1
                });
            }
            match event.call.and_then(|call| calls.get_mut(*places.get(&call)?)) {
                Some(rows) if !event.is_of_connection() => rows.add(event),
                _ if event.is_of_connection() => {
                    calls.iter_mut().filter(|rows| rows.concerns(event)).for_each(|rows| rows.add(event));
                }
                _ => {}
            }
        }
        let facts = |id| store.connections.get(&id).cloned();
        let timelines = calls.into_iter().map(|mut rows| {
            rows.finish();
            Timeline::new(rows, facts)
        });
        let events = store.events.iter();
        Timelines::new(timelines.collect(), store.calls, |began| lanes::lanes(events, began, facts))
    }

    /// Removes all events.
    pub fn clear(&self) {
        self.store().events.clear();
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A panic can't have left it inconsistent.
        self.store.lock()
    }
}

impl Observe for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let event = Recorded::from(event);
        let mut store = self.store();
        store.began.get_or_insert(event.at);
        store.calls += u64::from(matches!(event.kind, RecordedKind::CallStarted { .. }));
        if let (Some(id), RecordedKind::Created(facts)) = (event.connection, &event.kind) {
            store.connections.insert(id, Arc::clone(facts));
            if store.connections.len() > CONNECTIONS {
                store.connections.pop_first();
            }
        }
        while store.events.len() >= self.most.max(1) {
            store.events.pop_front();
            store.dropped += 1;
        }
        store.events.push_back(event);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store();
        f.debug_struct("Recorder")
            .field("events", &store.events.len())
            .field("lost", &store.dropped)
            .finish_non_exhaustive()
    }
}
