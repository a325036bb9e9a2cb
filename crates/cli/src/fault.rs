//! Classifies errors: the kind, the phase, whether the origin may have processed the request, and the exit code.

use crate::exit::Exit;
use serde::Serialize;
use skybridge::{
    Cause, ConnectError, Delivery, DohError, Error, H1Error, HeadError, Phase, Protocol, ProxyVariableError,
    RequestError, SocketRefused, TlsConfigError, TlsError,
    types::{Advice, CloseReason, EgressReason, EgressRefused, OriginError, TlsAlert},
};
use std::{error::Error as StdError, fmt, io};

/// An error as the report prints it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    pub(crate) phase: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) chain: Vec<String>,
    pub(crate) processed: &'static str,
    #[serde(rename = "exit_code", serialize_with = "code")]
    pub(crate) exit: Exit,
    #[serde(serialize_with = "key")]
    pub(crate) advice: Option<Advice>,
    /// It is about a proxy, and not about the URL's server.
    #[serde(skip)]
    pub(crate) is_of_proxy: bool,
}

/// The body of a request could not be read.
#[derive(Debug)]
pub(crate) struct NotRead(pub(crate) io::Error);

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

type Classification = (&'static str, Exit);

impl Fault {
    /// `last_phase` is the phase that was entered last, which a timeout of the whole call doesn't know.
    pub(crate) fn of(error: &Error, last_phase: Option<Phase>) -> Self {
        let (kind, exit) = classify(error);
        let phase = match error.phase() {
            _ if kind == "request" && error.is_request() => None,
            Phase::Call | Phase::Acquire => last_phase.or(Some(Phase::Acquire)),
            phase => Some(phase),
        };
        let processed = match (error.delivery(), phase) {
            (Delivery::Unsent | Delivery::Refused, _) => "no",
            (_, Some(Phase::Body)) => "yes",
            _ => "maybe",
        };
        let chain: Vec<_> = chain(error).map(ToString::to_string).collect();
        let (message, advice) = (error.to_string(), error.advice());
        let is_of_proxy = matches!(error.cause(), Cause::Connect(error) if error.proxy().is_some());
        Self { kind, phase: phase.map(Phase::as_str), message, chain, processed, exit, advice, is_of_proxy }
    }

    /// An error of the command line tool itself.
    pub(crate) fn local(kind: &'static str, exit: Exit, message: String, processed: &'static str) -> Self {
        let chain = vec![message.clone()];
        Self { kind, phase: None, chain, message, processed, exit, advice: None, is_of_proxy: false }
    }

    /// Says before all else which URL it is about.
    pub(crate) fn of_url(mut self, which: &str) -> Self {
        self.message.insert_str(0, which);
        self
    }

    /// A URL, as it may be printed, whose scheme a flag doesn't permit.
    pub(crate) fn forbidden(url: String, scheme: &str, flag: &str) -> Self {
        let message = format!("{url}: {scheme} URLs are not permitted ({flag})");
        Self::local("request", Exit::UNSUPPORTED, message, "no")
    }

    /// Where a redirect leads that can't be followed.
    pub(crate) fn not_spoken(to: &str) -> Self {
        let message = format!("{to}: only http and https URLs can be fetched");
        Self::local("request", Exit::UNSUPPORTED, message, "no")
    }
}

/// The chain as one line, without levels that repeat another.
fn one_line(chain: &[String]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in chain {
        if !parts.iter().any(|known| known.contains(part.as_str())) {
            parts.push(part);
        }
    }
    parts.join(": ")
}

/// An error and all that is behind it, as one line. One of the stack says that by itself.
pub(crate) fn in_one_line(error: &(dyn StdError + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.reason();
    }
    one_line(&chain(error).map(ToString::to_string).collect::<Vec<_>>())
}

/// The stack's error that a layer above it passes on, or that layer's own.
pub(crate) fn of_stack(error: BoxError) -> Result<Error, BoxError> {
    error.downcast().map(|error| *error)
}

fn classify(error: &Error) -> Classification {
    match error.cause() {
        _ if error.is_timeout() => ("timeout", Exit::TIMEOUT),
        Cause::Request(RequestError::Origin(OriginError::UnknownScheme(_))) => ("request", Exit::UNSUPPORTED),
        Cause::Request(RequestError::Origin(_) | RequestError::Uri(_)) => ("request", Exit::URL),
        // The only one of ours: HTTP/1.0 has no chunks.
        Cause::Request(RequestError::Header(name, _)) if &**name == "transfer-encoding" => ("request", Exit::UPLOAD),
        Cause::Request(_) => ("request", Exit::USAGE),
        Cause::Overloaded(_) | Cause::Closed => ("pool", Exit::CONNECT),
        Cause::Connect(error) => connect(error),
        cause => exchange(cause, error),
    }
}

fn connect(error: &ConnectError) -> Classification {
    // What else is behind it is about another server than the URL's.
    if error.source_as::<DohError>().is_some() {
        return by_phase(error);
    }
    // A handshake that the peer refused only after it was over.
    if error.source_as::<TlsAlert>().is_some() {
        return ("tls", Exit::RECEIVE);
    }
    // Nor is it a handshake that failed when connections of HTTP/1.1, which has none, end before they are used.
    if let Some(ended) = error.source_as::<Error>().filter(|ended| !is_http2(ended)) {
        return exchange(ended.cause(), ended);
    }
    if let Some(error) = error.source_as::<TlsError>() {
        return match error {
            error if error.is_pin() => ("pin", Exit::PIN),
            error if error.is_staple() => ("certificate", Exit::STAPLE),
            error if error.is_certificate() => ("certificate", Exit::CERTIFICATE),
            error if error.is_ech() => ("tls", Exit::ECH),
            _ => ("tls", Exit::TLS),
        };
    }
    if error.source_as::<EgressRefused>().is_some_and(|refused| refused.rule == EgressReason::Cleartext) {
        return ("request", Exit::UNSUPPORTED);
    }
    if error.source_as::<TlsConfigError>().is_some() {
        return ("tls", Exit::ROOTS);
    }
    if error.source_as::<SocketRefused>().is_some() {
        return ("connect", Exit::INTERFACE);
    }
    if error.source_as::<ProxyVariableError>().is_some() {
        return ("resolve", Exit::RESOLVE_PROXY);
    }
    by_phase(error)
}

fn by_phase(error: &ConnectError) -> Classification {
    match error.phase() {
        Some(Phase::LookupQueue | Phase::Resolve) if error.proxy().is_some() => ("resolve", Exit::RESOLVE_PROXY),
        Some(Phase::LookupQueue | Phase::Resolve) => ("resolve", Exit::RESOLVE),
        Some(Phase::Tunnel) => ("proxy", Exit::PROXY),
        Some(Phase::Tls) => ("tls", Exit::TLS),
        Some(Phase::Handshake) => ("handshake", Exit::HTTP2),
        _ => ("connect", Exit::CONNECT),
    }
}

fn exchange(cause: &Cause, error: &Error) -> Classification {
    let sending = error.phase() == Phase::Send;
    let is_http2 = is_http2(error);
    match cause {
        Cause::RequestBody(source) if find::<NotRead>(&**source).is_some() => ("request", Exit::READ_FILE),
        Cause::Stale(cause) => exchange(cause, error),
        Cause::Tls(_) => ("tls", Exit::RECEIVE),
        Cause::Reset(_) => ("stream", Exit::STREAM),
        Cause::GoAway(_) => ("protocol", Exit::HTTP2),
        Cause::Protocol(_) if is_http2 => ("protocol", Exit::HTTP2),
        Cause::ConnectionClosed(CloseReason::Unsolicited) if !is_http2 => ("protocol", Exit::UNSUPPORTED),
        // Also when it says why by an alert of TLS, or begins as HTTP/2 does.
        Cause::Protocol(_)
            if matches!(error.advice(), Some(Advice::NotHttp | Advice::WantsTls | Advice::WantsHttp2)) =>
        {
            ("protocol", Exit::UNSUPPORTED)
        }
        Cause::Protocol(source) if is_malformed(&**source) => ("protocol", Exit::WEIRD_ANSWER),
        Cause::Incomplete(_) if error.phase() == Phase::Body => ("body", Exit::PARTIAL),
        Cause::NoResponse(_) | Cause::ConnectionClosed(CloseReason::PeerFin) if !is_http2 => ("protocol", Exit::EMPTY),
        Cause::Cancelled => ("cancelled", Exit::RECEIVE),
        _ if sending => ("protocol", Exit::SEND),
        _ => ("protocol", Exit::RECEIVE),
    }
}

fn is_http2(error: &Error) -> bool {
    error.connection().is_some_and(|info| info.protocol == Some(Protocol::Http2))
}

/// Whether it is a head of HTTP/1.1 that is malformed, not only too large, or of a body that can't be read.
fn is_malformed(error: &(dyn StdError + 'static)) -> bool {
    let is_well_formed = |error: &HeadError| {
        matches!(error, HeadError::TooLarge { .. } | HeadError::TooManyFields { .. } | HeadError::TransferCoding(_))
    };
    matches!(find(error), Some(H1Error::Head(error)) if !is_well_formed(error))
}

/// The first error of a type in a chain.
fn find<'a, E: StdError + 'static>(first: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    chain(first).find_map(<dyn StdError>::downcast_ref)
}

pub(crate) fn chain<'a>(first: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(first), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

fn code<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.0)
}

