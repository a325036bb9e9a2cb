use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// When a scenario was dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DropPoint {
    /// Right after its n-th poll; 0 is before the first.
    Polled(usize),
    /// After it was woken for the poll that follows the n-th, and before that poll.
    Woken(usize),
    /// Not at all: it completed with its n-th poll.
    Completed(usize),
}

/// Polls a scenario up to a point, then drops it. Its output is the point that was reached.
pub(super) struct DropAt<F> {
    scenario: Option<Pin<Box<F>>>,
    moment: DropPoint,
    polls: usize,
}

// === impl DropPoint ===

impl DropPoint {
    /// Every point, in order.
    pub(super) fn all(most: usize) -> impl Iterator<Item = Self> {
        let after = (1..most).flat_map(|n| [Self::Polled(n), Self::Woken(n)]);
        std::iter::once(Self::Polled(0)).chain(after)
    }
}

impl fmt::Display for DropPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polled(0) => f.write_str("dropped before its first poll"),
            Self::Polled(n) => write!(f, "dropped after poll {n}"),
            Self::Woken(n) => write!(f, "dropped when woken after poll {n}"),
            Self::Completed(n) => write!(f, "completed with poll {n}"),
        }
    }
}

// === impl DropAt ===

impl<F: Future> DropAt<F> {
    pub(super) fn new(scenario: F, moment: DropPoint) -> Self {
        Self { scenario: Some(Box::pin(scenario)), moment, polls: 0 }
    }

    fn over(&mut self, moment: DropPoint) -> Poll<DropPoint> {
        self.scenario = None;
        Poll::Ready(moment)
    }
}

impl<F: Future> Future for DropAt<F> {
    type Output = DropPoint;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<DropPoint> {
        let this = &mut *self;
        if this.moment == DropPoint::Woken(this.polls) || this.moment == DropPoint::Polled(this.polls) {
            return this.over(this.moment);
        }
        let Some(scenario) = &mut this.scenario else { return Poll::Pending };
        this.polls += 1;
        if scenario.as_mut().poll(cx).is_ready() {
            return this.over(DropPoint::Completed(this.polls));
        }
        match this.moment {
            DropPoint::Polled(n) if n == this.polls => this.over(this.moment),
            _ => Poll::Pending,
        }
    }
}
