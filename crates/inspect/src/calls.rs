use crate::bodies::{Bodies, Carried};
use skybridge_core::{CallId, ConnectionId, Event, Observe, Phase, sync::Mutex};
use skybridge_trace::{Facts, Observers, Recorded, RecordedKind, Timeline};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::Instant,
};

/// The most events of one call: a call with more tries than that is cut.
const EVENTS: usize = 200;
/// The most connections whose facts are kept.
const CONNECTIONS: usize = 1024;
/// The most bytes of a text in an event.
const TEXT: usize = 512;

/// An observer that keeps the latest [`CALLS`](Self::CALLS) calls, with at most 200 events of each. The texts in them
/// are cut after 512 bytes.
#[derive(Default)]
pub struct RecentCalls(Mutex<Store>);

#[derive(Default)]
struct Store {
    /// The first to begin is the first.
    calls: VecDeque<KeptCall>,
    connections: BTreeMap<ConnectionId, Arc<Facts>>,
    began: u64,
    bodies: Bodies,
}

#[derive(Clone)]
pub(crate) struct KeptCall {
    pub(crate) id: CallId,
    events: Vec<Recorded>,
    /// How many were not kept.
    pub(crate) left_out: usize,
}

/// How far a call got.
pub(crate) enum Outcome {
    Running,
    Answered(u16),
    Failed(Box<str>),
    /// It was dropped before its response's head came.
    GivenUp,
    /// It ended without a response that was seen.
    Over,
}

// === impl RecentCalls ===

impl RecentCalls {
    /// How many calls are kept.
    pub const CALLS: usize = 100;

    /// Has no calls yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// This one, and another if there is one.
    pub fn beside(self: &Arc<Self>, other: Option<Arc<dyn Observe>>) -> Arc<dyn Observe> {
        let own: Arc<dyn Observe> = Arc::<Self>::clone(self);
        match other {
            Some(other) => Arc::new(Observers::new().and(other).and(own)),
            None => own,
        }
    }

    /// The latest first.
    pub(crate) fn list(&self) -> Vec<KeptCall> {
        self.0.lock().calls.iter().rev().cloned().collect()
    }

    /// Of a call that is running, up to now.
    pub(crate) fn timeline(&self, id: CallId, now: Option<Instant>) -> Option<Timeline> {
        let store = self.0.lock();
        let call = store.calls.iter().find(|call| call.id == id)?;
        let timeline = Timeline::of(id, call.events.iter(), |id| store.connections.get(&id).cloned());
        Some(match now {
            Some(now) => timeline.until(now),
            None => timeline,
        })
    }

    /// What calls that were observed have carried on a connection.
    pub(crate) fn carried(&self, id: ConnectionId) -> Carried {
        self.0.lock().bodies.of(id)
    }

    /// How many calls have begun.
    pub(crate) fn began(&self) -> u64 {
        self.0.lock().began
    }
}

impl Observe for RecentCalls {
    fn observe(&self, event: &Event<'_>) {
        let recorded = event.call.map(|id| (id, cut(Recorded::from(event))));
        let mut store = self.0.lock();
        let store = &mut *store;
        store.bodies.note(event);
        let Some((id, event)) = recorded else { return };
        if let (Some(connection), RecordedKind::Created(facts)) = (event.connection, &event.kind) {
            store.connections.insert(connection, Arc::clone(facts));
            if store.connections.len() > CONNECTIONS {
                store.connections.pop_first();
            }
        }
        // What follows a call that is not kept any more doesn't bring it back.
        if matches!(event.kind, RecordedKind::CallStarted { .. }) {
            store.began += 1;
            if store.calls.len() == Self::CALLS {
                store.calls.pop_front();
            }
            store.calls.push_back(KeptCall { id, events: Vec::new(), left_out: 0 });
        }
        let Some(call) = store.calls.iter_mut().rev().find(|call| call.id == id) else { return };
        // How it ended is kept in any case.
        let ends = matches!(event.kind, RecordedKind::CallEnded(_) | RecordedKind::Dropped(Phase::Call, _));
        match call.events.len() < EVENTS || (ends && call.events.len() == EVENTS) {
            true => call.events.push(event),
            false => call.left_out += 1,
        }
    }
}

impl fmt::Debug for RecentCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecentCalls").field("calls", &self.0.lock().calls.len()).finish_non_exhaustive()
    }
}

// === impl KeptCall ===

impl KeptCall {
    /// Its method, and its URL without secrets.
    pub(crate) fn title(&self) -> String {
        let title = self.events.iter().find_map(|event| match &event.kind {
            RecordedKind::CallStarted { method, url } => Some(format!("{method} {url}")),
            _ => None,
        });
        title.unwrap_or_default()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::Running;
        let mut status = None;
        for event in &self.events {
            match &event.kind {
                RecordedKind::ResponseHead { status: of, .. } => status = Some(of.as_u16()),
                RecordedKind::CallEnded(Some(failure)) => outcome = Outcome::Failed(failure.message.clone()),
                RecordedKind::Dropped(Phase::Call, _) => outcome = Outcome::GivenUp,
                RecordedKind::CallEnded(None) => outcome = status.map_or(Outcome::Over, Outcome::Answered),
                _ => {}
            }
        }
        outcome
    }
}

/// Texts come from peers and from URLs, so that they are as long as those like.
fn cut(mut event: Recorded) -> Recorded {
    match &mut event.kind {
        RecordedKind::CallStarted { url, .. } => cut_text(url),
        RecordedKind::CallEnded(Some(failure))
        | RecordedKind::Failed(_, _, failure)
        | RecordedKind::TlsFallback { failure, .. }
        | RecordedKind::Retry { failure, .. } => {
            cut_text(&mut failure.message);
            cut_text(&mut failure.cause);
        }
        RecordedKind::GoAway { debug_data, .. } => cut_text(debug_data),
        RecordedKind::Postponed { failure, .. } => {
            let mut text = std::mem::take(failure).into_boxed_str();
            cut_text(&mut text);
            *failure = text.into();
        }
        RecordedKind::ProxyStep { text: Some(text), .. } => cut_text(text),
        _ => {}
    }
    event
}

fn cut_text(text: &mut Box<str>) {
    if text.len() > TEXT {
        let end = (0..=TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        *text = format!("{}…", &text[..end]).into();
    }
}
