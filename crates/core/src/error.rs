mod connect;
mod failed;

pub use self::{connect::ConnectError, failed::Failed};

use crate::{AttemptReport, ConnInfo, Delivery, OriginError, Phase, RequestError};
use std::{convert::Infallible, error::Error as StdError, fmt, sync::Arc, time::Duration};

/// Anybody's error.
pub type BoxError = Box<dyn StdError + Send + Sync>;

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
    /// The peer is ending, as planned, a connection that has carried something, and processes nothing of what came last (GOAWAY with NO_ERROR,
    /// RFC 9113, section 6.8). Nothing is wrong with the request, nor with the peer: any other connection will do.
    GoingAway(BoxError),
    /// The exchange failed on its connection.
    Exchange(BoxError),
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
