//! Which advice an error asks for, where no layer has said it.

use super::Advice;
use crate::{
    CloseReason, ConnectError, EgressReason, EgressRefused, Endpoint, Error, ErrorCode, OriginError, Outcome, Phase,
    Protocol, RequestError, TlsAlert,
    error::{cause::Cause, causes::causes},
};
use std::{error::Error as StdError, io, net::SocketAddr};

impl Advice {
    /// What can be told of any error.
    pub(in crate::error) fn of(error: &Error) -> Option<Self> {
        if error.is_out_of_descriptors() {
            return Some(Self::Descriptors);
        }
        Some(match error.cause() {
            Cause::Connect(failed) => return Self::of_connect(failed),
            Cause::Request(RequestError::Origin(_) | RequestError::Uri(_)) => Self::Url,
            Cause::Request(_) | Cause::RequestBody(_) => Self::Request,
            Cause::TimedOut(limit) => match limit.phase {
                Phase::Acquire | Phase::Handshake if error.phase() == Phase::Handshake => Self::SlowHandshake,
                Phase::Acquire => Self::Overloaded,
                Phase::Call => Self::SlowCall,
                _ => Self::SlowResponse,
            },
            Cause::Overloaded(_) => Self::Overloaded,
            Cause::Tls(alert) if alert.is_certificate() => Self::ClientCertificate,
            Cause::Protocol(_) => Self::BrokenHttp,
            // As servers of HTTP/1.1 do that don't know what to make of its preface.
            Cause::NoResponse(_) if speaks_http2_in_cleartext(error) => Self::NotHttp2,
            // It may wait for the rest of what it takes for a request.
            Cause::Unresponsive(_) if error.phase() == Phase::Handshake && speaks_http2_in_cleartext(error) => {
                Self::NotHttp2
            }
            Cause::NoResponse(_) | Cause::ConnectionClosed(CloseReason::PeerFin) => Self::NoResponse,
            // A reset is such an end too. While a request is sent it may be an answer to what is sent.
            Cause::Io(_) if error.phase() == Phase::Body => Self::Incomplete,
            Cause::Io(_) if error.phase() != Phase::Send => Self::NoResponse,
            // It speaks first, as servers of SSH or SMTP do.
            Cause::ConnectionClosed(CloseReason::Unsolicited) => Self::NotHttp,
            Cause::Incomplete(_) => Self::Incomplete,
            Cause::Reset(reset) if reset.is_by_peer() && wants_http1(reset.code()) => Self::WantsHttp1,
            Cause::GoAway(goaway) if wants_http1(goaway.code()) => Self::WantsHttp1,
            _ => return None,
        })
    }

    pub(in crate::error) fn of_connect(error: &ConnectError) -> Option<Self> {
        let advice = Self::of_peer(error)?;
        let is_via = || error.route().is_some_and(|route| route.contains(" via "));
        Some(match (advice, error.proxy()) {
            (Self::NothingListens | Self::NoSuchName, Some(_)) => Self::NoProxyThere,
            (Self::NoSuchName, None) if is_via() => Self::LocalLookup,
            (Self::SelfSigned | Self::UnknownIssuer | Self::MissingIntermediate | Self::WrongName, Some(_)) => {
                Self::ProxyCertificate
            }
            (Self::NotTls | Self::TlsEnded, Some(_)) => Self::NotThatProxy,
            (advice, _) => advice,
        })
    }

    /// Of whoever it is that failed.
    fn of_peer(error: &ConnectError) -> Option<Self> {
        if let Some(advice) = error.advice() {
            return Some(advice);
        }
        if error.source_as::<OriginError>().is_some() || is_of_origin(error.source_as()) {
            return Some(Self::Url);
        }
        if let Some(refused) = error.source_as::<EgressRefused>() {
            return Some(if refused.rule == EgressReason::Cleartext { Self::Cleartext } else { Self::Egress });
        }
        if error.is_overloaded() {
            return Some(Self::Overloaded);
        }
        match error.phase() {
            // What else is behind it is about another server.
            Some(Phase::LookupQueue | Phase::Resolve) => Some(Self::NoAnswer),
            Some(Phase::Handshake) if error.source_as::<TlsAlert>().is_some_and(TlsAlert::is_certificate) => {
                Some(Self::ClientCertificate)
            }
            _ if error.source_as::<Error>().is_some() => error.source_as::<Error>().and_then(Error::advice),
            _ if error.is_timeout() && is_past_tcp(error) => Some(Self::SlowHandshake),
            _ if error.is_timeout() => Some(Self::SlowConnect),
            Some(Phase::Tcp) if error.endpoint().is_some_and(is_of_any_link) && is_invalid(error.behind()) => {
                Some(Self::LinkLocal)
            }
            Some(Phase::Tcp) if matches!(error.endpoint(), Some(Endpoint::Unix(_))) => of_unix_socket(error.behind()),
            Some(Phase::Tcp) => of_socket(error.behind()),
            _ => None,
        }
    }
}

fn is_of_origin(error: Option<&RequestError>) -> bool {
    matches!(error, Some(RequestError::Origin(_)))
}

/// Whether somebody was reached. A limit for all that it takes to connect knows no phase; the attempts do.
fn is_past_tcp(error: &ConnectError) -> bool {
    match error.phase() {
        Some(Phase::Tunnel | Phase::Tls | Phase::Handshake) => true,
        Some(Phase::Acquire | Phase::Call) => error.attempts().iter().any(|attempt| {
            attempt.phase > Phase::Tcp && matches!(attempt.outcome, Outcome::Pending | Outcome::Connected)
        }),
        _ => false,
    }
}

/// HTTP_1_1_REQUIRED (RFC 9113, section 7).
fn wants_http1(code: ErrorCode) -> bool {
    code == ErrorCode(0xd)
}

fn speaks_http2_in_cleartext(error: &Error) -> bool {
    error.connection().is_some_and(|info| info.protocol == Some(Protocol::Http2) && info.tls.is_none())
}

/// Of a socket that wasn't opened, also where a layer has wrapped what the system said.
fn of_socket(error: &(dyn StdError + 'static)) -> Option<Advice> {
    causes(error).filter_map(|cause| cause.downcast_ref().map(io::Error::kind)).find_map(|kind| match kind {
        io::ErrorKind::ConnectionRefused => Some(Advice::NothingListens),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Some(Advice::Unreachable)
        }
        _ => None,
    })
}

/// The same of one that has a path.
fn of_unix_socket(error: &(dyn StdError + 'static)) -> Option<Advice> {
    use io::ErrorKind::{ConnectionRefused, InvalidInput, NotFound, PermissionDenied};
    let mut kinds = causes(error).filter_map(|cause| cause.downcast_ref().map(io::Error::kind));
    // The last is that the path is too long.
    kinds
        .any(|kind| matches!(kind, ConnectionRefused | NotFound | PermissionDenied | InvalidInput))
        .then_some(Advice::UnixSocket)
}

/// A link-local address without its zone.
fn is_of_any_link(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Inet(SocketAddr::V6(addr)) if addr.ip().is_unicast_link_local() && addr.scope_id() == 0)
}

/// Whether the system, and nobody else, finds that a socket can't be connected there.
fn is_invalid(error: &(dyn StdError + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::InvalidInput && error.raw_os_error().is_some())
}
