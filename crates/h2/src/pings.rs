use crate::{alarm::Alarm, ending::DriverEnd, settings::Settings, shared::Shared};
use h2::{Ping, PingPong};
use http_body::Body;
use skybridge_core::ConnectionStatus;
use std::{
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// The driver's PINGs (RFC 9113, section 6.7), and what else it waits for by the clock. The h2 crate sends one PING at
/// a time, so one serves whoever wants to know: whether the peer is alive, and how long a round trip takes.
pub(crate) struct Pings {
    interval: Duration,
    timeout: Duration,
    while_idle: bool,
    settings_timeout: Duration,
    sent: Option<Sent>,
    /// When the next keep-alive PING is due.
    next: Option<Instant>,
    /// When the peer's SETTINGS must be here.
    settings_due: Option<Instant>,
    alarm: Option<Alarm>,
    /// Taken from the connection when the first PING is sent: from then on it costs something whenever that is polled.
    ping_pong: Option<PingPong>,
}

/// A PING that was sent, and what had been read before.
struct Sent {
    data: usize,
    reads: usize,
    /// How many bytes had been written.
    written: usize,
    /// When it must be answered; `None` when it only measures.
    due: Option<Instant>,
}

impl Pings {
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            interval: settings.keep_alive_interval,
            timeout: settings.keep_alive_timeout,
            while_idle: settings.keep_alive_while_idle,
            settings_timeout: settings.settings_timeout,
            sent: None,
            next: now.checked_add(settings.keep_alive_interval),
            settings_due: now.checked_add(settings.settings_timeout),
            alarm: None,
            ping_pong: None,
        }
    }

    /// The driver has another waker: the alarm is set anew when it is looked at.
    pub(crate) fn disarm(&mut self) {
        self.alarm = None;
    }

    /// Whether a PING can be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.ping_pong.is_some()
    }

    /// PINGs can be sent by this.
    pub(crate) fn open(&mut self, ping_pong: Option<PingPong>) {
        self.ping_pong = ping_pong;
    }

    /// Whether one is due soon or later without being asked for.
    pub(crate) fn are_regular(&self) -> bool {
        self.next.is_some()
    }

    /// How many bytes of DATA came in one round trip, when a PING has been answered.
    pub(crate) fn poll_answer<B: Body>(&mut self, shared: &Shared<B>, cx: &mut Context<'_>) -> Option<usize> {
        let sent = self.sent.as_ref()?;
        if !matches!(self.ping_pong.as_mut()?.poll_pong(cx), Poll::Ready(Ok(_))) {
            return None;
        }
        let (data, asked) = (shared.wire.data().wrapping_sub(sent.data), sent.due.is_some());
        self.sent = None;
        if asked {
            // Whatever is said to be suspect by now: the PING that decides is asked for after it was said.
            shared.suspected.store(false, Ordering::Release);
            shared.status.report(ConnectionStatus::Healthy);
        } else {
            shared.is_alive();
        }
        Some(data)
    }

    /// Sends a PING, unless one is under way.
    pub(crate) fn measure<B: Body>(&mut self, shared: &Shared<B>) {
        if self.sent.is_none()
            && let Some(ping_pong) = &mut self.ping_pong
        {
            // An error says that the connection is at its end.
            let _ = ping_pong.send_ping(Ping::opaque());
            self.sent = Some(Sent {
                data: shared.wire.data(),
                reads: shared.wire.reads(),
                written: shared.wire.sent(),
                due: None,
            });
        }
    }

    /// Sends a PING, unless one is under way, that must be answered in time.
    pub(crate) fn probe<B: Body>(&mut self, shared: &Shared<B>) {
        self.measure(shared);
        let due = shared.runtime.now().checked_add(self.timeout);
        if let Some(sent) = self.sent.as_mut().filter(|sent| sent.due.is_none()) {
            (sent.due, sent.reads, sent.written) = (due, shared.wire.reads(), shared.wire.sent());
        }
    }

    /// Looks at the clock if it is time to, and sets the alarm. Returns why the connection is at its end, if it is.
    pub(crate) fn poll_alarm<B: Body>(&mut self, shared: &Shared<B>, cx: &mut Context<'_>) -> Option<DriverEnd> {
        if shared.capacity.is_announced() {
            self.settings_due = None;
        }
        loop {
            let sent_due = self.sent.as_ref().and_then(|sent| sent.due);
            let Some(due) = [self.settings_due, sent_due, self.next].into_iter().flatten().min() else {
                self.alarm = None;
                return None;
            };
            let runtime = &*shared.runtime;
            let alarm = match self.alarm.as_mut() {
                Some(alarm) => alarm,
                None => self.alarm.insert(Alarm::new(runtime, due, cx, &shared.wire)),
            };
            alarm.reset(due);
            if alarm.poll().is_pending() {
                return None;
            }
            // A timer that has fired is not polled again before it is set anew.
            self.alarm = None;
            let now = runtime.now().max(due);
            if let Some(ending) = self.time_is_up(shared, now) {
                return Some(ending);
            }
        }
    }

    fn time_is_up<B: Body>(&mut self, shared: &Shared<B>, now: Instant) -> Option<DriverEnd> {
        if self.settings_due.is_some_and(|due| due <= now) {
            return Some(DriverEnd::SettingsTimeout(self.settings_timeout));
        }
        if let Some(sent) = self.sent.as_mut().filter(|sent| sent.due.is_some_and(|due| due <= now)) {
            let (reads, written) = (shared.wire.reads(), shared.wire.blocked());
            // The PING may be behind a lot of data of ours, and the answer behind a lot of the peer's. It is alive as
            // long as it takes the one, or sends the other.
            if reads == sent.reads && written.is_none_or(|written| written == sent.written) {
                return Some(DriverEnd::PingTimeout(self.timeout));
            }
            (sent.reads, sent.written, sent.due) = (reads, shared.wire.sent(), now.checked_add(self.timeout));
            shared.is_alive();
        }
        if self.next.is_some_and(|due| due <= now) {
            self.next = now.checked_add(self.interval);
            if self.while_idle || shared.wire.open_streams() > 0 {
                self.probe(shared);
            }
        }
        None
    }
}

impl<B: Body> Shared<B> {
    /// A response did not come in time, or the machine slept: the driver sends a PING that decides. Until it is
    /// answered the connection is suspect if nothing at all was read from the peer since it had read so often.
    #[cold]
    pub(crate) fn suspect(&self, reads: Option<usize>) {
        if reads == Some(self.wire.reads()) && !self.suspected.swap(true, Ordering::AcqRel) {
            self.status.report(ConnectionStatus::Suspect);
        }
        self.wants_probe.store(true, Ordering::Release);
        self.wire.set_control();
        let driver = self.probe().driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Something came.
    fn is_alive(&self) {
        if self.suspected.swap(false, Ordering::AcqRel) {
            self.status.report(ConnectionStatus::Healthy);
        }
    }

    pub(crate) fn take_wants_probe(&self) -> bool {
        self.wants_probe.swap(false, Ordering::AcqRel)
    }
}
