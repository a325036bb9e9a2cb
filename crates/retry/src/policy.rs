use crate::{
    Budget, Head,
    answers::{Answers, wanted_after},
};
use http::{HeaderMap, StatusCode};
use skybridge_core::{Asked, Asking, Cause, ConnInfo, Deadline, Delivery, Error, Observe, Phase, Runtime};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a request may find its connection dead. Each time it is another connection, so only a pool full of dead
/// ones gets near.
const MAX_DEAD: u8 = 16;
/// How often a request may be refused by a connection that is shut down as planned. A server that ends each after ten
/// requests refuses forty of fifty callers each time, and always others.
const MAX_PLANNED: u8 = 255;
/// How often a request may be refused and sent again.
const MAX_REFUSED: u8 = 3;
/// How often it may be sent again when its connection was lost, without an answer and not for its age: one that is lost
/// like the one before says that the next would be too.
const MAX_LOST: u8 = 1;
/// How often it may be sent again when it may have been processed.
const MAX_UNKNOWN: u8 = 2;
/// The pause before the second counted try; doubled for each one after it.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) type UnknownIf = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// The settings of a layer.
#[derive(Clone)]
pub(crate) struct Policy {
    /// Whether more is retried than what was not sent.
    pub(crate) replays: bool,
    /// How often one request may be sent, for all reasons together.
    pub(crate) tries: u32,
    pub(crate) age: Duration,
    pub(crate) unknown_if: Option<UnknownIf>,
    /// Whether responses are taken that ask for their request again.
    pub(crate) answers: bool,
    /// How long they may ask to wait.
    pub(crate) retry_after: Duration,
    pub(crate) budget: Arc<Budget>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
    pub(crate) runtime: Option<Arc<dyn Runtime>>,
    /// What connections are asked to keep and return.
    pub(crate) asking: Option<Asking>,
}

/// How often one request has been sent again, and why.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    dead: u8,
    planned: u8,
    refused: u8,
    unknown: u8,
    answers: Answers,
    /// When it first failed.
    first: Option<Instant>,
}

impl Policy {
    /// Asks the connections for replays, if anything is to be asked: the result is held while the service below is
    /// called or polled.
    #[inline]
    pub(crate) fn ask(&self) -> Asked {
        Asked::new(self.asking)
    }

    /// A request comes.
    #[inline]
    pub(crate) fn deposit(&self) {
        if self.replays {
            self.budget.deposit();
        }
    }

    /// Clock and timers: the layer's own, or those of the connection that a request failed on.
    pub(crate) fn runtime(&self, connection: Option<&Arc<ConnInfo>>) -> Option<Arc<dyn Runtime>> {
        let of_connection = || connection.map(|info| Arc::clone(info.route.ctx().runtime()));
        self.runtime.clone().or_else(of_connection)
    }

    /// Whether what failed with `error` and came back as `head` is sent again, and after which pause.
    pub(crate) fn decide(
        &self,
        counts: &mut Counts,
        earlier: &[Error],
        error: &Error,
        head: Option<Head<'_>>,
        now: Instant,
    ) -> Option<Duration> {
        let head = head?;
        let tried_out = earlier.len() + 1 >= self.tries as usize;
        if tried_out || error.is_backing_off() || !Self::is_exchange(error) || counts.is_too_old(self.age, now) {
            return None;
        }
        match error.delivery() {
            // The next connection is to the same peer, which would say the same.
            Delivery::Unsent | Delivery::Unknown if matches!(error.cause(), Cause::Protocol(_)) => None,
            Delivery::Unsent => retry_on_another_connection(&mut counts.dead, MAX_DEAD, earlier, error),
            _ if !self.replays => None,
            Delivery::Refused if is_planned(error) => {
                retry_on_another_connection(&mut counts.planned, MAX_PLANNED, earlier, error)
            }
            Delivery::Refused => self.budgeted(counts, now, |counts| use_up(&mut counts.refused, MAX_REFUSED)),
            // Whoever closes idle connections is in no trouble, and these are as many as the pool had at most.
            Delivery::Unknown if matches!(error.cause(), Cause::Stale(_)) && self.may_be_repeated(&head) => {
                retry_on_another_connection(&mut counts.dead, MAX_DEAD, earlier, error)
            }
            // Its handshake took too long, and there is nobody else to ask: that is as any step of connecting.
            Delivery::Unknown if is_silent_from_the_start(error) && is_only_one(error) => None,
            Delivery::Unknown if self.may_be_repeated(&head) => {
                let most = if is_lost(error) { MAX_LOST } else { MAX_UNKNOWN };
                self.budgeted(counts, now, |counts| use_up(&mut counts.unknown, most))
            }
            _ => None,
        }
    }

