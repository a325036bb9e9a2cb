use skybridge_core::{Endpoint, Route};
use std::{
    net::SocketAddr,
    task::{Context, Poll},
};

/// The endpoints of one race that haven't been tried yet.
#[derive(Debug)]
pub(crate) struct EndpointQueue {
    order: Order,
    waiting: Vec<Endpoint>,
    /// The family of the endpoint that was tried last.
    last: Option<Family>,
    /// How many IPv6 endpoints are yet to be tried before the first IPv4 one.
    first_family: u8,
    /// One has been tried.
    started: bool,
    /// The resolver has no more.
    complete: bool,
}

/// In which order endpoints are tried. Those that failed recently always come after the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// In the order of the resolver.
    Listed,
    /// IPv6 first, this many, then alternating address families (RFC 8305, section 4).
    Interleaved { first_family_count: u8 },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    V4,
    V6,
}

// === impl EndpointQueue ===

impl EndpointQueue {
    pub(crate) fn new(order: Order) -> Self {
        let first_family = match order {
            Order::Listed => 0,
            Order::Interleaved { first_family_count } => first_family_count,
        };
        Self { order, waiting: Vec::new(), last: None, first_family, started: false, complete: false }
    }

    /// Those that a route has by now, in the order in which they would be tried if none came in time.
    pub(crate) fn all_in_order(mut self, route: &Route) -> Vec<Endpoint> {
        self.waiting = route.endpoints.snapshot();
        std::iter::from_fn(|| self.next(route)).collect()
    }

    /// Takes the endpoints that have been resolved by now. Wakes the task when there are more.
    pub(crate) fn poll_resolved(&mut self, route: &mut Route, cx: &mut Context<'_>) {
        while !self.complete {
            match route.endpoints.poll_more(cx) {
                Poll::Ready(Some(endpoint)) => self.waiting.push(endpoint),
                Poll::Ready(None) => self.complete = true,
                Poll::Pending => return,
            }
        }
    }

    /// No endpoint is known that hasn't been tried. More may be resolved.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that is left failed recently.
    pub(crate) fn is_postponed(&self, route: &Route) -> bool {
        !self.is_empty() && self.waiting.iter().all(|endpoint| failed_recently(route, endpoint))
    }

    /// Every endpoint has been tried, and no more will be resolved.
    pub(crate) fn is_finished(&self) -> bool {
        self.complete && self.waiting.is_empty()
    }

    /// Only IPv4 addresses are known, and IPv6 ones may still come. One that is known to be the fastest waits for none.
    pub(crate) fn may_lack_ipv6(&self, route: &Route) -> bool {
        let v4 = |endpoint: &Endpoint| family(endpoint) == Some(Family::V4);
        !self.complete && !self.is_empty() && self.waiting.iter().all(v4) && self.fastest(route).is_none()
    }

    /// The index of the endpoint that overtook another recently. It goes before the first in order.
    fn fastest(&self, route: &Route) -> Option<usize> {
        let feedback = route.feedback.as_ref().filter(|_| !self.started)?;
        let overtook = |endpoint| feedback.overtook_recently(endpoint) && !feedback.failed_recently(endpoint);
        self.waiting.iter().position(overtook)
    }

    /// The endpoint to try next, of those known by now.
    pub(crate) fn next(&mut self, route: &Route) -> Option<Endpoint> {
        let failed_recently =
            |endpoint: &Endpoint| route.feedback.as_ref().is_some_and(|feedback| feedback.failed_recently(endpoint));
        let priorities = route.endpoints.priorities(&self.waiting);
        let in_order = || {
            let choose = |may: &dyn Fn(&Endpoint) -> bool| match &priorities {
                Some(priorities) => self.choose_by(priorities, may),
                None => self.choose(may),
            };
            choose(&|endpoint| !failed_recently(endpoint)).or_else(|| choose(&|_| true))
        };
        let chosen = self.fastest(route).or_else(in_order)?;
        let endpoint = self.waiting.remove(chosen);
        self.started = true;
        self.last = family(&endpoint).or(self.last);
        if self.last == Some(Family::V6) {
            self.first_family = self.first_family.saturating_sub(1);
        }
        Some(endpoint)
    }

    /// The same among those of the smallest priority, of which HTTPS records tell. Whom none is about comes last (RFC
    /// 9460, section 3).
    fn choose_by(&self, priorities: &[Option<u16>], may: impl Fn(&Endpoint) -> bool) -> Option<usize> {
        let rank = |place: usize| priorities.get(place).copied().flatten().map_or(u32::MAX, u32::from);
        let allowed: Vec<bool> = self.waiting.iter().map(may).collect();
        let is_allowed = |place: usize| allowed.get(place).copied().unwrap_or_default();
        let first = (0..allowed.len()).filter(|place| is_allowed(*place)).map(rank).min()?;
        self.choose_at(|place, _| is_allowed(place) && rank(place) == first)
    }

    /// The index of the first endpoint of the family whose turn it is, or else of the first. `may` is a lookup in a
    /// database, so it is called for no more endpoints than necessary.
    fn choose(&self, may: impl Fn(&Endpoint) -> bool) -> Option<usize> {
        self.choose_at(|_, endpoint| may(endpoint))
    }

    fn choose_at(&self, may: impl Fn(usize, &Endpoint) -> bool) -> Option<usize> {
        let wanted = match (self.order, self.last) {
            (Order::Listed, _) => None,
            (Order::Interleaved { .. }, Some(Family::V6)) if self.first_family == 0 => Some(Family::V4),
            (Order::Interleaved { .. }, _) => Some(Family::V6),
        };
        let mut first = None;
        for (i, endpoint) in self.waiting.iter().enumerate() {
            let in_turn = wanted.is_none() || family(endpoint) == wanted;
            if (in_turn || first.is_none()) && may(i, endpoint) {
                if in_turn {
                    return Some(i);
                }
                first = Some(i);
            }
        }
        first
    }
}

/// Whether the endpoint is to be tried after the others of its route.
pub(crate) fn failed_recently(route: &Route, endpoint: &Endpoint) -> bool {
    route.feedback.as_ref().is_some_and(|feedback| feedback.failed_recently(endpoint))
}

fn family(endpoint: &Endpoint) -> Option<Family> {
    endpoint.inet().map(|addr| match addr {
        SocketAddr::V4(_) => Family::V4,
        SocketAddr::V6(_) => Family::V6,
    })
}
