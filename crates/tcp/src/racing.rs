use crate::{
    attempt::attempt,
    error::NoEndpoint,
    line_up::LineUp,
    race::{Pace, RaceLayer},
};
use skybridge_core::{BoxFuture, ConnectError, Dialer, Endpoint, Link, Phase, Route, Sleep};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// One race under way. Dropped, it closes every socket it has opened.
pub struct Racing<S: Dialer> {
    dialer: S,
    route: Route,
    pace: Pace,
    limit: Duration,
    line_up: LineUp,
    started: usize,
    /// In the order of their starts.
    running: Vec<BoxFuture<Result<Link<S::Io>, ConnectError>>>,
    /// Until it fires the next one waits, unless one fails.
    gap: Option<Pin<Box<dyn Sleep>>>,
    first_error: Option<ConnectError>,
}

impl<S: Dialer> Racing<S> {
    pub(crate) fn new(dialer: S, mut route: Route, rules: RaceLayer) -> Self {
        let (limit, line_up) = (rules.timeout, LineUp::new(rules.order()));
        // A handle that reads the list from its start.
        route.endpoints = route.endpoints.clone();
        Self {
            dialer,
            route,
            pace: rules.pace,
            limit,
            line_up,
            started: 0,
            running: Vec::new(),
            gap: None,
            first_error: None,
        }
    }

    /// Asks all that run, the oldest first. A failure opens the gap for the next start.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Result<Link<S::Io>, ConnectError>> {
        let mut i = 0;
        while let Some(running) = self.running.get_mut(i) {
            match running.as_mut().poll(cx) {
                Poll::Pending => i += 1,
                Poll::Ready(Ok(link)) => return Poll::Ready(Ok(link)),
                Poll::Ready(Err(error)) if error.is_fatal() => return Poll::Ready(Err(error)),
                Poll::Ready(Err(error)) => {
                    drop(self.running.remove(i));
                    self.gap = None;
                    self.first_error.get_or_insert(error);
                }
            }
        }
        Poll::Pending
    }

    /// Whether one more may start now.
    fn may_start(&mut self, cx: &mut Context<'_>) -> bool {
        if self.running.is_empty() {
            return true;
        }
        match (self.pace, &mut self.gap) {
            (Pace::Sequential, _) => false,
            (Pace::Staggered(_), None) => true,
            (Pace::Staggered(_), Some(gap)) => gap.as_mut().poll(cx).is_ready(),
        }
    }

    /// Whether the route allows no further attempt.
    fn is_spent(&self) -> bool {
        self.started >= self.route.max_attempts
    }

    fn start(&mut self, endpoint: Endpoint) {
        self.started += 1;
        if let Err(refused) = self.route.target.connect_options().egress.check(&endpoint) {
            let error = ConnectError::new(Phase::Tcp, refused).fatal();
            let error = self.route.attempt(endpoint).failed(error);
            self.first_error.get_or_insert(error);
            return;
        }
        let attempt = attempt(self.dialer.clone(), self.route.clone(), endpoint, self.limit);
        self.running.push(Box::pin(attempt));
        if let Pace::Staggered(delay) = self.pace {
            let runtime = self.route.ctx().runtime();
            self.gap = Some(runtime.sleep_until(runtime.now() + delay));
        }
    }

    /// All that were there have failed, or there were none.
    fn lost(&mut self) -> ConnectError {
        let none = || ConnectError::new(Phase::Tcp, NoEndpoint);
        self.first_error.take().or_else(|| self.route.endpoints.error()).unwrap_or_else(none)
    }

    fn end(&mut self) {
        self.running.clear();
        self.gap = None;
    }
}

impl<S: Dialer> Future for Racing<S> {
    type Output = Result<Link<S::Io>, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(result) = this.poll_running(cx) {
                // The losers' sockets close before the winner is seen.
                this.end();
                return Poll::Ready(result);
            }
            this.line_up.gather(&mut this.route, cx);
            if this.running.is_empty() && (this.line_up.is_over() || this.is_spent()) {
                return Poll::Ready(Err(this.lost()));
            }
            if this.line_up.is_empty() || this.is_spent() || !this.may_start(cx) {
                return Poll::Pending;
            }
            if let Some(endpoint) = this.line_up.next(&this.route) {
                this.start(endpoint);
            }
        }
    }
}

// What is pinned in it is in boxes.
impl<S: Dialer> Unpin for Racing<S> {}

impl<S: Dialer> fmt::Debug for Racing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Racing")
            .field("route", &self.route)
            .field("running", &self.running.len())
            .field("line_up", &self.line_up)
            .finish_non_exhaustive()
    }
}
