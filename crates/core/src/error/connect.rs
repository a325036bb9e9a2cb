use super::causes::{self, causes};
use crate::{
    Advice, AttemptId, AttemptReport, BoxError, CertificateScope, Ctx, Endpoint, Outcome, Overloaded, Phase, TimedOut,
};
use std::{convert::Infallible, error::Error as StdError, fmt, sync::Arc};

/// Why no connection could be made. Cheap to clone: all requests that waited for one connection get the same error.
#[derive(Clone)]
pub struct ConnectError(Arc<ConnectRepr>);

#[derive(Clone)]
struct ConnectRepr {
    phase: Option<Phase>,
    attempt: Option<AttemptId>,
    endpoint: Option<Endpoint>,
    route: Option<Box<str>>,
    /// The proxy that failed, if it wasn't what is behind it.
    proxy: Option<Box<str>>,
    fatal: bool,
    /// What the source says, in the words of a sentence.
    reason: Option<Box<str>>,
    advice: Option<Advice>,
    source: Arc<dyn StdError + Send + Sync>,
    attempts: Vec<AttemptReport>,
    left_out: usize,
    /// What knows whether the settings of TLS that were used are replaced by now: with the origin, with proxies.
    settings: Vec<Arc<dyn CertificateScope>>,
}

impl ConnectError {
    /// A failure in this phase.
    pub fn new(phase: Phase, source: impl Into<BoxError>) -> Self {
        Self::from_source(source.into()).in_phase(phase)
    }

    /// The error itself where it is one of connecting already, and otherwise what `wrap` makes of it.
    pub fn or_wrap(error: BoxError, wrap: impl FnOnce(BoxError) -> Self) -> Self {
        error.downcast::<Self>().map_or_else(wrap, |already| *already)
    }

