//! What happened to one request, as its observer was told.

use crate::tell;
use skybridge::{ConnInfo, Event, EventKind, Observe, types::Acquired};
use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The observer of one request.
#[derive(Default)]
pub(crate) struct Diary(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    began: Option<Instant>,
    took: Option<Duration>,
    acquired: Vec<Acquired>,
    retries: Vec<String>,
    connection: Option<Arc<ConnInfo>>,
}

impl Observe for Diary {
    fn observe(&self, event: &Event<'_>) {
        let mut pages = self.pages();
        match &event.kind {
            EventKind::CallStarted => pages.began = Some(event.at),
            EventKind::CallEnded(_) => pages.took = pages.began.map(|began| event.at.saturating_duration_since(began)),
            EventKind::Acquired(how) => pages.acquired.push(*how),
            EventKind::RetryDecided { again: true, error, .. } => pages.retries.push(tell::chain(*error)),
            _ => {}
        }
    }
}

impl Diary {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn came_by(&self, connection: Option<&Arc<ConnInfo>>) {
        self.pages().connection = connection.cloned();
    }

    /// How it came by the connection that its response came by.
    pub(crate) fn acquired(&self) -> Option<Acquired> {
        self.pages().acquired.last().copied()
    }

    /// How often it was sent again.
    pub(crate) fn retries(&self) -> usize {
        self.pages().retries.len()
    }

    /// The connection's number; 0 before there is one.
    pub(crate) fn connection(&self) -> u64 {
        self.pages().connection.as_ref().and_then(|info| info.id).map_or(0, |id| id.0)
    }

    /// A line per fact, for people.
    pub(crate) fn tell(&self) -> String {
        let pages = self.pages();
        let mut text = String::new();
        for error in &pages.retries {
            let _ = writeln!(text, "  sent again, because: {error}");
        }
        if let Some(info) = &pages.connection {
            let how = pages.acquired.last().copied().map_or("a", tell::acquired);
            let _ = writeln!(text, "  on {how} connection: {}", tell::connection(info));
            let _ = writeln!(text, "  opened in: {}", tell::timings(info));
        }
        if let Some(took) = pages.took {
            let _ = writeln!(text, "  answered in: {}", tell::time(took));
        }
        text
    }
}