fn key<S: serde::Serializer>(advice: &Option<Advice>, serializer: S) -> Result<S::Ok, S::Error> {
    advice.map(Advice::key).serialize(serializer)
}

impl fmt::Display for Fault {
    /// With what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) {}", self.exit, self.message)?;
        self.advice.map_or(Ok(()), |advice| write!(f, "; {}", advice.on_command_line()))
    }
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the data could not be read")
    }
}

impl StdError for NotRead {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge::{
        ConnInfo,
        types::{ErrorCode, GoAway, Overloaded, Reset, TimedOut},
    };
    use skybridge_testkit::{executor::Executor, fixtures};
    use std::{sync::Arc, time::Duration};

    fn connect(phase: Phase) -> ConnectError {
        ConnectError::new(phase, io::Error::other("told"))
    }

    /// Exit codes by phase and cause; those that need a peer are in `tests/`.
    #[test]
    fn exit_codes() {
        let slow = TimedOut { phase: Phase::Tls, limit: Duration::from_secs(1) };
        let rows: [(Error, &str, u8); 9] = [
            (connect(Phase::Resolve).into(), "resolve", 6),
            (connect(Phase::Resolve).of_proxy("http://p.test:3128").into(), "resolve", 5),
            (connect(Phase::Tcp).into(), "connect", 7),
            (connect(Phase::Tunnel).into(), "proxy", 97),
            (connect(Phase::Tls).into(), "tls", 35),
            (connect(Phase::Handshake).into(), "handshake", 16),
            (ConnectError::from(slow).into(), "timeout", 28),
            (Error::of(Delivery::Unknown, Phase::Wait, Cause::TimedOut(slow)), "timeout", 28),
            (RequestError::Uri("so".into()).into(), "request", 3),
        ];
        for (error, kind, exit) in rows {
            let fault = Fault::of(&error, None);
            assert_eq!((fault.kind, fault.exit), (kind, Exit(exit)), "{error:?}");
        }
    }

