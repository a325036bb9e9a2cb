use super::settings_timeout::SettingsTimeout;
use crate::shared::Shared;
use skybridge_core::{Phase, RequestOptions, Runtime, Sleep, TimedOut, Timeouts};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// The time limits of one exchange that a pool keeps, and the timer of the one that runs.
pub(crate) struct ExchangeTimeouts {
    timeouts: Timeouts,
    /// Since when a connection is waited for.
    waiting: Option<Instant>,
    timer: Option<Pin<Box<dyn Sleep>>>,
    sending: Sending,
    /// Runs beside the other.
    settings: Option<Box<SettingsTimeout>>,
}

/// How far a request is that was started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sending {
    /// Its timer was not set yet.
    Started,
    /// So much of it had been sent when the timer was last set.
    Sent(u64),
    /// All of it has been sent: its response is waited for.
    Over,
}

impl ExchangeTimeouts {
    /// `None` when there are no such limits, and nobody observes it.
    #[cold]
    pub(crate) fn of(shared: &Shared, options: Option<&RequestOptions>, observed: bool) -> Option<Box<Self>> {
        let any = |timeouts: &Timeouts| {
            let Timeouts { pool_wait, write_idle, response_head, read_idle, .. } = timeouts;
            [pool_wait, write_idle, response_head, read_idle].iter().any(|limit| limit.is_some())
        };
        let own = options.map(|options| &options.timeouts);
        if !observed && !any(&shared.timeouts) && !own.is_some_and(any) {
            return None;
        }
        let timeouts = own.map_or_else(|| shared.timeouts.clone(), |own| own.or(&shared.timeouts));
        Some(Box::new(Self::new(timeouts)))
    }

    fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, waiting: None, timer: None, sending: Sending::Started, settings: None }
    }

    /// Of a request that has waited for its connection, which has not said yet what it may carry.
    #[cold]
    pub(super) fn await_settings(of: &mut Option<Box<Self>>, timeouts: Timeouts, settings: SettingsTimeout) {
        of.get_or_insert_with(|| Box::new(Self::new(timeouts))).settings = Some(Box::new(settings));
    }

    /// Ready with the limit that is over before the connection has said what it may carry.
    pub(super) fn poll_settings(&mut self, are_here: bool, cx: &mut Context<'_>) -> Poll<TimedOut> {
        if are_here {
            self.settings = None;
        }
        self.settings.as_mut().map_or(Poll::Pending, |settings| settings.poll(cx))
    }

    /// How long to wait for a connection. The limit on opening one is the connect's business.
    pub(crate) fn pool_wait(&self) -> Option<Duration> {
        self.timeouts.pool_wait
    }

    /// To wait for more of its body.
    pub(crate) fn read_idle(&self) -> Option<Duration> {
        self.timeouts.read_idle
    }

    /// Sets the timer of the wait for a connection. How long that may be counts from when it first began, whatever was
    /// found dead or not ready since.
    pub(crate) fn wait(&mut self, runtime: &dyn Runtime) {
        let since = *self.waiting.get_or_insert_with(|| runtime.now());
        let deadline = self.timeouts.pool_wait.and_then(|limit| since.checked_add(limit));
        self.timer = deadline.map(|deadline| runtime.sleep_until(deadline));
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.timer.is_some()
    }

    /// A request is started: what was waited for before is here.
    pub(crate) fn start(&mut self) {
        (self.timer, self.sending) = (None, Sending::Started);
    }

    /// Ready with the limit that is over: of sending the request, or of waiting for the response's head. `sent` is how
    /// much of the request has been sent, `None` for all of it.
    pub(crate) fn poll_exchange(
        &mut self,
        runtime: &dyn Runtime,
        sent: Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<TimedOut> {
        let Timeouts { write_idle, response_head, .. } = self.timeouts;
        loop {
            match (sent, self.sending) {
                (None, Sending::Started | Sending::Sent(_)) => {
                    self.sending = Sending::Over;
                    self.arm(runtime, response_head);
                }
                (Some(sent), Sending::Started) => {
                    self.sending = Sending::Sent(sent);
                    self.arm(runtime, write_idle.or(response_head));
                }
                _ => {}
            }
            ready!(self.poll(cx));
            return Poll::Ready(match (sent, self.sending) {
                (Some(sent), Sending::Sent(before)) if sent != before => {
                    self.sending = Sending::Started;
                    continue;
                }
                (_, Sending::Over) => TimedOut { phase: Phase::Wait, limit: response_head.unwrap_or_default() },
                _ => TimedOut { phase: Phase::Send, limit: write_idle.or(response_head).unwrap_or_default() },
            });
        }
    }

    /// Sets the timer, in place of the one before.
    fn arm(&mut self, runtime: &dyn Runtime, limit: Option<Duration>) {
        let deadline = limit.and_then(|limit| runtime.now().checked_add(limit));
        self.timer = deadline.map(|deadline| runtime.sleep_until(deadline));
    }

    pub(crate) fn disarm(&mut self) {
        (self.timer, self.settings) = (None, None);
    }

    /// Ready when the time is over; never, when none was set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
