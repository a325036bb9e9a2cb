use skybridge_core::{Ctx, EventKind};

/// How many attempts one candidate has left, and how many addresses are skipped when there are none.
pub(crate) struct AttemptBudget {
    ctx: Ctx,
    max: usize,
    /// How many attempts the log had at the start.
    logged_before: usize,
    /// Calls of the connector that failed without an attempt in the log.
    unlogged: usize,
    left_out: usize,
}

impl AttemptBudget {
    pub(crate) fn new(ctx: &Ctx, max: usize) -> Self {
        Self { ctx: ctx.clone(), max, logged_before: ctx.attempt_log().count(), unlogged: 0, left_out: 0 }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.max.saturating_sub(self.ctx.attempt_log().count() - self.logged_before + self.unlogged)
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.remaining() == 0
    }

    /// Counts a call of the connector that was made when this many attempts remained. It costs one at least, though a
    /// foreign connector may have logged none.
    pub(crate) fn count_call(&mut self, remaining_before: usize) {
        if self.remaining() == remaining_before {
            self.unlogged += 1;
        }
    }

    /// These addresses are not tried, because the budget is exhausted.
    pub(crate) fn leave_out(&mut self, addresses: usize) {
        self.left_out += addresses;
    }

    /// The candidate has failed. Reports the addresses that were left out, and returns how many they are.
    pub(crate) fn finish(self) -> usize {
        if self.left_out > 0 {
            self.ctx.emit(None, None, EventKind::LeftOut { addresses: self.left_out, limit: self.max });
        }
        self.left_out
    }
}
