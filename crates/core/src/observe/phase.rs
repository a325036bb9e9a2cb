use super::phase_name::PhaseName;
use crate::{AttemptId, ConnectError, Ctx, EventKind, Outcome, connection::TriedBy};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The steps of a request, in order. The first seven make a connection, the others use it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting before the next connect, as connections to this origin fail one after the other. Without a wait there is
    /// no such phase.
    Backoff,
    /// Waiting until the resolver begins to look up, as for a free thread: a part of [`Resolve`](Self::Resolve) that
    /// has a time limit of its own. Without a wait there is no such phase.
    LookupQueue,
    /// Looking up addresses.
    Resolve,
    /// Opening a socket.
    Tcp,
    /// Setting up tunnels through the proxies.
    Tunnel,
    /// The TLS handshake.
    Tls,
    /// The HTTP/2 preface, or setting up an HTTP/1.1 connection.
    Handshake,
    /// Waiting for a connection from the pool.
    Acquire,
    /// Sending the request, until all of it is sent or its response's head is here.
    Send,
    /// Waiting for the response's head, once all of the request is sent.
    Wait,
    /// Reading the response's body.
    Body,
    /// The whole call, including retries and the response's body.
    Call,
    /// A step of a layer of one's own: made by [`Phase::other`].
    Other(PhaseName),
}

const _: () = assert!(size_of::<Phase>() == 2);

impl Phase {
    /// A step of a layer of one's own, which events, timelines and errors then show by this name, in lower case with
    /// underscores. Of one program's names the first 64 are told apart, further ones are all `other`.
    ///
    /// It comes after all other phases in their order, and has no limit in [`Timeouts`](crate::Timeouts).
    ///
    /// ```
    /// # use skybridge_runtime::TokioRuntime;
    /// use skybridge_core::{Link, Phase};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let link = Link::of(tokio::io::empty(), &"http://a.test/".parse()?, TokioRuntime::ctx())?;
    /// let phase = link.phase(Phase::other("proxy_protocol"));
    /// // ... the header is sent here, and what goes wrong is the error of `phase.fail(error)`
    /// println!("took {:?}", phase.done().elapsed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn other(name: &'static str) -> Self {
        Self::Other(PhaseName::of(name))
    }

    /// The name for logs and reports, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backoff => "backoff",
            Self::LookupQueue => "lookup_queue",
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
            Self::Other(name) => name.as_str(),
        }
    }

    pub(crate) fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Backoff => ("backoff_start", "backoff_end", "backoff_failed", "backoff_dropped"),
            Self::LookupQueue => {
                ("lookup_queue_start", "lookup_queue_end", "lookup_queue_failed", "lookup_queue_dropped")
            }
            Self::Resolve => ("resolve_start", "resolve_end", "resolve_failed", "resolve_dropped"),
            Self::Tcp => ("connect_start", "connect_end", "connect_failed", "connect_dropped"),
            Self::Tunnel => ("tunnel_start", "tunnel_end", "tunnel_failed", "tunnel_dropped"),
            Self::Tls => ("tls_start", "tls_end", "tls_failed", "tls_dropped"),
            Self::Handshake => ("handshake_start", "handshake_end", "handshake_failed", "handshake_dropped"),
            Self::Acquire => ("acquire_start", "acquire_end", "acquire_failed", "acquire_dropped"),
            Self::Send => ("send_start", "send_end", "send_failed", "send_dropped"),
            Self::Wait => ("wait_start", "wait_end", "wait_failed", "wait_dropped"),
            Self::Body => ("body_start", "body_end", "body_failed", "body_dropped"),
            Self::Call => ("call_start", "call_end", "call_failed", "call_dropped"),
            Self::Other(_) => ("other_start", "other_end", "other_failed", "other_dropped"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A time span on the runtime's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// When it began.
    pub start: Instant,
    /// When it ended.
    pub end: Instant,
}

impl Span {
    /// Its length.
    pub fn elapsed(self) -> Duration {
        self.end.saturating_duration_since(self.start)
    }
}

/// A phase that is running. It measures the phase, reports it to the observer, and records it in the attempt log. When
/// it is dropped without [`done`](Self::done) or [`fail`](Self::fail), the phase counts as dropped.
#[derive(Debug)]
#[must_use = "dropping it reports the phase as dropped"]
pub struct PhaseGuard {
    ctx: Ctx,
    phase: Phase,
    attempt: Option<AttemptId>,
    start: Instant,
    ended: bool,
    tried_by: TriedBy,
}

impl PhaseGuard {
    /// Begins a phase of one attempt, or of connecting as a whole.
    pub fn begin(ctx: &Ctx, phase: Phase, attempt: Option<AttemptId>) -> Self {
        ctx.emit(attempt, None, EventKind::PhaseStarted(phase));
        if let Some(attempt) = attempt {
            ctx.attempt_log().reached(attempt, phase);
        }
        let (ctx, start) = (ctx.clone(), ctx.runtime().now());
        Self { ctx, phase, attempt, start, ended: false, tried_by: TriedBy::default() }
    }

    pub(crate) fn tried_by(mut self, settings: TriedBy) -> Self {
        self.tried_by = settings;
        self
    }

    fn span(&self) -> Span {
        Span { start: self.start, end: self.ctx.runtime().now() }
    }

    /// The phase succeeded. Returns when it took place.
    pub fn done(mut self) -> Span {
        self.ended = true;
        let span = self.span();
        if let Some(attempt) = self.attempt {
            self.ctx.attempt_log().end(attempt, span.end, Outcome::Connected);
        }
        self.ctx.emit(self.attempt, None, EventKind::PhaseEnded(self.phase, span.elapsed()));
        span
    }

    /// The phase failed. Returns the error with the phase, the attempt and its endpoint added, unless it names them
    /// already, and with the [settings](ConnectError::by_settings) by which the link was made that it is a phase of.
    pub fn fail(mut self, error: impl Into<ConnectError>) -> ConnectError {
        self.ended = true;
        let span = self.span();
        let mut error = self.tried_by.mark(error.into().in_phase(self.phase));
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
        if self.ended {
            return;
        }
        let span = self.span();
        if let Some(attempt) = self.attempt {
            self.ctx.attempt_log().end(attempt, span.end, Outcome::Abandoned);
        }
        self.ctx.emit(self.attempt, None, EventKind::PhaseDropped(self.phase, span.elapsed()));
    }
}