    /// Whether what was answered so is sent again, and after which pause. If not, the response is the caller's: so
    /// nothing is taken of it, of the budget or of the counts before all else allows it.
    pub(crate) fn decide_answer(
        &self,
        counts: &mut Counts,
        earlier: &[Error],
        status: StatusCode,
        headers: &HeaderMap,
        now: Instant,
    ) -> Option<Duration> {
        // How often a proxy's challenge is answered, who makes the answer has counted. It is no sign of overload.
        let challenged = status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let after = if challenged { Duration::ZERO } else { wanted_after(status, headers)? };
        let tried_out = earlier.len() + 1 >= self.tries as usize || after > self.retry_after;
        let pause = if challenged { Duration::ZERO } else { after.max(pause(counts.counted())) };
        let at = now.checked_add(pause)?;
        let late = Deadline::current().is_some_and(|deadline| at >= deadline);
        if !self.answers || tried_out || late || counts.is_too_old(self.age, now) || counts.is_too_old(self.age, at) {
            return None;
        }
        (challenged || counts.answers.use_up(status) && self.budget.withdraw(now)).then_some(pause)
    }

    /// Whether an exchange failed, rather than what comes before one or a time limit.
    pub(crate) fn is_exchange(error: &Error) -> bool {
        match error.cause() {
            Cause::RequestBody(_)
            | Cause::ConnectionClosed(_)
            | Cause::ExpectationFailed
            | Cause::Misdirected
            | Cause::Answered(_)
            | Cause::GoAway(_)
            | Cause::Reset(_)
            | Cause::Protocol(_)
            | Cause::Io(_)
            | Cause::NoResponse(_)
            | Cause::Incomplete(_)
            | Cause::Unresponsive(_)
            | Cause::Stale(_)
            | Cause::Exchange(_) => true,
            // The peer wants another certificate than it gets, and would on the next connection.
            Cause::Tls(alert) => !alert.is_certificate(),
            _ => false,
        }
    }

    fn may_be_repeated(&self, head: &Head<'_>) -> bool {
        head.method.is_idempotent() || self.unknown_if.as_ref().is_some_and(|may| may(head))
    }

    fn budgeted(
        &self,
        counts: &mut Counts,
        now: Instant,
        use_up: impl FnOnce(&mut Counts) -> bool,
    ) -> Option<Duration> {
        let pause = pause(counts.counted());
        let late = counts.is_too_old(self.age, now + pause);
        (!late && use_up(counts) && self.budget.withdraw(now)).then_some(pause)
    }
}

impl Counts {
    /// How often it was sent again after what may be a sign of overload.
    fn counted(&self) -> u8 {
        self.refused + self.unknown + self.answers.count()
    }

    fn is_too_old(&mut self, age: Duration, now: Instant) -> bool {
        now.saturating_duration_since(*self.first.get_or_insert(now)) > age
    }
}

/// The connection was closed, closing or stale: retried at once on another one, but never twice for the same
/// connection.
fn retry_on_another_connection(counter: &mut u8, most: u8, earlier: &[Error], error: &Error) -> Option<Duration> {
    let dead = error.connection()?;
    let before = |error: &Error| {
        (error.delivery() == Delivery::Unsent || is_planned(error) || matches!(error.cause(), Cause::Stale(_)))
            && error.connection().is_some_and(|other| Arc::ptr_eq(other, dead))
    };
    (!earlier.iter().any(before) && use_up(counter, most)).then_some(Duration::ZERO)
}

/// Whether the connection was lost, and the peer has not said why.
fn is_lost(error: &Error) -> bool {
    matches!(error.cause(), Cause::NoResponse(_) | Cause::Io(_))
}

/// Whether a connection that was made has never been spoken on by its peer, until a limit for that was over.
fn is_silent_from_the_start(error: &Error) -> bool {
    error.phase() == Phase::Handshake && matches!(error.cause(), Cause::Unresponsive(_))
}

/// Whether another connection would be to the same endpoint.
fn is_only_one(error: &Error) -> bool {
    error.connection().is_some_and(|info| info.route.endpoints.snapshot().len() < 2)
}

/// Whether the peer shuts down a connection that works.
fn is_planned(error: &Error) -> bool {
    matches!(error.cause(), Cause::GoAway(goaway) if goaway.is_planned())
}

fn use_up(counter: &mut u8, most: u8) -> bool {
    let left = *counter < most;
    *counter += u8::from(left);
    left
}

/// No pause before the first retry; then between half and all of an interval that doubles.
fn pause(tries: u8) -> Duration {
    match tries.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => PAUSE * (1 << doublings) * fastrand::u32(50..=100) / 100,
    }
}
