use super::{
    cause::Cause, failures::Failures, phase_name::name, printable::Printable, reason::reason, sentence::sentence,
};
use crate::{Advice, AttemptReport, ConnectError, Error, Outcome, Rounded};
use std::fmt::{self, Write};

/// How many attempts and earlier tries are told one by one.
const MOST: usize = 20;

/// All that is known of an error, in several lines: the sentence, each attempt to connect, the keys where none of them
/// is pinned, each earlier try, and what to do. Made by [`Error::report`].
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub(super) error: &'a Error,
    pub(super) advises: bool,
}

impl Report<'_> {
    /// Leaves out what to do, for whoever says that in other words.
    pub fn without_advice(self) -> Self {
        Self { advises: false, ..self }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sentence(self.error, f)?;
        attempts(f, self.error.attempts())?;
        if let Cause::Connect(failed) = self.error.cause() {
            keys(f, failed)?;
        }
        let earlier = self.error.earlier();
        for (at, error) in earlier.iter().take(MOST).enumerate() {
            write!(f, "\n  earlier try {}: ", at + 1)?;
            sentence(error, f)?;
        }
        rest(f, earlier.len(), "earlier tries")?;
        advice(f, self.error.advice().filter(|_| self.advises))
    }
}

impl fmt::Debug for ConnectError {
    /// All that is known of it, in several lines, as the [report](Error::report) of an error has it: the host, the
    /// failures, each attempt, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.route().and_then(|route| route.split(" via ").next());
        let out = &mut Printable(f);
        match host {
            Some(host) => write!(out, "{host}: {}", Failures::of(self))?,
            None => write!(out, "{}", Failures::of(self))?,
        }
        attempts(f, self.attempts())?;
        keys(f, self)?;
        advice(f, Advice::of_connect(self))
    }
}

/// Which keys the peer has and which are pinned: more than a sentence takes, and what tells a renewed key from somebody
/// in between.
fn keys(f: &mut fmt::Formatter<'_>, error: &ConnectError) -> fmt::Result {
    if error.advice() != Some(Advice::Pins) {
        return Ok(());
    }
    f.write_str("\n  ")?;
    write!(Printable(f), "{}", error.root_cause())
}

fn advice(f: &mut fmt::Formatter<'_>, advice: Option<Advice>) -> fmt::Result {
    match advice {
        Some(advice) => write!(f, "\n  what it means: {}\n  what to do: {}", advice.means(), advice.in_code()),
        None => Ok(()),
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn attempts(f: &mut fmt::Formatter<'_>, attempts: &[AttemptReport]) -> fmt::Result {
    for report in attempts.iter().take(MOST) {
        f.write_str("\n  ")?;
        attempt(&mut Printable(f), report)?;
    }
    rest(f, attempts.len(), "attempts")
}

/// `attempt 1, a.test at 10.0.0.7:443: TLS failed after 31.4ms: certificate expired 12 days ago`.
fn attempt(f: &mut Printable<'_, '_>, report: &AttemptReport) -> fmt::Result {
    let AttemptReport { id, route, endpoint, phase, outcome, elapsed, .. } = report;
    write!(f, "attempt {}, {route} at {endpoint}: {} ", id.0, name(*phase))?;
    let after = Rounded(*elapsed);
    match outcome {
        Outcome::Pending => write!(f, "had not ended"),
        Outcome::Connected => write!(f, "was done after {after}"),
        Outcome::Abandoned => write!(f, "was given up after {after}"),
        Outcome::Failed(error) => {
            let why = error.reason().map_or_else(|| reason(error.behind()), str::to_owned);
            write!(f, "failed after {after}: {why}")
        }
    }
}

fn rest(f: &mut fmt::Formatter<'_>, all: usize, of: &str) -> fmt::Result {
    if all > MOST { write!(f, "\n  and {} more {of}", all - MOST) } else { Ok(()) }
}
