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
        let postponed = |endpoint: &Endpoint| route.verdict.as_ref().is_some_and(|verdict| verdict.postponed(endpoint));
        let fresh: Vec<usize> = (0..self.waiting.len()).filter(|&i| !postponed(&self.waiting[i])).collect();
        let among = if fresh.is_empty() { (0..self.waiting.len()).collect() } else { fresh };
        let first = *among.first()?;
        let chosen = match self.order {
            Order::Listed => first,
            Order::Interleaved => {
                let wanted = if self.last == Some(Family::V6) { Family::V4 } else { Family::V6 };
                among.into_iter().find(|&i| family(&self.waiting[i]) == Some(wanted)).unwrap_or(first)
            }
        };
        let endpoint = self.waiting.remove(chosen);
        self.last = family(&endpoint).or(self.last);
        Some(endpoint)
    }
}

fn family(endpoint: &Endpoint) -> Option<Family> {
    endpoint.inet().map(|addr| match addr {
        SocketAddr::V4(_) => Family::V4,
        SocketAddr::V6(_) => Family::V6,
    })
}
