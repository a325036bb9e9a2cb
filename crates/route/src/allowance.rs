use skybridge_core::{Ctx, EventKind};

/// How many attempts are left for one way, and what is left out when there are no more.
pub(crate) struct Allowance {
    ctx: Ctx,
    most: usize,
    /// How many attempts the trail had before.
    before: usize,
    /// Calls that failed and left no trace of an attempt.
    untold: usize,
    left_out: usize,
}

impl Allowance {
    pub(crate) fn new(ctx: &Ctx, most: usize) -> Self {
        Self { ctx: ctx.clone(), most, before: ctx.attempt_log().count(), untold: 0, left_out: 0 }
    }

    /// How many more there may be.
    pub(crate) fn left(&self) -> usize {
        self.most.saturating_sub(self.ctx.attempt_log().count() - self.before + self.untold)
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.left() == 0
    }

    /// A connector was called when there were so many left: that costs one at least, whatever it says.
    pub(crate) fn called(&mut self, left: usize) {
        if self.left() == left {
            self.untold += 1;
        }
    }

    /// So many addresses stay untried, because it is spent.
    pub(crate) fn leave_out(&mut self, addresses: usize) {
        self.left_out += addresses;
    }

    /// The way has failed: tells what was left out for want of attempts, and returns how many that were.
    pub(crate) fn end(self) -> usize {
        if self.left_out > 0 {
            self.ctx.emit(None, None, EventKind::LeftOut { addresses: self.left_out, limit: self.most });
        }
        self.left_out
    }
}
