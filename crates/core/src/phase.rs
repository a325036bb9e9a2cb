use crate::{AttemptId, ConnectError, Ctx, EventKind, attempt_log::Outcome};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The steps of a request's trip. The first five make a connection, the others use it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Phase {
    /// Finding addresses.
    Resolve,
    /// Opening a socket.
    Tcp,
    /// Walking the proxies.
    Tunnel,
    /// The TLS handshake.
    Tls,
    /// The HTTP/2 preface, or making an HTTP/1.1 connection.
    Handshake,
    /// Waiting for a connection.
    Acquire,
    /// Sending the request: the phase of errors. In events it is part of [`Wait`](Self::Wait).
    Send,
    /// Sending the request and waiting for the response's head.
    Wait,
    /// Reading the response's body.
    Body,
    /// All of it, retries and the response's body included.
    Call,
}

impl Phase {
    /// A word for logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Tcp => "tcp",
            Self::Tunnel => "tunnel",
            Self::Tls => "tls",
            Self::Handshake => "handshake",
            Self::Acquire => "acquire",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Body => "body",
            Self::Call => "call",
        }
    }

    pub(crate) fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Resolve => ("resolve_start", "resolve_end", "resolve_failed", "resolve_dropped"),
            Self::Tcp => ("connect_start", "connect_end", "connect_failed", "connect_dropped"),
            Self::Tunnel => ("tunnel_start", "tunnel_end", "tunnel_failed", "tunnel_dropped"),
            Self::Tls => ("tls_start", "tls_end", "tls_failed", "tls_dropped"),
            Self::Handshake => ("handshake_start", "handshake_end", "handshake_failed", "handshake_dropped"),
            Self::Acquire => ("acquire_start", "acquire_end", "acquire_failed", "acquire_dropped"),
            // Sending is where an error may happen, but no phase that is timed by itself: the wait begins with it.
            Self::Send | Self::Wait => ("wait_start", "wait_end", "wait_failed", "wait_dropped"),
            Self::Body => ("body_start", "body_end", "body_failed", "body_dropped"),
            Self::Call => ("call_start", "call_end", "call_failed", "call_dropped"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// From when to when, on the runtime's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// When it began.
    pub start: Instant,
    /// When it ended.
    pub end: Instant,
}

impl Span {
    /// How long it took.
    pub fn elapsed(self) -> Duration {
        self.end.saturating_duration_since(self.start)
    }
}

/// One phase under way: times it, tells the observer, and writes the trail. Dropped, it says so.
#[derive(Debug)]
#[must_use = "dropping it tells that the phase was given up"]
pub struct PhaseGuard {
    ctx: Ctx,
    phase: Phase,
    attempt: Option<AttemptId>,
    start: Instant,
    over: bool,
}

impl PhaseGuard {
    /// Begins a phase, of one attempt or of the search as a whole.
    pub fn begin(ctx: &Ctx, phase: Phase, attempt: Option<AttemptId>) -> Self {
        ctx.emit(attempt, None, EventKind::PhaseStarted(phase));
        if let Some(attempt) = attempt {
            ctx.attempt_log().reached(attempt, phase);
        }
        Self { ctx: ctx.clone(), phase, attempt, start: ctx.runtime().now(), over: false }
    }

    fn span(&self) -> Span {
        Span { start: self.start, end: self.ctx.runtime().now() }
    }

    /// The phase ended well: when it took place.
    pub fn done(mut self) -> Span {
        self.over = true;
        let span = self.span();
        if let Some(attempt) = self.attempt {
            self.ctx.attempt_log().end(attempt, span.end, Outcome::Connected);
        }
        self.ctx.emit(self.attempt, None, EventKind::PhaseEnded(self.phase, span.elapsed()));
        span
    }

    /// The phase failed: the error with what this guard knows.
    pub fn fail(mut self, error: impl Into<ConnectError>) -> ConnectError {
        self.over = true;
        let span = self.span();
        let mut error = error.into().in_phase(self.phase);
        if let Some(attempt) = self.attempt {
            error = error.of_attempt(attempt, &self.ctx);
            self.ctx.attempt_log().end(attempt, span.end, Outcome::Failed(error.clone()));
        }
        self.ctx.emit(self.attempt, None, EventKind::PhaseFailed(self.phase, span.elapsed(), &error));
        error
    }
}

impl Drop for PhaseGuard {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let span = self.span();
        if let Some(attempt) = self.attempt {
            self.ctx.attempt_log().end(attempt, span.end, Outcome::Abandoned);
        }
        self.ctx.emit(self.attempt, None, EventKind::PhaseDropped(self.phase, span.elapsed()));
    }
}
