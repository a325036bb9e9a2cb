//! How exchanges end that aren't complete: failed, timed out, or dropped.

use crate::exchange::lease::Lease;
use skybridge_core::{Cause, CloseReason, ConnectError, Delivery, Error, FirstExchange, Phase};

impl<C: Send + 'static> Lease<C> {
    /// The exchange ends with this error, and the connection with it if it is exclusive; a shared one loses the stream.
    ///
    /// Every end but a complete one comes here, once: first the reason is set, as whatever is dropped next may report
    /// another, then the route is remembered, and then the events say it.
    #[cold]
    pub(crate) fn fail(mut self, error: &Error) {
        // What waited for its connection in vain leaves it as it is.
        if self.has_begun() {
            self.ends_with(error);
        }
        if let Some(events) = &mut self.events {
            events.fail(error);
        }
    }

    /// The exchange was dropped: by a time limit above, or because nobody wants its response any more.
    #[cold]
    pub(super) fn dropped(&mut self, cause: Cause) {
        let timed_out = matches!(cause, Cause::TimedOut(_));
        let error = Error::of(Delivery::Unknown, self.phase(), cause).on(self.info());
        if self.is_answered() {
            // The rest of a response may take longer than a call may: its route is not to blame.
            let _ = self.take_first();
        }
        self.ends_with(&error);
        if let Some(events) = self.events.as_mut().filter(|_| timed_out) {
            events.fail(&error);
        }
    }

    /// Its connection has ended before it carried anything. True when that happens again and again at its origin.
    #[cold]
    pub(crate) fn ended_unused(&self, error: &Error) -> bool {
        is_of_connection(error) && {
            self.connection().report_unused(error);
            self.never_carried(error)
        }
    }

    /// Whether it ends as the ones before it did, so that the next would, too: it is an exchange of a connection
    /// that its peer ended without any response, or the peer refuses one exchange after the other.
    #[cold]
    pub(crate) fn ends_like_those_before(&self, error: &Error) -> bool {
        let is_loss = matches!(
            error.cause(),
            Cause::NoResponse(_)
                | Cause::Io(_)
                | Cause::GoAway(_)
                | Cause::Tls(_)
                | Cause::Protocol(_)
                | Cause::ConnectionClosed(_)
        );
        // One that was another origin's has had answers there.
        let is_unproved = !self.connection().is_answered() && !self.connection().has_carried_others();
        let is_lost = is_loss && is_of_connection(error) && is_unproved;
        let is_refused = matches!(error.cause(), Cause::Reset(_)) && self.connection().is_refusing();
        self.has_begun() && (is_lost || is_refused) && !self.is_coalesced() && self.never_carried(error)
    }

    fn ends_with(&mut self, error: &Error) {
        // Who resets a stream whose response has begun has had a reason to.
        let is_answer = self.is_answered() && matches!(error.cause(), Cause::Reset(_));
        // What others have had answers on has proved itself.
        let is_proved = !self.is_answered() && self.connection().is_answered();
        self.set_closed(error.close_reason());
        match error.cause() {
            Cause::Misdirected => self.misdirected(),
            Cause::Stale(_) if self.is_exclusive() => self.close_older_siblings(),
            // Whether the peer is alive is found out for those who come next.
            Cause::TimedOut(_) => self.tell_timed_out(),
            Cause::Reset(_) if self.connection().is_refusing() && !self.is_coalesced() => {
                self.connection().report_refusing(error)
            }
            _ => {}
        }
        if is_of_connection(error)
            && !is_answer
            && !is_proved
            && self.take_first()
            && let Some(feedback) = &self.info().route.feedback
        {
            feedback.report(&self.info().remote, FirstExchange::Failed(error));
        }
    }
}

/// Whether an error says something of the route: not a refusal, which is an answer, nor what its user did.
pub(crate) fn is_of_connection(error: &Error) -> bool {
    match error.cause() {
        Cause::ConnectionClosed(reason) => matches!(
            reason,
            CloseReason::PeerFin
                | CloseReason::PeerGoAway
                | CloseReason::Protocol
                | CloseReason::SocketFailed
                | CloseReason::TlsAlert
                | CloseReason::Unsolicited
        ),
        Cause::RequestBody(_)
        | Cause::Request(_)
        | Cause::Cancelled
        | Cause::ExpectationFailed
        | Cause::Misdirected
        | Cause::Closed => false,
        // A connection that doesn't say why: what fails in the sending of something that may be there is the request's
        // own body.
        Cause::Exchange(_) if error.delivery() == Delivery::Unknown => error.phase() != Phase::Send,
        _ => error.delivery() != Delivery::Refused,
    }
}

/// Its peer takes connections, and nothing on them: that is as good as a failed connect, which nobody tries again.
/// One that has said why is not called anything else.
#[cold]
pub(crate) fn not_connected(error: Error) -> Error {
    if let Cause::Tls(_) | Cause::Protocol(_) = error.cause() {
        return error;
    }
    let info = error.connection().cloned();
    let failed = Error::from(as_connect_error(error));
    match info {
        Some(info) => failed.on(&info),
        None => failed,
    }
}

/// How a connection has ended before it carried anything, as the failure of its connect: with its route and endpoint.
#[cold]
pub(crate) fn as_connect_error(error: Error) -> ConnectError {
    let info = error.connection().cloned();
    let failed = ConnectError::new(Phase::Handshake, error);
    match info {
        Some(info) => failed.on_route(&info.route).at(info.remote.clone()),
        None => failed,
    }
}

/// Whether another connection would end as this did before its first request.
pub(crate) fn is_final(error: &Error) -> bool {
    match error.cause() {
        Cause::Tls(alert) => alert.is_certificate(),
        // It spoke first, or not as agreed.
        Cause::Protocol(_) | Cause::ConnectionClosed(CloseReason::Unsolicited | CloseReason::Protocol) => true,
        _ => false,
    }
}
