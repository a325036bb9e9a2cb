use crate::{
    attempt::attempt,
    endpoint_queue::{EndpointQueue, failed_recently},
    error::NoEndpoint,
    race_settings::{LONGEST_DELAY, Pace, RaceSettings},
};
use skybridge_core::{BoxFuture, ConnectError, Dialer, EgressRefused, Endpoint, Link, Phase, Route, Sleep};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// So many delays are before what failed recently, but no more than the longest delay there may be: what is slow, and
/// works, is not overtaken by what takes a connection and then fails again.
const POSTPONED: u32 = 4;

/// The future of [`Race`](crate::Race). Dropped, it closes every socket it has opened.
pub struct Racing<S: Dialer> {
    dialer: S,
    route: Route,
    pace: Pace,
    limit: Duration,
    resolution_delay: Duration,
    queue: EndpointQueue,
    started: usize,
    /// The delay is the longer one, before what failed recently.
    is_longer: bool,
    /// What started last failed recently too: nothing is gained by giving it more time.
    last_was_postponed: bool,
    /// The attempts that are running, in the order in which they started.
    running: Vec<BoxFuture<Result<Link<S::Io>, ConnectError>>>,
    /// Fires when the next attempt may start, unless one fails before; or the first, unless IPv6 addresses come before.
    delay: Option<Pin<Box<dyn Sleep>>>,
    first_error: Option<ConnectError>,
}

impl<S: Dialer> Racing<S> {
    pub(crate) fn new(dialer: S, mut route: Route, settings: RaceSettings) -> Self {
        let RaceSettings { pace, timeout: limit, resolution_delay, order } = settings;
        let queue = EndpointQueue::new(order);
        // A handle of its own reads the list from the start.
        route.endpoints = route.endpoints.clone();
        Self {
            dialer,
            route,
            pace,
            limit,
            resolution_delay,
            queue,
            started: 0,
            is_longer: false,
            last_was_postponed: false,
            running: Vec::new(),
            delay: None,
            first_error: None,
        }
    }

    /// Polls the running attempts, the oldest first. After a failure the next may start at once.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Result<Link<S::Io>, ConnectError>> {
        let mut i = 0;
        while let Some(running) = self.running.get_mut(i) {
            match running.as_mut().poll(cx) {
                Poll::Pending => i += 1,
                Poll::Ready(Ok(link)) => return Poll::Ready(Ok(link)),
                Poll::Ready(Err(error)) if error.is_fatal() => return Poll::Ready(Err(error)),
                Poll::Ready(Err(error)) => {
                    drop(self.running.remove(i));
                    self.delay = None;
                    self.keep(error);
                }
            }
        }
        Poll::Pending
    }

    /// Keeps the first error; but that there are no descriptors goes before what others say of the peer, as it passes.
    fn keep(&mut self, error: ConnectError) {
        let first = self.first_error.get_or_insert_with(|| error.clone());
        if error.is_out_of_descriptors() && !first.is_out_of_descriptors() {
            *first = error;
        }
    }

    /// Whether another attempt may start now.
    fn may_start(&mut self, cx: &mut Context<'_>) -> bool {
        if self.running.is_empty() {
            return true;
        }
        match (self.pace, &mut self.delay) {
            (Pace::Sequential, _) => false,
            (Pace::Staggered(_), None) => true,
            (Pace::Staggered(_), Some(delay)) => delay.as_mut().poll(cx).is_ready(),
        }
    }

    /// Whether those that run get more time, as only what failed recently is left. One that fails ends that.
    fn holds_back(&mut self) -> bool {
        let Pace::Staggered(delay) = self.pace else { return false };
        if self.is_longer || self.last_was_postponed || self.running.is_empty() || !self.queue.is_postponed(&self.route)
        {
            return false;
        }
        let more = (delay * POSTPONED).min(LONGEST_DELAY).saturating_sub(delay);
        let Some(timer) = self.delay.as_mut().filter(|_| !more.is_zero()) else { return false };
        self.is_longer = true;
        let runtime = self.route.ctx().runtime();
        timer.as_mut().reset(runtime.now() + more);
        true
    }

    /// Whether the first attempt has to wait for IPv6 addresses, of which none is known (RFC 8305, section 3).
    fn awaits_ipv6(&mut self, cx: &mut Context<'_>) -> bool {
        if self.started > 0 || !self.queue.may_lack_ipv6(&self.route) {
            return false;
        }
        let runtime = self.route.ctx().runtime();
        let now = runtime.now();
        let answered = self.route.resolved.map_or(now, |span| span.end);
        // A deadline that the clock can't reach: until the look-up is over.
        let Some(deadline) = answered.checked_add(self.resolution_delay) else { return true };
        if deadline <= now {
            return false;
        }
        self.delay.get_or_insert_with(|| runtime.sleep_until(deadline)).as_mut().poll(cx).is_pending()
    }

    /// Whether the route allows no further attempt.
    fn is_exhausted(&self) -> bool {
        self.started >= self.route.max_attempts
    }

    fn check_egress(&self, endpoint: &Endpoint) -> Result<(), EgressRefused> {
        let (origin, egress) = (self.route.target.origin(), &self.route.target.connect_options().egress);
        if self.route.proxies.is_empty() {
            egress.check(origin, endpoint)
        } else {
            egress.check_proxy(origin, endpoint)
        }
    }

    fn start(&mut self, endpoint: Endpoint) {
        self.started += 1;
        self.is_longer = false;
        if let Err(refused) = self.check_egress(&endpoint) {
            let error = ConnectError::new(Phase::Tcp, refused).fatal();
            let error = self.route.attempt(endpoint).failed(error);
            self.first_error.get_or_insert(error);
            return;
        }
        let attempt = attempt(self.dialer.clone(), self.route.clone(), endpoint, self.limit);
        self.running.push(Box::pin(attempt));
        if let Pace::Staggered(delay) = self.pace {
            let runtime = self.route.ctx().runtime();
            self.delay = Some(runtime.sleep_until(runtime.now() + delay));
        }
    }

    /// The error of the race, when every attempt has failed or there was none.
    fn take_error(&mut self) -> ConnectError {
        let none = || ConnectError::new(Phase::Tcp, NoEndpoint);
        self.first_error.take().or_else(|| self.route.endpoints.error()).unwrap_or_else(none)
    }

    fn close(&mut self) {
        self.running.clear();
        self.delay = None;
    }
}

impl<S: Dialer> Future for Racing<S> {
    type Output = Result<Link<S::Io>, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(result) = this.poll_running(cx) {
                // Closes the other sockets before the winner is returned.
                this.close();
                return Poll::Ready(result);
            }
            this.queue.poll_resolved(&mut this.route, cx);
            if this.is_longer && !this.queue.is_postponed(&this.route) {
                // It has waited for long enough.
                (this.is_longer, this.delay) = (false, None);
            }
            if this.running.is_empty() && (this.queue.is_finished() || this.is_exhausted()) {
                return Poll::Ready(Err(this.take_error()));
            }
            if this.queue.is_empty() || this.is_exhausted() || this.awaits_ipv6(cx) || !this.may_start(cx) {
                return Poll::Pending;
            }
            if this.holds_back() {
                continue;
            }
            if let Some(endpoint) = this.queue.next(&this.route) {
                this.last_was_postponed = failed_recently(&this.route, &endpoint);
                this.start(endpoint);
            }
        }
    }
}

// The pinned futures in it are boxed.
impl<S: Dialer> Unpin for Racing<S> {}

impl<S: Dialer> fmt::Debug for Racing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Racing")
            .field("route", &self.route)
            .field("running", &self.running.len())
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
