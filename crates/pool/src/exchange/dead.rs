//! Connections that are found dead before anything was sent on them: how many one request goes past.

use super::{
    Exchange, Outcome, Step,
    ending::{is_final, is_of_connection, not_connected},
};
use http::Request;
use skybridge_core::{ConnectError, Connection, Delivery, Error, Failed, NotUsed, Phase};
use std::task::{Context, Poll};

/// How many connections one request may find dead before it gives up. Each was taken out of the pool, so this is a
/// guard against a peer that closes every connection as soon as it is made.
const MAX_DEAD: u8 = 8;
/// How many of them may have been new. One that dies before its first request isn't stale: its peer wants none of ours,
/// and the next connection would be no better.
const MAX_DEAD_NEW: u8 = 1;

impl<C, B> Exchange<C, B>
where
    C: Connection<B>,
    B: http_body::Body + 'static,
{
    /// Nothing was sent: look again, as long as that makes sense. `again`: so did the connections before it.
    pub(super) fn found_dead(&mut self, error: Option<Error>, new: bool, again: bool) -> Result<(), Error> {
        self.dead += 1;
        self.dead_new += u8::from(new);
        match error {
            Some(error) if self.dead_new > MAX_DEAD_NEW || again || new && is_final(&error) => {
                return Err(not_connected(error));
            }
            Some(error) if self.dead > MAX_DEAD => return Err(error),
            None if self.dead > MAX_DEAD => {
                return Err(
                    ConnectError::new(Phase::Acquire, "every connection was closed before it could be used").into()
                );
            }
            _ => {}
        }
        self.step = Step::Looking;
        Ok(())
    }

    #[cold]
    pub(super) fn dead(&mut self, mut error: Error) -> Result<(), Error> {
        let (mut new, mut again) = (false, false);
        if let Some(mut lease) = self.lease.take() {
            new = lease.connection().is_fresh() || lease.is_first() && !lease.connection().is_answered();
            if new {
                error = error.in_phase(Phase::Handshake);
                again = lease.ended_unused(&error);
            }
            if let Some(mut events) = lease.events.take() {
                events.fail(&error);
                let reason = lease.connection().set_close_reason(error.close_reason());
                events.pass_over(lease.info(), lease.wanted(), NotUsed::Ended(reason));
                *self.events = Some(events.start_over());
            }
            if lease.is_exclusive() {
                lease.abort(error.close_reason());
            } else {
                lease.connection().drain(error.close_reason());
            }
        }
        self.found_dead(Some(error), new, again)
    }

    /// The exchange failed. A connection that has ended before anything of its first request left was dead when it
    /// came. A shared one may end just when its next request begins.
    #[cold]
    pub(super) fn failed(&mut self, cx: &Context<'_>, failed: Failed<Request<B>>) -> Poll<Outcome<C, B>> {
        let unused = failed.error.delivery() == Delivery::Unsent
            && is_of_connection(&failed.error)
            && self.lease.as_ref().is_some_and(|lease| lease.is_first() || !lease.is_exclusive());
        if !unused {
            return self.end(failed);
        }
        let (mut error, request) = failed.into_parts();
        let Some(request) = request else { return self.end(Failed::lost(error)) };
        self.request = Some(*request);
        // That of the exchange.
        self.disarm();
        if let Some(lease) = &self.lease {
            error = error.on(lease.info());
        }
        match self.dead(error) {
            Ok(()) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => {
                let request = self.request.take().map(Box::new);
                self.end(Failed::new(error, request))
            }
        }
    }
}
