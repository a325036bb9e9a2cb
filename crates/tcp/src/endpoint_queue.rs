use skybridge_core::{Endpoint, Route};
use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

/// The endpoints that wait for their turn in one race.
#[derive(Debug)]
pub(crate) struct LineUp {
    order: Order,
    waiting: Vec<Endpoint>,
    last: Option<Family>,
    complete: bool,
}

/// In which order they start. Those that failed lately always start after the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// As resolved.
    Listed,
    /// IPv6 first, then the families by turns (RFC 8305, section 4).
    Interleaved,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    V4,
    V6,
}

// === impl LineUp ===

impl LineUp {
    pub(crate) fn new(order: Order) -> Self {
        Self { order, waiting: Vec::new(), last: None, complete: false }
    }

    /// Takes in what has been resolved by now; wakes when there is more.
    pub(crate) fn gather(&mut self, route: &mut Route, cx: &mut Context<'_>) {
        while !self.complete {
            match route.endpoints.poll_more(cx) {
                Poll::Ready(Some(endpoint)) => self.waiting.push(endpoint),
                Poll::Ready(None) => self.complete = true,
                Poll::Pending => return,
            }
        }
    }

    /// Nobody waits for now.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nobody waits, and nobody will come.
    pub(crate) fn is_over(&self) -> bool {
        self.complete && self.waiting.is_empty()
    }

    /// Who starts next, of those known by now.
    pub(crate) fn next(&mut self, route: &Route) -> Option<Endpoint> {
        let failed_recently =
            |endpoint: &Endpoint| route.feedback.as_ref().is_some_and(|feedback| feedback.failed_recently(endpoint));
        let chosen = self.choose(|endpoint| !failed_recently(endpoint)).or_else(|| self.choose(|_| true))?;
        let endpoint = self.waiting.remove(chosen);
        self.last = family(&endpoint).or(self.last);
        Some(endpoint)
    }

    /// The first of the family whose turn it is, or the first of all. Asks about no more of them than it has to.
    fn choose(&self, may: impl Fn(&Endpoint) -> bool) -> Option<usize> {
        let wanted = match (self.order, self.last) {
            (Order::Listed, _) => None,
            (Order::Interleaved, Some(Family::V6)) => Some(Family::V4),
            (Order::Interleaved, _) => Some(Family::V6),
        };
        let mut first = None;
        for (i, endpoint) in self.waiting.iter().enumerate() {
            let in_turn = wanted.is_none() || family(endpoint) == wanted;
            if (in_turn || first.is_none()) && may(endpoint) {
                if in_turn {
                    return Some(i);
                }
                first = Some(i);
            }
        }
        first
    }
}

fn family(endpoint: &Endpoint) -> Option<Family> {
    endpoint.inet().map(|addr| match addr {
        SocketAddr::V4(_) => Family::V4,
        SocketAddr::V6(_) => Family::V6,
    })
}
