mod causes;
mod connect;
mod delivery;
mod failed;

pub use self::{connect::ConnectError, delivery::Delivery, failed::Failed};

use crate::{AttemptReport, ConnInfo, OriginError, Phase, RequestError};
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
///
/// [`phase`](Self::phase), [`cause`](Self::cause) and [`connection`](Self::connection) are those of the last try; the others are in
/// [`earlier`](Self::earlier). What is said of the request, [`delivery`](Self::delivery) above all, is true of all tries together.
#[derive(Debug)]
pub struct Error(Box<Repr>);

#[derive(Debug)]
struct Repr {
    /// Of the last try.
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

    /// Adds the errors of earlier tries of the same request, the first first, before those that this one names already.
    ///
    /// The origin can have processed the request if it can have processed any of them.
    pub fn after(mut self, earlier: Vec<Self>) -> Self {
        let later = std::mem::take(&mut self.0.earlier);
        // One list: what an error names of its own earlier tries goes before it.
        let flat = earlier.into_iter().flat_map(|mut error| {
            let mut tries = std::mem::take(&mut error.0.earlier);
            tries.push(error);
            tries
        });
        self.0.earlier = flat.chain(later).collect();
        self
    }

    /// Whether the origin can have processed the request, in this try or an earlier one.
    pub fn delivery(&self) -> Delivery {
        self.0.earlier.iter().map(Self::delivery).fold(self.0.delivery, Delivery::max)
    }

    /// How far the last try got.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What went wrong.
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// The facts of the connection that the last try failed on.
    pub fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.0.connection.as_ref()
    }

    /// What went wrong in earlier tries of the same request, the first first, each with the [`delivery`](Self::delivery) of its own.
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

    /// True when there was no connection, so that nothing was sent. False when there was one for an earlier try that the peer saw.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.cause, Cause::Connect(_)) && self.delivery() == Delivery::Unsent
    }

    /// True when the request can't be sent by anybody.
    pub fn is_request(&self) -> bool {
        matches!(self.0.cause, Cause::Request(_))
    }

    /// True when a time limit ended it, at whatever height of the stack: one of the stack's own, an [`io::Error`](std::io::Error) of the kind
    /// `TimedOut`, or, with the feature `tower` of `skybridge-core` (which `skybridge` and `skybridge-hyper` switch on), one of `tower::timeout` or
    /// `tokio::time::timeout`.
    pub fn is_timeout(&self) -> bool {
        match &self.0.cause {
            Cause::TimedOut(_) => true,
            Cause::Connect(error) => error.is_timeout(),
            Cause::GoingAway(error) | Cause::Exchange(error) => causes::is_timeout(&**error),
            Cause::Request(_) | Cause::Overloaded(_) | Cause::Closed | Cause::Misdirected => false,
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
        let delivery = self.delivery();
        f.write_str(match (delivery, delivery > self.0.delivery) {
            (Delivery::Unsent, _) if self.is_request() => "",
            (Delivery::Unsent, _) => "; the request was not sent",
            (Delivery::Refused, false) => "; the request was refused unprocessed",
            (Delivery::Refused, true) => "; an earlier try was refused unprocessed",
            (Delivery::Unknown, false) => "; the request may have been processed",
            (Delivery::Unknown, true) => "; an earlier try may have been processed",
        })
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
