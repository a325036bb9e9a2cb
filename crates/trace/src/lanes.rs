//! What each connection carried, from the events of a recording.

use crate::{Facts, Recorded, RecordedKind, json::acquired};
use skybridge_core::{CallId, CloseReason, ConnectionId, Phase};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// The life of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) id: ConnectionId,
    pub(crate) facts: Option<Arc<Facts>>,
    /// When it was there; the beginning, if that isn't known any more.
    pub(crate) opened: Duration,
    pub(crate) closed: Option<(Duration, CloseReason)>,
    /// In the order in which they acquired it.
    pub(crate) carried: Vec<Carried>,
}

/// A call on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) call: CallId,
    pub(crate) how: &'static str,
    /// Since when it waited for a connection.
    since: Duration,
    pub(crate) acquired: Duration,
    released: Option<Duration>,
    pub(crate) parts: Vec<Part>,
}

/// A phase of an exchange.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) phase: Phase,
    pub(crate) start: Duration,
    /// `None` while it is running.
    pub(crate) end: Option<Duration>,
    /// Whether it failed, or was given up; `None` if it ended well.
    pub(crate) failed: Option<bool>,
}

impl Carried {
    pub(crate) fn waits_from(&self) -> Duration {
        self.since.min(self.acquired)
    }

    /// When its place on the connection is free again; never, while it isn't.
    pub(crate) fn ends_at(&self) -> Duration {
        let last = self.parts.iter().map(|part| part.end.unwrap_or(Duration::MAX)).max();
        let is_open = self.released.is_none() && last.is_none();
        if is_open { Duration::MAX } else { last.max(self.released).unwrap_or(self.acquired) }
    }
}

/// The lanes of all connections that these events tell of, in the order of their first.
pub(crate) fn lanes<'a>(
    events: impl Iterator<Item = &'a Recorded>,
    began: Instant,
    facts: impl Fn(ConnectionId) -> Option<Arc<Facts>>,
) -> Vec<Lane> {
    let mut lanes = Vec::<Lane>::new();
    let mut places = HashMap::new();
    let mut since = HashMap::new();
    for event in events {
        let at = event.at.saturating_duration_since(began);
        if let (Some(call), RecordedKind::Started(Phase::Acquire)) = (event.call, &event.kind) {
            since.insert(call, at);
        }
        let Some(id) = event.connection else { continue };
        let place = *places.entry(id).or_insert_with(|| {
            let opened = if matches!(event.kind, RecordedKind::Created(_)) { at } else { Duration::ZERO };
            lanes.push(Lane { id, facts: facts(id), opened, closed: None, carried: Vec::new() });
            lanes.len() - 1
        });
        let Some(lane) = lanes.get_mut(place) else { continue };
        match (&event.kind, event.call) {
            (RecordedKind::Closed(reason), _) => lane.closed = lane.closed.or(Some((at, *reason))),
            (RecordedKind::Acquired(how), Some(call)) => {
                let since = since.get(&call).copied().unwrap_or(at);
                let how = acquired(*how);
                lane.carried.push(Carried { call, how, since, acquired: at, released: None, parts: Vec::new() });
            }
            (kind, Some(call)) => {
                if let Some(carried) = lane.carried.iter_mut().rfind(|carried| carried.call == call) {
                    carried.add(kind, at);
                }
            }
            _ => {}
        }
    }
    lanes
}

impl Carried {
    fn add(&mut self, kind: &RecordedKind, at: Duration) {
        match kind {
            RecordedKind::Started(phase @ (Phase::Send | Phase::Wait | Phase::Body)) => {
                self.parts.push(Part { phase: *phase, start: at, end: None, failed: None });
            }
            RecordedKind::Ended(phase, _) => self.end(*phase, at, None),
            RecordedKind::Failed(phase, ..) => self.end(*phase, at, Some(true)),
            RecordedKind::Dropped(phase, _) => self.end(*phase, at, Some(false)),
            RecordedKind::Released => self.released = Some(at),
            _ => {}
        }
    }

    fn end(&mut self, phase: Phase, at: Duration, failed: Option<bool>) {
        if let Some(part) = self.parts.iter_mut().rfind(|part| part.phase == phase && part.end.is_none()) {
            (part.end, part.failed) = (Some(at), failed);
        }
    }
}