    /// Those of an exchange; what decides is how it ended, when, and over which version of HTTP.
    #[tokio::test(start_paused = true)]
    async fn exit_codes_of_exchanges() {
        let alert = || TlsAlert::new(116, "certificate_required");
        let failed = || Cause::Protocol("it".into());
        let unread = Cause::RequestBody(Box::new(NotRead(io::Error::other("no such file"))));
        let stale = Cause::Stale(Box::new(Cause::NoResponse("gone".into())));
        let full = Cause::Overloaded(Overloaded { what: "the queue", limit: 1 });
        let rows: [(Cause, Phase, &str, u8, u8); 18] = [
            (Cause::Io("reset".into()), Phase::Send, "protocol", 55, 55),
            (Cause::Io("reset".into()), Phase::Wait, "protocol", 56, 56),
            (Cause::Exchange("it".into()), Phase::Wait, "protocol", 56, 56),
            (Cause::Cancelled, Phase::Wait, "cancelled", 56, 56),
            (Cause::Tls(alert()), Phase::Send, "tls", 56, 56),
            (Cause::Reset(Reset::by_peer(ErrorCode(2), "it")), Phase::Send, "stream", 92, 92),
            (Cause::GoAway(GoAway::new(ErrorCode(11), "calm")), Phase::Send, "protocol", 16, 16),
            (failed(), Phase::Wait, "protocol", 56, 16),
            (failed(), Phase::Send, "protocol", 55, 16),
            (Cause::Incomplete("gone".into()), Phase::Body, "body", 18, 18),
            (Cause::Incomplete("gone".into()), Phase::Wait, "protocol", 56, 56),
            (Cause::NoResponse("gone".into()), Phase::Wait, "protocol", 52, 56),
            (stale, Phase::Wait, "protocol", 52, 56),
            (Cause::ConnectionClosed(CloseReason::PeerFin), Phase::Acquire, "protocol", 52, 56),
            (Cause::ConnectionClosed(CloseReason::Unsolicited), Phase::Acquire, "protocol", 1, 56),
            (unread, Phase::Send, "request", 26, 26),
            (Cause::RequestBody("it".into()), Phase::Send, "protocol", 55, 55),
            (full, Phase::Acquire, "pool", 7, 7),
        ];
        for (cause, phase, kind, http1, http2) in rows {
            let said = cause.to_string();
            let mut error = Error::of(Delivery::Unknown, phase, cause);
            for (protocol, exit) in [(None, http1), (Some(Protocol::Http2), http2)] {
                if let Some(protocol) = protocol {
                    error = error.on(&connection(protocol));
                }
                assert_eq!(classify(&error), (kind, Exit(exit)), "{said} {protocol:?}");
            }
        }
    }

