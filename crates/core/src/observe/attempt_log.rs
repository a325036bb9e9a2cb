use crate::{ConnectError, Endpoint, Phase, Rounded, sync::Mutex};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

/// The number of an attempt. The attempts to make one connection count from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttemptId(pub u32);

/// How an attempt ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// Its latest phase hasn't ended yet.
    Pending,
    /// Its latest phase succeeded.
    Connected,
    /// Its latest phase failed.
    Failed(ConnectError),
    /// It was dropped: another attempt was faster, or the request was cancelled.
    Abandoned,
}

/// One attempt to connect: its route and endpoint, how far it got, how long it took, how it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttemptReport {
    /// Its number.
    pub id: AttemptId,
    /// The route as text, without credentials: `a.test via http://proxy.test:3128`.
    pub route: Arc<str>,
    /// The endpoint that it connects to.
    pub endpoint: Endpoint,
    /// Its latest phase.
    pub phase: Phase,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began, on the runtime's clock.
    pub started: Instant,
    /// How long it took; zero while it is pending.
    pub elapsed: Duration,
}

/// The attempts made for one connection. Written by the phase guards, so that it is complete even when connecting is
/// cut off.
///
/// It takes a lock, but only while connecting: a request that finds a pooled connection doesn't touch it.
#[derive(Clone, Debug, Default)]
pub struct AttemptLog(Arc<Mutex<Vec<AttemptReport>>>);

impl AttemptLog {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<AttemptReport>) -> T) -> T {
        f(&mut self.0.lock())
    }

    /// Adds an attempt, which begins now. Returns its number.
    pub fn begin(&self, route: impl Into<Arc<str>>, endpoint: Endpoint, now: Instant) -> AttemptId {
        self.with(|list| {
            let id = AttemptId(list.len() as u32 + 1);
            if list.is_empty() {
                // Most connections need one, and their facts keep the log.
                list.reserve_exact(1);
            }
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
        self.change(id, |report| (report.phase, report.outcome) = (phase, Outcome::Pending));
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

    /// The attempts after the first `before`, in order.
    pub fn since(&self, before: usize) -> Vec<AttemptReport> {
        self.with(|list| list.get(before..).unwrap_or_default().to_vec())
    }

    /// The number of attempts so far.
    pub fn count(&self) -> usize {
        self.with(|list| list.len())
    }

    /// The attempt with this number.
    pub fn report(&self, id: AttemptId) -> Option<AttemptReport> {
        self.with(|list| list.get((id.0 as usize).checked_sub(1)?).cloned())
    }

    /// Whether any attempt has, or had, a connected socket.
    pub fn has_socket(&self) -> bool {
        let connected =
            |report: &AttemptReport| report.phase > Phase::Tcp || matches!(report.outcome, Outcome::Connected);
        self.with(|list| list.iter().any(connected))
    }

    /// The endpoints of the attempts that failed, in order.
    pub fn failed(&self) -> Vec<Endpoint> {
        let failed = |report: &&AttemptReport| matches!(report.outcome, Outcome::Failed(_));
        self.with(|list| list.iter().filter(failed).map(|report| report.endpoint.clone()).collect())
    }
}

impl fmt::Display for AttemptReport {
    /// `attempt 1 to a.test at 127.0.0.1:80: failed in tcp after 3ms: connection refused`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, route, endpoint, phase, outcome, elapsed, .. } = self;
        let elapsed = Rounded(*elapsed);
        write!(f, "attempt {} to {route} at {endpoint}: ", id.0)?;
        match outcome {
            Outcome::Pending => write!(f, "in {phase}"),
            Outcome::Connected => write!(f, "{phase} done after {elapsed}"),
            Outcome::Abandoned => write!(f, "abandoned in {phase} after {elapsed}"),
            Outcome::Failed(error) => {
                write!(f, "failed in {phase} after {elapsed}: {}", error.root_cause())
            }
        }
    }
}
