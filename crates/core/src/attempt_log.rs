use crate::{ConnectError, Endpoint, Phase, sync::Mutex};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// Counts attempts from 1 within the search for one connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttemptId(pub u32);

/// How an attempt ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It has not.
    Pending,
    /// The phase it is in ended well.
    Connected,
    /// It failed in the phase it is in.
    Failed(ConnectError),
    /// It lost a race, or was cancelled.
    Abandoned,
}

/// One attempt: where to, how far, how long, how it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptReport {
    /// Its number.
    pub id: AttemptId,
    /// The route, as text.
    pub route: Arc<str>,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The last phase it was in.
    pub phase: Phase,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub started: Instant,
    /// How long it took.
    pub elapsed: Duration,
}

/// What the search for one connection has tried. Written by the phase guards, so that also a search that is cut off can be told of.
///
/// One small lock on the connect plane; a pool hit never sees it.
#[derive(Clone, Debug, Default)]
pub struct AttemptLog(Arc<Mutex<Vec<AttemptReport>>>);

impl AttemptLog {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<AttemptReport>) -> T) -> T {
        f(&mut self.0.lock())
    }

    /// An attempt begins.
    pub fn begin(&self, route: impl Into<Arc<str>>, endpoint: Endpoint, now: Instant) -> AttemptId {
        self.with(|list| {
            let id = AttemptId(list.len() as u32 + 1);
            list.push(AttemptReport {
                id,
                route: route.into(),
                endpoint,
                phase: Phase::Tcp,
                outcome: Outcome::Pending,
                started: now,
                elapsed: Duration::ZERO,
            });
            id
        })
    }

    pub(crate) fn reached(&self, id: AttemptId, phase: Phase) {
        self.change(id, |report| report.phase = phase);
    }

    pub(crate) fn end(&self, id: AttemptId, now: Instant, outcome: Outcome) {
        self.change(id, |report| {
            report.outcome = outcome;
            report.elapsed = now.saturating_duration_since(report.started);
        });
    }

    pub(crate) fn has_failed(&self, id: AttemptId) -> bool {
        self.with(|list| list.get(id.0 as usize - 1).is_some_and(|report| matches!(report.outcome, Outcome::Failed(_))))
    }

    pub(crate) fn endpoint(&self, id: AttemptId) -> Option<Endpoint> {
        self.with(|list| list.get(id.0 as usize - 1).map(|report| report.endpoint.clone()))
    }

    fn change(&self, id: AttemptId, change: impl FnOnce(&mut AttemptReport)) {
        self.with(|list| {
            // invariant: ids come from `begin`, which counts from 1.
            if let Some(report) = list.get_mut(id.0 as usize - 1) {
                change(report);
            }
        });
    }

    /// All attempts so far, in order.
    pub fn reports(&self) -> Vec<AttemptReport> {
        self.with(|list| list.clone())
    }

    /// Those after the first so many.
    pub fn since(&self, before: usize) -> Vec<AttemptReport> {
        self.with(|list| list.get(before..).unwrap_or_default().to_vec())
    }

    /// How many attempts there were so far.
    pub fn count(&self) -> usize {
        self.with(|list| list.len())
    }

    /// One attempt, as far as it is.
    pub fn report(&self, id: AttemptId) -> Option<AttemptReport> {
        self.with(|list| list.get((id.0 as usize).checked_sub(1)?).cloned())
    }

    /// Whether any attempt has a connected socket, or had one.
    pub fn has_socket(&self) -> bool {
        let connected =
            |report: &AttemptReport| report.phase > Phase::Tcp || matches!(report.outcome, Outcome::Connected);
        self.with(|list| list.iter().any(connected))
    }

    /// The endpoints of the attempts that failed.
    pub fn failed(&self) -> Vec<Endpoint> {
        let failed = |report: &&AttemptReport| matches!(report.outcome, Outcome::Failed(_));
        self.with(|list| list.iter().filter(failed).map(|report| report.endpoint.clone()).collect())
    }
}

impl fmt::Display for AttemptReport {
    /// `attempt 1 to a.test at 127.0.0.1:80: failed in tcp after 3 ms: connection refused`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, route, endpoint, phase, outcome, elapsed, .. } = self;
        write!(f, "attempt {} to {route} at {endpoint}: ", id.0)?;
        match outcome {
            Outcome::Pending => write!(f, "in {phase}"),
            Outcome::Connected => write!(f, "{phase} done after {elapsed:.1?}"),
            Outcome::Abandoned => write!(f, "abandoned in {phase} after {elapsed:.1?}"),
            Outcome::Failed(error) => {
                write!(f, "failed in {phase} after {elapsed:.1?}: {}", error.root_cause())
            }
        }
    }
}