    fn connection(protocol: Protocol) -> Arc<ConnInfo> {
        let to = fixtures::endpoint("192.0.2.1:80");
        let attempt = fixtures::route("http://a.test", ["192.0.2.1:80"], Executor::new().ctx()).attempt(to.clone());
        let mut info = ConnInfo::new(&attempt, None, to);
        info.protocol = Some(protocol);
        Arc::new(info)
    }

    /// What a connect failed of: for HTTP/1.1, which has no handshake, that is the end of an exchange.
    #[tokio::test(start_paused = true)]
    async fn exit_codes_of_connections_that_end_before_they_are_used() {
        let ended = |protocol| {
            Error::of(Delivery::Unsent, Phase::Handshake, Cause::NoResponse("gone".into())).on(&connection(protocol))
        };
        let of = |source: BoxError| classify(&ConnectError::new(Phase::Handshake, source).into());
        assert_eq!(of(Box::new(ended(Protocol::Http1))), ("protocol", Exit::EMPTY));
        assert_eq!(of(Box::new(ended(Protocol::Http2))), ("handshake", Exit::HTTP2));
        assert_eq!(of(Box::new(TlsAlert::new(116, "certificate_required"))), ("tls", Exit::RECEIVE));
    }

    #[test]
    fn what_began_to_be_answered_was_processed() {
        let of = |delivery, phase| Fault::of(&Error::of(delivery, phase, Cause::Cancelled), None).processed;
        assert_eq!(of(Delivery::Unknown, Phase::Body), "yes");
        assert_eq!([of(Delivery::Unknown, Phase::Wait), of(Delivery::Unknown, Phase::Send)], ["maybe"; 2]);
        assert_eq!([of(Delivery::Unsent, Phase::Send), of(Delivery::Refused, Phase::Wait)], ["no"; 2]);
    }

    #[test]
    fn an_earlier_try_that_may_have_been_processed_counts() {
        let earlier = |delivery| vec![Error::new(delivery, Phase::Wait, io::Error::other("reset"))];
        for (first, processed) in [(Delivery::Unknown, "maybe"), (Delivery::Refused, "no"), (Delivery::Unsent, "no")] {
            let fault = Fault::of(&Error::from(connect(Phase::Tcp)).after(earlier(first)), None);
            assert_eq!((fault.processed, fault.kind, fault.exit), (processed, "connect", Exit::CONNECT));
        }
        let fault = Fault::of(&Error::from(connect(Phase::Tcp)).after(earlier(Delivery::Unknown)), None);
        let says = "TCP failed: told (an earlier try may have been processed)";
        assert_eq!(fault.message, says);
    }

    #[test]
    fn a_timeout_of_the_whole_call_names_the_last_phase() {
        let slow = TimedOut { phase: Phase::Call, limit: Duration::from_secs(1) };
        let error = Error::of(Delivery::Unknown, Phase::Call, Cause::TimedOut(slow));
        assert_eq!(Fault::of(&error, Some(Phase::Tls)).phase, Some("tls"));
    }
}
