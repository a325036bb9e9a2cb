//! Records what happened to one request.

use crate::describe;
use skybridge::{ConnInfo, Event, EventKind, Observe, types::Acquired};
use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The observer of one request.
#[derive(Default)]
pub(crate) struct CallLog(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    began: Option<Instant>,
    took: Option<Duration>,
    acquired: Vec<Acquired>,
    retries: Vec<String>,
    connection: Option<Arc<ConnInfo>>,
}

impl Observe for CallLog {
    fn observe(&self, event: &Event<'_>) {
        let mut entries = self.entries();
        match &event.kind {
            EventKind::CallStarted { .. } => entries.began = Some(event.at),
            EventKind::CallEnded(_) => {
                entries.took = entries.began.map(|began| event.at.saturating_duration_since(began))
            }
            EventKind::Acquired(how) => entries.acquired.push(*how),
            EventKind::RetryDecided { again: true, error, .. } => entries.retries.push(describe::report(*error)),
            _ => {}
        }
    }
}

impl CallLog {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_connection(&self, connection: Option<&Arc<ConnInfo>>) {
        self.entries().connection = connection.cloned();
    }

    /// How the connection of the response was acquired.
    pub(crate) fn acquired(&self) -> Option<Acquired> {
        self.entries().acquired.last().copied()
    }

    /// How often the request was retried.
    pub(crate) fn retries(&self) -> usize {
        self.entries().retries.len()
    }

    /// The connection's id; 0 before there is one.
    pub(crate) fn connection(&self) -> u64 {
        self.entries().connection.as_ref().and_then(|info| info.id).map_or(0, |id| id.0)
    }

    /// One line per fact, to be printed.
    pub(crate) fn describe(&self) -> String {
        let entries = self.entries();
        let mut text = String::new();
        for error in &entries.retries {
            let _ = writeln!(text, "  sent again, because: {error}");
        }
        if let Some(info) = &entries.connection {
            let how = entries.acquired.last().copied().map_or("a", describe::acquired);
            let _ = writeln!(text, "  on {how} connection: {}", describe::connection(info));
            let _ = writeln!(text, "  opened in: {}", describe::timings(info));
        }
        if let Some(took) = entries.took {
            let _ = writeln!(text, "  answered in: {}", describe::time(took));
        }
        text
    }
}
