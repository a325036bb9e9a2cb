mod advice;
mod cause;
mod causes;
mod connect;
mod delivery;
mod failed;
mod failures;
mod one_line;
mod phase_name;
mod printable;
mod reason;
mod report;
mod rounded;
mod sentence;
mod timed_out;

pub use self::{
    advice::Advice,
    cause::{Cause, ErrorCode, GoAway, Reset, TlsAlert},
    connect::ConnectError,
    delivery::Delivery,
    failed::Failed,
    one_line::OneLine,
    reason::root_reason,
    report::Report,
    rounded::Rounded,
    timed_out::TimedOut,
};

use self::sentence::{What, sentence};
use crate::{AttemptReport, CloseReason, ConnInfo, Origin, OriginError, Phase, RequestError};
use std::{convert::Infallible, error::Error as StdError, fmt, sync::Arc};

/// An error of any type.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A limit is reached or a queue is full, and the request may not wait.
#[derive(Clone, Copy, Eq, PartialEq)]
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
///
/// Its `Display` is one sentence that needs no other: the [origin](Self::origin), the phase, the addresses, the reason,
/// and what became of the request. `https://a.test: TLS to 10.0.0.7:443 failed: certificate expired 12 days ago
/// (nothing was sent)`. It shows neither path nor query nor userinfo, and no control characters. The errors behind it,
/// by `source()`, are for looking for a type: each says its own part in its own words, so print them or the sentence.
///
/// `{:#}` and `Debug` print the [report](Self::report): a `main` that returns an error, and an `unwrap`, say all there
/// is to say.
pub struct Error(Box<Repr>);

struct Repr {
    /// Of the last try.
    delivery: Delivery,
    phase: Phase,
    cause: Cause,
    connection: Option<Arc<ConnInfo>>,
    /// Of the request.
    origin: Option<Origin>,
    /// What a limit of the whole call has ended.
    during: Option<Phase>,
    /// Those of connects that it has ended.
    attempts: Vec<AttemptReport>,
    /// From whoever knows more than the cause tells.
    advice: Option<Advice>,
    backing_off: bool,
    earlier: Vec<Error>,
}

// === impl Overloaded ===

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is full ({})", self.what, self.limit)
    }
}

impl fmt::Debug for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
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
        Self(Box::new(Repr {
            delivery,
            phase,
            cause,
            connection: None,
            origin: None,
            during: None,
            attempts: Vec::new(),
            advice: None,
            backing_off: false,
            earlier: Vec::new(),
        }))
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

    /// The error of the stack that this is, if it is one: for observers, which are told of errors of any type.
    pub fn from_dyn<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        error.downcast_ref()
    }

    /// Adds the origin that the request was for, unless there is one already.
    pub fn to(mut self, origin: &Origin) -> Self {
        self.0.origin.get_or_insert_with(|| origin.clone());
        self
    }

    /// Says what a time limit of the whole call has ended.
    pub fn during(mut self, phase: Phase) -> Self {
        self.0.during = Some(phase);
        self
    }

    /// Adds the attempts to connect that a time limit of the whole call has ended.
    pub fn with_attempts(mut self, attempts: Vec<AttemptReport>) -> Self {
        self.0.attempts = attempts;
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

    /// The origin that the request was for, or at least its connection; `None` when nobody has said so.
    pub fn origin(&self) -> Option<&Origin> {
        let of_connection = || self.0.connection.as_ref().map(|info| info.route.target.origin());
        self.0.origin.as_ref().or_else(of_connection)
    }

    /// Says what it means, unless that is known already: for a layer that knows more than the [cause](Self::cause).
    pub fn advise(mut self, advice: Advice) -> Self {
        self.0.advice.get_or_insert(advice);
        self
    }

    /// What it means, and what to do about it, as far as that can be told.
    pub fn advice(&self) -> Option<Advice> {
        self.0.advice.or_else(|| Advice::of(self))
    }

    /// All that is known of it, in several lines: the sentence, each attempt to connect with its route, address, phase,
    /// time and reason, each earlier try, and what to do.
    ///
    /// ```
    /// use skybridge_core::{Error, RequestError};
    ///
    /// let error = Error::from(RequestError::Method("BREW".into()));
    /// assert_eq!(error.to_string(), "the request can't be sent: the method BREW is not supported");
    /// assert!(error.report().to_string().ends_with("what to do: change the method, header or body that is named"));
    /// ```
    pub fn report(&self) -> Report<'_> {
        Report { error: self, advises: true }
    }

    /// What went wrong and why, in the words of the sentence: without the origin, and what became of the request.
    pub fn reason(&self) -> String {
        self.what().to_string()
    }

    fn what(&self) -> What<'_> {
        What(self)
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

    /// The attempts to connect of the last try, if no connection could be made, or if a time limit of the whole call
    /// ended it before there was one.
    pub fn attempts(&self) -> &[AttemptReport] {
        match &self.0.cause {
            Cause::Connect(error) => error.attempts(),
            _ => &self.0.attempts,
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
        if f.alternate() { fmt::Display::fmt(&self.report(), f) } else { sentence(self, f) }
    }
}

impl fmt::Debug for Error {
    /// The [report](Self::report).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.report(), f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.source()
    }
}
