use crate::{Phase, TimedOut};
use std::time::{Duration, Instant};

/// Time limits of one client or one request. A field that is `None` leaves the limit to the layer that owns it;
/// `Duration::MAX` means no limit.
///
/// | limit | default | owner | expiry means |
/// |---|---|---|---|
/// | `resolve` | 15 s | route | unsent |
/// | `attempt` (one TCP connect) | 10 s | race | unsent; the next endpoint is tried |
/// | `tunnel`, `tls`, `handshake` | 10 s each | their layer | unsent; the next route is tried |
/// | `connect` (plan and connect together) | 30 s | pool | unsent; unknown while HTTP/2's SETTINGS are waited for |
/// | `pool_wait` (waiting for a connection, until it is ready) | no limit | pool | unsent |
/// | `write_idle` (between two pieces of the request that are taken) | that of `response_head` | pool | unknown |
/// | `response_head` (from the request's end to the response's head) | no limit | pool | unknown |
/// | `read_idle` (between two pieces of the response's body) | no limit | pool | unknown |
/// | `call` (all of it, to the end of the response's body, however much of it is read) | no limit | facade | as far as it got |
///
/// ```
/// # use skybridge_core::Timeouts;
/// # use std::time::Duration;
/// let timeouts = Timeouts::new().connect(Duration::from_secs(10)).call(Duration::from_secs(30));
/// ```
///
/// Several requests may wait for the same connect. Each of its steps may then take as long as the most patient of them
/// allows. A request whose own limits (or the defaults, where it sets none) allow less fails with a timeout when they
/// are over; the connect goes on for the others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the table above is their documentation")]
pub struct Timeouts {
    pub resolve: Option<Duration>,
    pub attempt: Option<Duration>,
    pub tunnel: Option<Duration>,
    pub tls: Option<Duration>,
    pub handshake: Option<Duration>,
    pub connect: Option<Duration>,
    pub pool_wait: Option<Duration>,
    pub write_idle: Option<Duration>,
    pub response_head: Option<Duration>,
    pub read_idle: Option<Duration>,
    pub call: Option<Duration>,
}

impl Timeouts {
    /// Leaves every limit to the layer that owns it.
    pub const fn new() -> Self {
        Self {
            resolve: None,
            attempt: None,
            tunnel: None,
            tls: None,
            handshake: None,
            connect: None,
            pool_wait: None,
            write_idle: None,
            response_head: None,
            read_idle: None,
            call: None,
        }
    }

    /// Boxed, unless there are none: the facts of a connection keep the limits it was opened with.
    pub fn boxed(self) -> Option<Box<Self>> {
        if self == const { Self::new() } { None } else { Some(Box::new(self)) }
    }

    /// Sets the limit of looking up the names of one plan, and again of waiting until the resolver begins to.
    /// `Duration::MAX`: no limit.
    #[must_use]
    pub fn resolve(mut self, limit: Duration) -> Self {
        self.resolve = Some(limit);
        self
    }

    /// Sets the limit of one TCP connect. `Duration::MAX`: no limit.
    #[must_use]
    pub fn attempt(mut self, limit: Duration) -> Self {
        self.attempt = Some(limit);
        self
    }

    /// Sets the limit of the tunnel through the proxies. `Duration::MAX`: no limit.
    #[must_use]
    pub fn tunnel(mut self, limit: Duration) -> Self {
        self.tunnel = Some(limit);
        self
    }

    /// Sets the limit of the TLS handshake. `Duration::MAX`: no limit.
    #[must_use]
    pub fn tls(mut self, limit: Duration) -> Self {
        self.tls = Some(limit);
        self
    }

    /// Sets the limit of the handshake of HTTP. `Duration::MAX`: no limit.
    #[must_use]
    pub fn handshake(mut self, limit: Duration) -> Self {
        self.handshake = Some(limit);
        self
    }

    /// Sets the limit of planning and connecting together. `Duration::MAX`: no limit.
    #[must_use]
    pub fn connect(mut self, limit: Duration) -> Self {
        self.connect = Some(limit);
        self
    }

    /// Sets the limit of waiting for a connection until it is ready. `Duration::MAX`: no limit.
    #[must_use]
    pub fn pool_wait(mut self, limit: Duration) -> Self {
        self.pool_wait = Some(limit);
        self
    }

    /// Sets the limit of sending the request while nothing of it is taken. It is looked at once in such a time, so that
    /// a stalled request ends after between one and two of it. Unless it is set, the limit of the response's head is
    /// this one too. `Duration::MAX`: no limit.
    #[must_use]
    pub fn write_idle(mut self, limit: Duration) -> Self {
        self.write_idle = Some(limit);
        self
    }

    /// Sets the limit of waiting for the response's head, from the end of the request, however long that takes to be
    /// sent. `Duration::MAX`: no limit.
    #[must_use]
    pub fn response_head(mut self, limit: Duration) -> Self {
        self.response_head = Some(limit);
        self
    }

    /// Sets the limit of waiting for the next bytes of the response's body. `Duration::MAX`: no limit.
    #[must_use]
    pub fn read_idle(mut self, limit: Duration) -> Self {
        self.read_idle = Some(limit);
        self
    }

    /// Sets the limit of the whole call, to the end of the response's body. `Duration::MAX`: no limit.
    #[must_use]
    pub fn call(mut self, limit: Duration) -> Self {
        self.call = Some(limit);
        self
    }

    /// The limit of one phase of connecting, or of connecting in total ([`Phase::Acquire`]).
    pub fn of(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::LookupQueue | Phase::Resolve => self.resolve,
            Phase::Tcp => self.attempt,
            Phase::Tunnel => self.tunnel,
            Phase::Tls => self.tls,
            Phase::Handshake => self.handshake,
            Phase::Acquire => self.connect,
            _ => None,
        }
    }

    /// These limits, and those of `other` where these are `None`.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            resolve: self.resolve.or(other.resolve),
            attempt: self.attempt.or(other.attempt),
            tunnel: self.tunnel.or(other.tunnel),
            tls: self.tls.or(other.tls),
            handshake: self.handshake.or(other.handshake),
            connect: self.connect.or(other.connect),
            pool_wait: self.pool_wait.or(other.pool_wait),
            write_idle: self.write_idle.or(other.write_idle),
            response_head: self.response_head.or(other.response_head),
            read_idle: self.read_idle.or(other.read_idle),
            call: self.call.or(other.call),
        }
    }
}

/// The time limits of a connect that several requests wait for. What a step of it may take is decided by all of them,
/// and changes as requests come and go.
///
/// Implemented by a pool, and carried in the [`Ctx`](crate::Ctx) of the target; [`phase_timeout`](crate::phase_timeout)
/// consults it.
pub trait SharedTimeouts: Send + Sync + 'static {
    /// A step begins at `now`. `own` is the limit of its layer, which holds for requests that set none. Returns a
    /// number to pass to [`end`](Self::end).
    fn begin(&self, phase: Phase, own: Duration, now: Instant) -> u64;
    /// How long such a step may take: the longest limit among the requests that are waiting now.
    fn limit(&self, phase: Phase, own: Duration) -> Duration;
    /// The step with this number has ended, or was dropped.
    fn end(&self, step: u64);
    /// The limit that has ended the connect as a whole, so that what is under way is dropped: not because nobody wants
    /// it, but because it has taken too long. Default: `None`.
    fn ended_by(&self) -> Option<TimedOut> {
        None
    }
}
