use crate::{AttemptId, AttemptReport, ConnInfo, Ctx, Delivery, Endpoint, OriginError, Phase, RequestError};
use std::{convert::Infallible, error::Error as StdError, fmt, sync::Arc, time::Duration};

/// Anybody's error.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why there is no connection. Cheap to clone: everybody who waited for one connect gets the same error.
#[derive(Clone, Debug)]
pub struct ConnectError(Arc<ConnectRepr>);

#[derive(Clone, Debug)]
struct ConnectRepr {
    phase: Option<Phase>,
    attempt: Option<AttemptId>,
    endpoint: Option<Endpoint>,
    route: Option<Box<str>>,
    fatal: bool,
    source: Arc<dyn StdError + Send + Sync>,
    attempts: Vec<AttemptReport>,
}

/// A time limit is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TimedOut {
    /// What took too long.
    pub phase: Phase,
    /// How long it may take.
    pub limit: Duration,
}

/// A queue or a limit is full, and waiting is not allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Overloaded {
    /// What is full.
    pub what: &'static str,
    /// How many it may hold.
    pub limit: usize,
}

/// Why there is no response.
#[derive(Debug)]
pub struct Error(Box<Repr>);

#[derive(Debug)]
struct Repr {
    delivery: Delivery,
    phase: Phase,
    cause: Cause,
    connection: Option<Arc<ConnInfo>>,
    earlier: Vec<Error>,
}

/// What went wrong: typed, so that nobody has to downcast.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// There is no connection to send on.
    Connect(ConnectError),
    /// The request itself can't be sent by anybody.
    Request(RequestError),
    /// A time limit is over.
    TimedOut(TimedOut),
    /// A queue or a limit is full.
    Overloaded(Overloaded),
    /// The pool was closed.
    Closed,
    /// A connection of another origin answered with 421 (RFC 9110, section 15.5.20): not this one, not for this origin.
    Misdirected,
    /// The peer is ending the connection as planned, and processes nothing of what came last (GOAWAY with NO_ERROR, RFC 9113, section 6.8).
    /// Nothing is wrong with the request, nor with the peer: any other connection will do.
    GoingAway(BoxError),
    /// The exchange failed on its connection.
    Exchange(BoxError),
}

/// An [`Error`] that may still hold the request it failed, complete and as it came down.
///
/// Services below a retry layer fail with this, those above it with a plain [`Error`]. Whether it *may* be sent again is
/// [`error.delivery()`](Error::delivery) alone.
pub struct Failed<R> {
    /// What went wrong.
    pub error: Error,
    /// The request.
    pub request: Option<Box<R>>,
}

// === impl ConnectError ===

impl ConnectError {
    /// A failure of one phase.
    pub fn new(phase: Phase, source: impl Into<BoxError>) -> Self {
        Self::from_source(source.into()).in_phase(phase)
    }

    fn from_source(source: BoxError) -> Self {
        Self(Arc::new(ConnectRepr {
            phase: None,
            attempt: None,
            endpoint: None,
            route: None,
            fatal: false,
            source: source.into(),
            attempts: Vec::new(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut ConnectRepr)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// No other route would help: a failed pin, a bad certificate, refused credentials.
    pub fn fatal(self) -> Self {
        self.with(|repr| repr.fatal = true)
    }

    /// Names the phase, unless one is named already.
    pub fn in_phase(self, phase: Phase) -> Self {
        if self.0.phase.is_some() { self } else { self.with(|repr| repr.phase = Some(phase)) }
    }

    /// Names the attempt and its endpoint, unless they are named already.
    pub(crate) fn of_attempt(self, attempt: AttemptId, ctx: &Ctx) -> Self {
        if self.0.attempt.is_some() {
            return self;
        }
        self.with(|repr| {
            repr.attempt = Some(attempt);
            repr.endpoint = ctx.trail().endpoint(attempt);
        })
    }

    /// Names the endpoint.
    pub fn at(self, endpoint: Endpoint) -> Self {
        self.with(|repr| repr.endpoint = Some(endpoint))
    }

    /// Names the route.
    pub fn on_route(self, route: impl fmt::Display) -> Self {
        self.with(|repr| repr.route = Some(route.to_string().into()))
    }

    /// Adds what was tried on the whole.
    pub fn with_attempts(self, attempts: Vec<AttemptReport>) -> Self {
        self.with(|repr| repr.attempts = attempts)
    }

    /// Where it failed; `None` when a foreign layer failed without saying so.
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// The attempt that failed last.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.0.attempt
    }

    /// The endpoint that failed last.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.0.endpoint.as_ref()
    }

    /// The route, as text.
    pub fn route(&self) -> Option<&str> {
        self.0.route.as_deref()
    }

    /// True when no other route would help.
    pub fn is_fatal(&self) -> bool {
        self.0.fatal
    }

    /// True when a time limit ended it.
    pub fn is_timeout(&self) -> bool {
        self.timed_out().is_some()
    }

    /// The time limit that ended it.
    pub fn timed_out(&self) -> Option<TimedOut> {
        causes(&*self.0.source).find_map(|cause| cause.downcast_ref::<TimedOut>().copied())
    }

    /// Every attempt, in order, losers of races too.
    pub fn attempts(&self) -> &[AttemptReport] {
        &self.0.attempts
    }

    /// The innermost cause.
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        let source: &(dyn StdError + 'static) = &*self.0.source;
        causes(source).last().unwrap_or(source)
    }

    /// The cause, if it is of this type.
    pub fn source_as<E: StdError + 'static>(&self) -> Option<&E> {
        causes(&*self.0.source).find_map(|cause| cause.downcast_ref())
    }
}

fn causes<'a>(first: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(first), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// The gate for foreign middleware: tower's layers erase errors, this restores ours.
impl From<BoxError> for ConnectError {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::from_source(error),
        }
    }
}

