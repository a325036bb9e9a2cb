//! How exchanges fail.

use crate::exchange::lease::Lease;
use http::Request;
use skybridge_core::{Cause, CloseReason, ConnectError, Connection, Delivery, Error, Failed, FirstExchange, Phase};

/// A failed exchange: an exclusive connection is of no more use, a shared one only lost a stream.
pub(crate) fn fail<C: Connection<B>, B>(failed: Failed<Request<B>>, mut lease: Lease<C>) -> Failed<Request<B>> {
    let (error, request) = failed.into_parts();
    let error = error.on(lease.info());
    if let Some(events) = &mut lease.events {
        events.fail(&error);
    }
    if matches!(error.cause(), Cause::Misdirected) {
        lease.misdirected();
    }
    if lease.is_first()
        && is_of_connection(&error)
        && let Some(feedback) = &lease.info().route.feedback
    {
        feedback.report(&lease.info().remote, FirstExchange::Failed(&error));
    }
    lease.abort(if error.delivery() == Delivery::Unsent { CloseReason::PeerFin } else { CloseReason::Protocol });
    Failed::new(error, request)
}

/// Not a refusal, which is an answer, nor the failure of the request's own body: that alone fails in the sending of
/// something that may be there.
fn is_of_connection(error: &Error) -> bool {
    match error.delivery() {
        Delivery::Refused => false,
        Delivery::Unknown => error.phase() != Phase::Send,
        _ => true,
    }
}

/// Its peer takes connections, and nothing on them: that is events as a failed connect, which nobody tries again.
#[cold]
pub(crate) fn not_connected(error: Error) -> Error {
    let info = error.connection().cloned();
    let failed = ConnectError::new(Phase::Handshake, error);
    match info {
        Some(info) => Error::from(failed.on_route(&info.route).at(info.remote.clone())).on(&info),
        None => failed.into(),
    }
}
