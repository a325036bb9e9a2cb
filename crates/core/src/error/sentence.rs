//! What an error says in one line: `https://a.test: TLS to 10.0.0.7:443 failed: certificate expired 12 days ago
//! (nothing was sent)`.

use super::{
    cause::Cause,
    failures::{Failures, Step},
    phase_name::name,
    printable::Printable,
    reason::reason,
};
use crate::{CloseReason, ConnInfo, Delivery, Error, Phase, Protocol, Rounded, TimedOut};
use std::fmt::{self, Write};

/// All of it: the origin, what went wrong and why, where, and what became of the request.
pub(super) fn sentence(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let f = &mut Printable(f);
    if let Some(origin) = error.origin() {
        write!(f, "{origin}: ")?;
    }
    write!(f, "{}", error.what())?;
    let place = error.connection().filter(|_| !matches!(error.cause(), Cause::Connect(_)));
    let delivery = delivery(error);
    match (place, delivery) {
        (None, None) => {}
        (Some(info), None) => write!(f, " ({})", Place(info))?,
        (None, Some(delivery)) => write!(f, " ({delivery})")?,
        (Some(info), Some(delivery)) => write!(f, " ({}; {delivery})", Place(info))?,
    }
    if error.is_backing_off() {
        f.write_str("; connections to this origin fail one after the other")?;
    }
    Ok(())
}

/// What became of the request.
fn delivery(error: &Error) -> Option<&'static str> {
    let delivery = error.delivery();
    Some(match (delivery, delivery > error.0.delivery) {
        (Delivery::Unsent, _) if error.is_request() => return None,
        (Delivery::Unsent, _) => "nothing was sent",
        (Delivery::Refused, false) => "it was refused unprocessed",
        (Delivery::Refused, true) => "an earlier try was refused unprocessed",
        (Delivery::Unknown, false) if error.phase() == Phase::Body || error.0.during == Some(Phase::Body) => {
            "the response had begun"
        }
        (Delivery::Unknown, false) => "it may have been processed",
        (Delivery::Unknown, true) => "an earlier try may have been processed",
    })
}

/// What went wrong, and why.
pub(super) struct What<'a>(pub(super) &'a Error);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        match error.cause() {
            Cause::Connect(failed) => Failures::of(failed).fmt(f),
            Cause::TimedOut(timed_out) => limit(f, *timed_out, error),
            cause => because(f, cause, error.phase()),
        }
    }
}

/// A limit of the request or of its call, and what it has ended: the step and its addresses where these are known.
fn limit(f: &mut fmt::Formatter<'_>, timed_out: TimedOut, error: &Error) -> fmt::Result {
    let limit = Rounded(timed_out.limit);
    match timed_out.phase {
        // A request was sent on a connection whose handshake never came to its end.
        Phase::Acquire if error.phase() == Phase::Handshake => {
            write!(f, "the peer's SETTINGS did not come within {limit}, the limit for connecting")
        }
        Phase::Handshake if error.phase() == Phase::Handshake => {
            write!(f, "the peer's SETTINGS did not come within {limit}")
        }
        Phase::Acquire => write!(f, "no connection was free within {limit}"),
        Phase::Send => write!(f, "the request could not be sent within {limit}"),
        Phase::Wait => write!(f, "no response came within {limit}"),
        Phase::Body => write!(f, "nothing more of the response came within {limit}"),
        Phase::Call => write!(f, "the call took longer than {limit}"),
        phase => write!(f, "{} took longer than {limit}", name(phase)),
    }?;
    match (Step::under_way(&error.0.attempts), error.0.during) {
        (Some(step), _) => write!(f, ", while {step} was under way"),
        (None, Some(phase)) => write!(f, ", {}", while_in(phase)),
        (None, None) => Ok(()),
    }
}

/// The cause in its own words, when that was, and all that is behind it.
fn because(f: &mut fmt::Formatter<'_>, cause: &Cause, phase: Phase) -> fmt::Result {
    if let Cause::Stale(cause) = cause {
        because(f, cause, phase)?;
        return f.write_str(", when the connection was used again");
    }
    if let Cause::ConnectionClosed(CloseReason::Unsolicited) = cause {
        return f.write_str("the peer spoke before it was asked");
    }
    let why = cause.source().map(reason).unwrap_or_default();
    match cause {
        // Those that say it all by themselves.
        Cause::Protocol(_) | Cause::Unresponsive(_) | Cause::Overloaded(_) if !why.is_empty() => {
            return f.write_str(&why);
        }
        Cause::Exchange(_) if !why.is_empty() => return write!(f, "it failed {}: {why}", while_in(phase)),
        Cause::Tls(alert) => {
            write!(f, "the peer ended TLS {}", while_in(phase))?;
            alert.meaning().map_or(Ok(()), |meaning| write!(f, ": {meaning}"))?;
            return write!(f, " (TLS alert {})", alert.name());
        }
        // Who has done it, and not by whom it is known.
        Cause::Reset(reset) if !reset.is_by_peer() => {
            let said = cause.source().map(ToString::to_string).unwrap_or_default();
            return write!(f, "{said} ({})", reset.code());
        }
        // What is behind them says it once more.
        Cause::NoResponse(_) | Cause::GoAway(_) | Cause::Reset(_) => return write!(f, "{cause}"),
        Cause::Io(_) => write!(f, "{cause} {}", while_in(phase))?,
        _ => write!(f, "{cause}")?,
    }
    let said = cause.to_string();
    match why {
        why if why.is_empty() || said.contains(&why) => Ok(()),
        why => write!(f, ": {}", why.strip_prefix(&said).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&why)),
    }
}

fn while_in(phase: Phase) -> &'static str {
    match phase {
        Phase::Send => "while the request was sent",
        Phase::Wait => "while the response was awaited",
        Phase::Body => "while the response's body was read",
        Phase::Handshake => "before the request was sent",
        Phase::Resolve => "while the name was looked up",
        _ => "while a connection was awaited",
    }
}

/// The connection: `HTTP/1.1 on connection 1 to 10.0.0.7:80`.
struct Place<'a>(&'a ConnInfo);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.0;
        match info.protocol {
            Some(Protocol::Http2) => f.write_str("HTTP/2 on ")?,
            Some(Protocol::Http1) => f.write_str("HTTP/1.1 on ")?,
            None => {}
        }
        match info.id {
            Some(id) => write!(f, "connection {id} to {}", info.remote)?,
            None => write!(f, "a connection to {}", info.remote)?,
        }
        if info.route.proxies.is_empty() { Ok(()) } else { write!(f, " for {}", info.route) }
    }
}
