use crate::route_history::RouteHistory;
use skybridge_core::{AttemptId, AttemptReport, ConnectError, Ctx, Endpoint, Outcome, Phase, TimedOut};
use std::sync::Arc;

/// Records the failed attempts of one route in the route database. It does so when it is dropped, so that they are
/// recorded however connecting ends. An attempt that was abandoned has not failed, unless a limit of the whole connect
/// has ended it.
pub(crate) struct AttemptRecorder {
    ctx: Ctx,
    history: Arc<RouteHistory>,
    /// How many attempts the log had at the start.
    logged_before: usize,
    /// How many it had at the last call of [`take_failed`](Self::take_failed).
    read: usize,
    ignored: Option<AttemptId>,
}

impl AttemptRecorder {
    pub(crate) fn new(ctx: Ctx, history: Arc<RouteHistory>) -> Self {
        let logged_before = ctx.attempt_log().count();
        Self { ctx, history, logged_before, read: logged_before, ignored: None }
    }

    /// Whether any attempt after the first `logged_before` opened a socket.
    pub(crate) fn opened_socket(ctx: &Ctx, logged_before: usize) -> bool {
        ctx.attempt_log().since(logged_before).iter().any(has_socket)
    }

    fn reports(&self) -> impl Iterator<Item = AttemptReport> {
        self.ctx.attempt_log().since(self.logged_before).into_iter()
    }

    /// The endpoints that need not be tried again, of the attempts since the last call: those that failed, and those
    /// that were connected and failed later, where no phase guard noticed it. An attempt that was abandoned because
    /// another was faster may still work.
    pub(crate) fn take_failed(&mut self) -> Vec<Endpoint> {
        let latest = self.ctx.attempt_log().since(self.read);
        self.read += latest.len();
        let failed = |report: &AttemptReport| matches!(report.outcome, Outcome::Failed(_) | Outcome::Connected);
        latest.into_iter().filter(failed).map(|report| report.endpoint).collect()
    }

    /// Doesn't record this failure: it is not the endpoint's fault.
    pub(crate) fn ignore(&mut self, attempt: Option<AttemptId>) {
        self.ignored = attempt;
    }

    /// Connecting succeeded: the endpoints that are still connected work. One that overtook another was faster.
    pub(crate) fn succeeded(&self) {
        let mut overtaken = Vec::new();
        for report in self.reports() {
            match report.outcome {
                Outcome::Abandoned if report.phase == Phase::Tcp => overtaken.push(report.endpoint),
                Outcome::Connected => {
                    self.history.succeeded(&report.endpoint);
                    // One that was itself overtaken, and is what was left, was not the faster.
                    if !overtaken.is_empty() && !overtaken.contains(&report.endpoint) {
                        self.history.overtook(&report.endpoint);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether an error says anything about the endpoint.
fn is_of_endpoint(error: &ConnectError) -> bool {
    !error.is_fatal() && !error.is_out_of_descriptors()
}

/// Whether a layer has connected there once more, and was successful: as when a server has other keys of Encrypted
/// Client Hello.
fn is_made_up_for(failed: &AttemptReport, later: &[AttemptReport]) -> bool {
    later.iter().any(|report| report.endpoint == failed.endpoint && matches!(report.outcome, Outcome::Connected))
}

/// In a later phase, or between two.
fn has_socket(report: &AttemptReport) -> bool {
    report.phase > Phase::Tcp || matches!(report.outcome, Outcome::Connected)
}

/// Whether what has taken so long is to blame when this limit is over: what began late had hardly a chance.
fn is_stalled(report: &AttemptReport, timed_out: TimedOut) -> bool {
    matches!(report.outcome, Outcome::Abandoned) && report.elapsed >= timed_out.limit / 2
}

impl Drop for AttemptRecorder {
    fn drop(&mut self) {
        if let Some(timed_out) = self.ctx.ended_by() {
            // What was abandoned while it opened a socket, as another had one, was only slower.
            let first = if self.reports().any(|report| has_socket(&report)) { Phase::Tunnel } else { Phase::Tcp };
            for report in self.reports().filter(|report| report.phase >= first && is_stalled(report, timed_out)) {
                self.history.stalled(&report.endpoint, TimedOut { phase: report.phase, ..timed_out });
            }
        }
        let reports: Vec<_> = self.reports().collect();
        for (i, report) in reports.iter().enumerate() {
            if has_socket(report) {
                self.history.socket_opened(&report.endpoint);
            }
            if let Outcome::Failed(error) = &report.outcome
                && is_of_endpoint(error)
                && Some(report.id) != self.ignored
                && !is_made_up_for(report, reports.get(i + 1..).unwrap_or_default())
            {
                self.history.failed(&report.endpoint, report.phase, error);
            }
        }
    }
}