    pub(crate) fn from_source(source: BoxError) -> Self {
        Self(Arc::new(ConnectRepr {
            phase: None,
            attempt: None,
            endpoint: None,
            route: None,
            proxy: None,
            fatal: false,
            reason: None,
            advice: None,
            source: source.into(),
            attempts: Vec::new(),
            left_out: 0,
            settings: Vec::new(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut ConnectRepr)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Marks it as fatal: no other route would help, as after a failed pin, an invalid certificate, or refused
    /// credentials.
    pub fn fatal(self) -> Self {
        self.with(|repr| repr.fatal = true)
    }

    /// Sets the phase, unless it is set.
    pub fn in_phase(self, phase: Phase) -> Self {
        if self.0.phase.is_some() { self } else { self.with(|repr| repr.phase = Some(phase)) }
    }

    /// Sets the attempt and its endpoint, unless they are set.
    pub(crate) fn of_attempt(self, attempt: AttemptId, ctx: &Ctx) -> Self {
        if self.0.attempt.is_some() {
            return self;
        }
        self.with(|repr| {
            repr.attempt = Some(attempt);
            repr.endpoint = ctx.attempt_log().endpoint(attempt);
        })
    }

    /// Sets the endpoint.
    pub fn at(self, endpoint: Endpoint) -> Self {
        self.with(|repr| repr.endpoint = Some(endpoint))
    }

    /// Sets the route, as text.
    pub fn on_route(self, route: impl fmt::Display) -> Self {
        self.with(|repr| repr.route = Some(route.to_string().into()))
    }

    /// Says that it is this proxy that failed, and neither the origin nor another proxy, unless one is named already.
    pub fn of_proxy(self, proxy: impl fmt::Display) -> Self {
        if self.0.proxy.is_some() { self } else { self.with(|repr| repr.proxy = Some(proxy.to_string().into())) }
    }

    /// Sets the list of all attempts.
    pub fn with_attempts(self, attempts: Vec<AttemptReport>) -> Self {
        self.with(|repr| repr.attempts = attempts)
    }

    /// Says in short why it failed, for the sentence of an [`Error`](crate::Error): `certificate expired 12 days ago`.
    /// By default that says what all errors behind this one say.
    pub fn because(self, reason: impl fmt::Display) -> Self {
        self.with(|repr| repr.reason = Some(reason.to_string().into()))
    }

    /// Says what it means, and so what to do about it.
    pub fn advise(self, advice: Advice) -> Self {
        self.with(|repr| repr.advice = Some(advice))
    }

    /// Says by which settings of TLS it was tried, beside those that are said already: they
    /// [know](CertificateScope::is_current) whether they are replaced.
    pub fn by_settings(self, settings: &Arc<dyn CertificateScope>) -> Self {
        if self.0.settings.iter().any(|known| Arc::ptr_eq(known, settings)) {
            return self;
        }
        self.with(|repr| repr.settings.push(Arc::clone(settings)))
    }

    /// Sets how many addresses were not tried.
    pub fn with_left_out(self, addresses: usize) -> Self {
        if addresses == self.0.left_out { self } else { self.with(|repr| repr.left_out = addresses) }
    }

    /// The phase that failed; `None` when a foreign layer didn't set it.
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// The attempt that failed.
    pub fn attempt(&self) -> Option<AttemptId> {
        self.0.attempt
    }

    /// The endpoint that failed.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.0.endpoint.as_ref()
    }

    /// The route, as text.
    pub fn route(&self) -> Option<&str> {
        self.0.route.as_deref()
    }

    /// The proxy that failed, without its credentials, where [that is known](Self::of_proxy): its name could not be
    /// looked up, it was not reached, or TLS with it failed. What it refuses is told by the source.
    pub fn proxy(&self) -> Option<&str> {
        let first = || self.route()?.split_once(" via ")?.1.split(", ").next();
        self.0.proxy.as_deref().or_else(|| first().filter(|_| self.phase() == Some(Phase::Tcp)))
    }

    /// Whether it was tried by [settings of TLS](Self::by_settings) that are replaced by now, so that whoever asks now
    /// may well be connected.
    pub fn is_superseded(&self) -> bool {
        self.0.settings.iter().any(|settings| !settings.is_current())
    }

    /// Whether no other route would help.
    pub fn is_fatal(&self) -> bool {
        self.0.fatal
    }

    /// Whether a time limit ended it: one of the stack's, an [`io::Error`](std::io::Error) of the kind `TimedOut`, or,
    /// with this crate's feature `tower`, one of `tower::timeout` or `tokio::time::timeout`.
    pub fn is_timeout(&self) -> bool {
        causes::is_timeout(&*self.0.source)
    }

    /// Whether a limit on this side was reached before anything was asked of the peer: one of the stack's own
    /// ([`Overloaded`]), or, with the feature `tower`, of `tower::load_shed`.
    pub fn is_overloaded(&self) -> bool {
        causes(&*self.0.source).any(|cause| cause.is::<Overloaded>() || causes::is_shed(cause))
    }

    /// Whether no socket could be opened for want of a file descriptor, in this error or in one of its
    /// [`attempts`](Self::attempts): the process has as many open as it may (`EMFILE`), or the system has (`ENFILE`).
    /// That is no fault of the peer, and passes when something is closed.
    pub fn is_out_of_descriptors(&self) -> bool {
        let failed = |report: &AttemptReport| match &report.outcome {
            Outcome::Failed(error) => error.is_out_of_descriptors(),
            _ => false,
        };
        causes::is_out_of_descriptors(&*self.0.source) || self.0.attempts.iter().any(failed)
    }

    /// The time limit of the stack that ended it; `None` for [others](Self::is_timeout).
    pub fn timed_out(&self) -> Option<TimedOut> {
        causes(&*self.0.source).find_map(|cause| cause.downcast_ref::<TimedOut>().copied())
    }

    /// Why it failed, in short, if whoever knew it [has said so](Self::because).
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// What it means, if whoever knew it [has said so](Self::advise).
    pub fn advice(&self) -> Option<Advice> {
        self.0.advice
    }

    /// Whether somebody has said that it is a proxy's, or by which settings it was tried.
    pub(crate) fn is_told_more(&self) -> bool {
        self.0.proxy.is_some() || !self.0.settings.is_empty()
    }

    pub(super) fn behind(&self) -> &(dyn StdError + 'static) {
        &*self.0.source
    }

    /// All attempts, in order, including those that were abandoned.
    pub fn attempts(&self) -> &[AttemptReport] {
        &self.0.attempts
    }

    /// How many addresses were not tried, because an answer had more than are taken, or one connect may not try more.
    pub fn left_out(&self) -> usize {
        self.0.left_out
    }

    /// The innermost cause.
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        let mut root: &(dyn StdError + 'static) = &*self.0.source;
        while let Some(source) = root.source() {
            root = source;
        }
        root
    }

    /// The first cause of this type.
    pub fn source_as<E: StdError + 'static>(&self) -> Option<&E> {
        causes(&*self.0.source).find_map(|cause| cause.downcast_ref())
    }
}

/// Restores the error when foreign middleware has boxed it.
impl From<BoxError> for ConnectError {
    fn from(error: BoxError) -> Self {
        Self::or_wrap(error, Self::from_source)
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
        match self.0.left_out {
            0 => Ok(()),
            1 => f.write_str("; 1 more address was not tried"),
            more => write!(f, "; {more} more addresses were not tried"),
        }
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0.source)
    }
}