impl From<TimedOut> for ConnectError {
    fn from(error: TimedOut) -> Self {
        Self::new(error.phase, error)
    }
}

impl From<std::io::Error> for ConnectError {
    fn from(error: std::io::Error) -> Self {
        Self::from_source(error.into())
    }
}

impl From<Infallible> for ConnectError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("could not connect")?;
        if let Some(route) = &self.0.route {
            write!(f, " to {route}")?;
        }
        if let Some(endpoint) = &self.0.endpoint {
            write!(f, " at {endpoint}")?;
        }
        if let Some(phase) = self.0.phase {
            write!(f, ": {phase} failed")?;
        }
        Ok(())
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0.source)
    }
}

// === impl TimedOut, Overloaded ===

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} took longer than {:?}", self.phase, self.limit)
    }
}

impl StdError for TimedOut {}

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is full ({})", self.what, self.limit)
    }
}

impl StdError for Overloaded {}

// === impl Error ===

impl Error {
    /// A failed exchange.
    pub fn new(delivery: Delivery, phase: Phase, source: impl Into<BoxError>) -> Self {
        Self::of(delivery, phase, Cause::Exchange(source.into()))
    }

    /// An error of any cause.
    pub fn of(delivery: Delivery, phase: Phase, cause: Cause) -> Self {
        Self(Box::new(Repr { delivery, phase, cause, connection: None, earlier: Vec::new() }))
    }

    /// Names the connection it failed on, unless one is named already.
    pub fn on(mut self, connection: &Arc<ConnInfo>) -> Self {
        self.0.connection.get_or_insert_with(|| Arc::clone(connection));
        self
    }

    /// Adds the errors of earlier tries of the same request, the first first.
    pub fn after(mut self, earlier: Vec<Self>) -> Self {
        self.0.earlier = earlier;
        self
    }

    /// Whether the origin can have processed the request.
    pub fn delivery(&self) -> Delivery {
        self.0.delivery
    }

    /// How far it got.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What went wrong.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The facts of the connection it failed on.
    pub fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.0.connection.as_ref()
    }

    /// What went wrong in earlier tries of the same request.
    pub fn earlier(&self) -> &[Self] {
        &self.0.earlier
    }

    /// Every attempt to connect that this error knows of.
    pub fn attempts(&self) -> &[AttemptReport] {
        match &self.0.cause {
            Cause::Connect(error) => error.attempts(),
            _ => &[],
        }
    }

    /// True when there was no connection.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.cause, Cause::Connect(_))
    }

    /// True when the request can't be sent by anybody.
    pub fn is_request(&self) -> bool {
        matches!(self.0.cause, Cause::Request(_))
    }

    /// True when a time limit ended it.
    pub fn is_timeout(&self) -> bool {
        match &self.0.cause {
            Cause::TimedOut(_) => true,
            Cause::Connect(error) => error.is_timeout(),
            _ => false,
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::of(Delivery::Unsent, error.phase().unwrap_or(Phase::Acquire), Cause::Connect(error))
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::of(Delivery::Unsent, Phase::Acquire, Cause::Request(error))
    }
}

impl From<OriginError> for Error {
    fn from(error: OriginError) -> Self {
        RequestError::from(error).into()
    }
}

/// The gate for foreign middleware above a retry layer.
impl From<BoxError> for Error {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::new(Delivery::Unknown, Phase::Wait, error),
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.cause {
            Cause::Connect(_) => "no connection",
            Cause::Request(_) => "the request can't be sent",
            Cause::TimedOut(_) => "timed out",
            Cause::Overloaded(_) => "overloaded",
            Cause::Closed => "the pool is closed",
            Cause::Misdirected => "a coalesced connection was the wrong one",
            Cause::GoingAway(_) => "the connection was being ended",
            Cause::Exchange(_) => "the exchange failed",
        })?;
        if let Cause::Exchange(_) = self.0.cause {
            write!(f, " ({})", self.0.phase)?;
        }
        if let Some(connection) = &self.0.connection {
            write!(f, " on {connection}")?;
        }
        if !self.is_request() {
            f.write_str(match self.0.delivery {
                Delivery::Unsent => "; the request was not sent",
                Delivery::Refused => "; the request was refused unprocessed",
                Delivery::Unknown => "; the request may have been processed",
            })?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::Connect(error) => Some(error),
            Cause::Request(error) => Some(error),
            Cause::TimedOut(error) => Some(error),
            Cause::Overloaded(error) => Some(error),
            Cause::Closed | Cause::Misdirected => None,
            Cause::GoingAway(error) | Cause::Exchange(error) => Some(&**error),
        }
    }
}

// === impl Failed ===

impl<R> Failed<R> {
    /// The request came back.
    pub fn with(error: impl Into<Error>, request: R) -> Self {
        Self { error: error.into(), request: Some(Box::new(request)) }
    }

    /// The request is gone.
    pub fn lost(error: impl Into<Error>) -> Self {
        Self { error: error.into(), request: None }
    }
}

impl<R> From<Failed<R>> for Error {
    fn from(failed: Failed<R>) -> Self {
        failed.error
    }
}

impl<R> fmt::Debug for Failed<R> {
    /// Without the request: its headers may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed").field("error", &self.error).field("request", &self.request.is_some()).finish()
    }
}

impl<R> fmt::Display for Failed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<R> StdError for Failed<R> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
