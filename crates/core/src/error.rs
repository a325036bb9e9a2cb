mod cause;
mod causes;
mod connect;
mod delivery;
mod failed;
mod timed_out;

pub use self::{
    cause::{Cause, ErrorCode, GoAway, Reset, TlsAlert},
    connect::ConnectError,
    delivery::Delivery,
    failed::Failed,
    timed_out::TimedOut,
};

use crate::{AttemptReport, CloseReason, ConnInfo, OriginError, Phase, RequestError};
use std::{convert::Infallible, error::Error as StdError, fmt, sync::Arc};

/// An error of any type.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A limit is reached or a queue is full, and the request may not wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Overloaded {
    /// What is full.
    pub what: &'static str,
    /// The limit.
    pub limit: usize,
}

/// Why a request has no response.
///
/// [`phase`](Self::phase), [`cause`](Self::cause) and [`connection`](Self::connection) are those of the last try; the
/// others are in [`earlier`](Self::earlier). What concerns the request, above all [`delivery`](Self::delivery), covers
/// all tries.
#[derive(Debug)]
pub struct Error(Box<Repr>);

#[derive(Debug)]
struct Repr {
    /// Of the last try.
    delivery: Delivery,
    phase: Phase,
    cause: Cause,
    connection: Option<Arc<ConnInfo>>,
    backing_off: bool,
    earlier: Vec<Error>,
}

// === impl Overloaded ===

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is full ({})", self.what, self.limit)
    }
}

impl StdError for Overloaded {}

// === impl Error ===

impl Error {
    /// The error of an exchange that failed.
    pub fn new(delivery: Delivery, phase: Phase, source: impl Into<BoxError>) -> Self {
        Self::of(delivery, phase, Cause::Exchange(source.into()))
    }

    /// An error of this cause.
    pub fn of(delivery: Delivery, phase: Phase, cause: Cause) -> Self {
        Self(Box::new(Repr { delivery, phase, cause, connection: None, backing_off: false, earlier: Vec::new() }))
    }

    /// The error of a response's body: as it is if it is one of the stack, and otherwise one of an exchange, as of a
    /// connection or layer from elsewhere.
    pub fn of_body(source: impl Into<BoxError>) -> Self {
        match source.into().downcast::<Self>() {
            Ok(error) => *error,
            Err(source) => Self::new(Delivery::Unknown, Phase::Body, source),
        }
    }

    /// Sets how far the try got.
    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.0.phase = phase;
        self
    }

    /// Adds the connection that it happened on, unless there is one already.
    pub fn on(mut self, connection: &Arc<ConnInfo>) -> Self {
        self.0.connection.get_or_insert_with(|| Arc::clone(connection));
        self
    }

    /// Adds the errors of earlier tries of the same request, in order, before those that it has already.
    ///
    /// The origin can have processed the request if it can have processed any of its tries.
    pub fn after(mut self, earlier: Vec<Self>) -> Self {
        let later = std::mem::take(&mut self.0.earlier);
        // In one flat list, the earlier tries of an error come before it.
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

    /// The connection that the last try failed on.
    pub fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.0.connection.as_ref()
    }

    /// Says that the connections of this origin fail one after the other: see [`is_backing_off`](Self::is_backing_off).
    pub fn backing_off(mut self) -> Self {
        self.0.backing_off = true;
        self
    }

    /// Whether the connections before this one had failed like it, so that no new one is made for a while. To send the
    /// request again would be to wait for that, and `skybridge-retry` doesn't.
    pub fn is_backing_off(&self) -> bool {
        self.0.backing_off
    }

    /// The errors of earlier tries of the same request, in order, each with its own [`delivery`](Self::delivery).
    pub fn earlier(&self) -> &[Self] {
        &self.0.earlier
    }

    /// The attempts to connect of the last try, if no connection could be made.
    pub fn attempts(&self) -> &[AttemptReport] {
        match &self.0.cause {
            Cause::Connect(error) => error.attempts(),
            _ => &[],
        }
    }

    /// Whether no connection could be made, so that nothing was sent. False when an earlier try may have reached the
    /// peer.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.cause, Cause::Connect(_)) && self.delivery() == Delivery::Unsent
    }

    /// Whether the request is invalid, so that no connection could send it.
    pub fn is_request(&self) -> bool {
        matches!(self.0.cause, Cause::Request(_))
    }

    /// Whether a time limit ended it, in whichever layer: one of the stack's own, an [`io::Error`](std::io::Error) of
    /// the kind `TimedOut`, or, with the feature `tower` of `skybridge-core` (which `skybridge` and `skybridge-hyper`
    /// enable), one of `tower::timeout` or `tokio::time::timeout`.
    pub fn is_timeout(&self) -> bool {
        self.0.cause.is_timeout()
    }

    /// Whether no connection could be made for want of a file descriptor: see
    /// [`ConnectError::is_out_of_descriptors`].
    pub fn is_out_of_descriptors(&self) -> bool {
        matches!(&self.0.cause, Cause::Connect(error) if error.is_out_of_descriptors())
    }

    /// Why a connection that ends of this is closed.
    pub fn close_reason(&self) -> CloseReason {
        self.0.cause.close_reason()
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

/// Restores the error when foreign middleware has boxed it. What `tower::load_shed` refuses was not sent (with the
/// feature `tower`). Any other error becomes one of an exchange with unknown delivery.
impl From<BoxError> for Error {
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            // Refused at the door: nobody below has seen the request.
            Err(error) if causes::is_shed(&*error) => Self::new(Delivery::Unsent, Phase::Acquire, error),
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
        self.0.cause.fmt(f)?;
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
        })?;
        if self.0.backing_off {
            f.write_str("; connections to this origin fail one after the other")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.source()
    }
}
