use crate::recall::Recall;
use skybridge_core::{AttemptId, AttemptReport, Ctx, Endpoint, Outcome, Phase};
use std::sync::Arc;

/// The attempts of one plan. However its connecting ends, failures are remembered then; giving up on an attempt is none.
pub(crate) struct Tried {
    ctx: Ctx,
    recall: Arc<Recall>,
    /// How many attempts the trail had before.
    before: usize,
    /// And how many when it was last asked what need not be tried again.
    seen: usize,
    excused: Option<AttemptId>,
}

impl Tried {
    pub(crate) fn new(ctx: Ctx, recall: Arc<Recall>) -> Self {
        let before = ctx.attempt_log().count();
        Self { ctx, recall, before, seen: before, excused: None }
    }

    /// Whether any attempt since then opened a socket.
    pub(crate) fn got_through(ctx: &Ctx, before: usize) -> bool {
        ctx.attempt_log().since(before).iter().any(|report| report.phase > Phase::Tcp)
    }

    fn own(&self) -> impl Iterator<Item = AttemptReport> {
        self.ctx.attempt_log().since(self.before).into_iter()
    }

    /// What need not be tried again, now that connecting has failed once more: it failed, or it was connected and failed where no guard saw it.
    /// Those that were given up, because another was faster, may still work.
    pub(crate) fn used_up(&mut self) -> Vec<Endpoint> {
        let latest = self.ctx.attempt_log().since(self.seen);
        self.seen += latest.len();
        let spent = |report: &AttemptReport| matches!(report.outcome, Outcome::Failed(_) | Outcome::Connected);
        latest.into_iter().filter(spent).map(|report| report.endpoint).collect()
    }

    /// This one failed, and that was no fault of its endpoint.
    pub(crate) fn excuse(&mut self, attempt: Option<AttemptId>) {
        self.excused = attempt;
    }

    /// Connecting went well: what is still connected works.
    pub(crate) fn worked(&self) {
        let connected = self.own().filter(|report| matches!(report.outcome, Outcome::Connected));
        connected.for_each(|report| self.recall.worked(&report.endpoint));
    }
}

impl Drop for Tried {
    fn drop(&mut self) {
        for report in self.own() {
            if report.phase > Phase::Tcp {
                self.recall.opened(&report.endpoint);
            }
            let fault = matches!(&report.outcome, Outcome::Failed(error) if !error.is_fatal());
            if fault && Some(report.id) != self.excused {
                self.recall.failed(&report.endpoint, report.phase);
            }
        }
    }
}
