//! What an error means, as far as its cause tells: one row for each rule, and for what none of them is about.

use skybridge_core::{
    Advice, AttemptReport, BoxError, Cause, Cleartext, CloseReason, ConnInfo, ConnectError, Delivery, Egress, Endpoint,
    Error, ErrorCode, GoAway, OriginError, Overloaded, Phase, Protocol, RequestError, Reset, TimedOut, TlsAlert,
};
use skybridge_testkit::{executor::Executor, fixtures};
use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
    time::Duration,
};

const ADDR: &str = "192.0.2.1:443";

fn exchange(cause: Cause) -> Error {
    Error::of(Delivery::Unknown, Phase::Wait, cause)
}

/// On a connection whose handshake never came to its end.
fn of_handshake(cause: Cause) -> Error {
    Error::of(Delivery::Unknown, Phase::Handshake, cause)
}

fn connect(phase: Phase, source: impl Into<BoxError>) -> Error {
    ConnectError::new(phase, source).into()
}

fn slow(phase: Phase) -> TimedOut {
    TimedOut { phase, limit: Duration::from_secs(1) }
}

fn full() -> Overloaded {
    Overloaded { what: "the queue", limit: 1 }
}

fn unwanted(code: u8) -> TlsAlert {
    TlsAlert::new(code, "an alert")
}

fn assert_all(rows: Vec<(Error, Option<Advice>)>) {
    for (row, (error, expected)) in rows.into_iter().enumerate() {
        assert_eq!(error.advice(), expected, "row {row}: {error}");
    }
}

#[test]
fn what_keeps_a_request_from_a_connection() {
    let not_a_host = || OriginError::NotAHost("a..test".into());
    let ended = || exchange(Cause::NoResponse("gone".into()));
    let refused = || Egress::none().check(&fixtures::key("http://a.test").origin, &fixtures::endpoint(ADDR));
    let no_cleartext = Egress::any().cleartext(Cleartext::refused());
    let in_cleartext = || no_cleartext.check_cleartext(&fixtures::key("http://a.test").origin);
    let mut rows = vec![
        (RequestError::Origin(not_a_host()).into(), Some(Advice::Url)),
        (RequestError::Uri("so".into()).into(), Some(Advice::Url)),
        (RequestError::Method("BREW".into()).into(), Some(Advice::Request)),
        (exchange(Cause::RequestBody("unreadable".into())), Some(Advice::Request)),
        (connect(Phase::Tcp, not_a_host()), Some(Advice::Url)),
        (connect(Phase::Tcp, refused().unwrap_err()), Some(Advice::Egress)),
        (connect(Phase::Acquire, in_cleartext().unwrap_err()), Some(Advice::Cleartext)),
        // Also where a proxy is asked, or nobody yet.
        (connect(Phase::Tunnel, refused().unwrap_err()), Some(Advice::Egress)),
        (connect(Phase::Resolve, refused().unwrap_err()), Some(Advice::Egress)),
        (connect(Phase::Acquire, full()), Some(Advice::Overloaded)),
        (connect(Phase::Resolve, full()), Some(Advice::Overloaded)),
        (exchange(Cause::Overloaded(full())), Some(Advice::Overloaded)),
        (exchange(Cause::TimedOut(slow(Phase::Acquire))), Some(Advice::Overloaded)),
        (exchange(Cause::Closed), None),
        // A resolver's own servers are not the request's: what is behind it is not told of them.
        (connect(Phase::Resolve, "no server answers"), Some(Advice::NoAnswer)),
        (connect(Phase::LookupQueue, slow(Phase::LookupQueue)), Some(Advice::NoAnswer)),
        (connect(Phase::Resolve, ended()), Some(Advice::NoAnswer)),
        (connect(Phase::Resolve, unwanted(116)), Some(Advice::NoAnswer)),
        (connect(Phase::Tcp, slow(Phase::Tcp)), Some(Advice::SlowConnect)),
        (connect(Phase::Tls, io::Error::from(ErrorKind::TimedOut)), Some(Advice::SlowHandshake)),
        (connect(Phase::Tunnel, slow(Phase::Tunnel)), Some(Advice::SlowHandshake)),
        (connect(Phase::Handshake, slow(Phase::Handshake)), Some(Advice::SlowHandshake)),
        (connect(Phase::Acquire, slow(Phase::Acquire)), Some(Advice::SlowConnect)),
        (connect(Phase::Handshake, unwanted(116)), Some(Advice::ClientCertificate)),
        (connect(Phase::Handshake, unwanted(80)), None),
        (connect(Phase::Tunnel, unwanted(116)), None),
        // A connection that ended before it was used says itself what that means.
        (connect(Phase::Handshake, ended()), Some(Advice::NoResponse)),
        // Its limits are the layer's own, and no flag's.
        (connect(Phase::Handshake, exchange(Cause::Unresponsive("silent".into()))), None),
        (connect(Phase::Handshake, exchange(Cause::Cancelled)), None),
        // Who knows more, or knew it first, is believed.
        (ConnectError::new(Phase::Resolve, "none").advise(Advice::NoSuchName).into(), Some(Advice::NoSuchName)),
        (ended().advise(Advice::WantsTls).advise(Advice::NotHttp), Some(Advice::WantsTls)),
    ];
    let kinds = [
        (ErrorKind::ConnectionRefused, Some(Advice::NothingListens)),
        (ErrorKind::HostUnreachable, Some(Advice::Unreachable)),
        (ErrorKind::NetworkUnreachable, Some(Advice::Unreachable)),
        (ErrorKind::AddrNotAvailable, Some(Advice::Unreachable)),
        (ErrorKind::ConnectionReset, None),
    ];
    for (kind, expected) in kinds {
        rows.push((connect(Phase::Tcp, io::Error::other(io::Error::from(kind))), expected));
        // A proxy or a layer that says so means another address.
        rows.push((connect(Phase::Tunnel, io::Error::from(kind)), None));
    }
    assert_all(rows);
}

#[test]
fn how_an_exchange_ended() {
    let stale = Cause::Stale(Box::new(Cause::NoResponse("gone".into())));
    assert_all(vec![
        (exchange(Cause::TimedOut(slow(Phase::Call))), Some(Advice::SlowCall)),
        (exchange(Cause::TimedOut(slow(Phase::Send))), Some(Advice::SlowResponse)),
        (exchange(Cause::TimedOut(slow(Phase::Wait))), Some(Advice::SlowResponse)),
        (exchange(Cause::TimedOut(slow(Phase::Body))), Some(Advice::SlowResponse)),
        (exchange(Cause::Unresponsive("silent".into())), None),
        (of_handshake(Cause::TimedOut(slow(Phase::Acquire))), Some(Advice::SlowHandshake)),
        (of_handshake(Cause::TimedOut(slow(Phase::Handshake))), Some(Advice::SlowHandshake)),
        (of_handshake(Cause::Unresponsive("silent".into())), None),
        (exchange(Cause::Tls(unwanted(116))), Some(Advice::ClientCertificate)),
        (exchange(Cause::Tls(unwanted(80))), None),
        (exchange(Cause::Protocol("no header".into())), Some(Advice::BrokenHttp)),
        (exchange(Cause::NoResponse("gone".into())), Some(Advice::NoResponse)),
        (exchange(Cause::ConnectionClosed(CloseReason::Unsolicited)), Some(Advice::NotHttp)),
        (exchange(Cause::ConnectionClosed(CloseReason::PeerFin)), Some(Advice::NoResponse)),
        (exchange(Cause::ConnectionClosed(CloseReason::Idle)), None),
        (exchange(Cause::Incomplete("gone".into())), Some(Advice::Incomplete)),
        (exchange(Cause::Cancelled), None),
        (exchange(Cause::Io("reset".into())), Some(Advice::NoResponse)),
        (Error::of(Delivery::Unsent, Phase::Handshake, Cause::Io("reset".into())), Some(Advice::NoResponse)),
        (Error::of(Delivery::Unknown, Phase::Body, Cause::Io("reset".into())), Some(Advice::Incomplete)),
        (Error::of(Delivery::Unknown, Phase::Send, Cause::Io("reset".into())), None),
        (exchange(Cause::Exchange("it".into())), None),
        (exchange(Cause::GoAway(GoAway::new(ErrorCode(11), "calm"))), None),
        (exchange(Cause::GoAway(GoAway::new(ErrorCode(13), "old"))), Some(Advice::WantsHttp1)),
        (exchange(Cause::Reset(Reset::by_peer(ErrorCode(2), "it"))), None),
        (exchange(Cause::Reset(Reset::by_peer(ErrorCode(13), "old"))), Some(Advice::WantsHttp1)),
        (exchange(Cause::Reset(Reset::by_us(ErrorCode(13), "old"))), None),
        (exchange(stale), None),
    ]);
}

/// One that has a path has no port.
#[test]
fn a_unix_socket_that_cannot_be_connected_to() {
    let kinds = [
        (ErrorKind::ConnectionRefused, Some(Advice::UnixSocket)),
        (ErrorKind::NotFound, Some(Advice::UnixSocket)),
        (ErrorKind::PermissionDenied, Some(Advice::UnixSocket)),
        (ErrorKind::InvalidInput, Some(Advice::UnixSocket)),
        (ErrorKind::OutOfMemory, None),
    ];
    let at = || Endpoint::Unix(Arc::from(Path::new("/run/a.sock")));
    let rows =
        kinds.map(|(kind, expected)| (ConnectError::new(Phase::Tcp, io::Error::from(kind)).at(at()).into(), expected));
    assert_all(rows.into_iter().collect());
}

/// What is said of a server would send the reader to the wrong one.
#[tokio::test(start_paused = true)]
async fn what_fails_at_a_proxy_is_about_the_proxy() {
    let of =
        |phase, advice: Advice| ConnectError::new(phase, "it").on_route("a.test via http://p.test:80").advise(advice);
    let at_proxy = |phase, advice| -> Error { of(phase, advice).of_proxy("http://p.test:80").into() };
    let behind = |phase, advice| -> Error { of(phase, advice).into() };
    let certificates =
        [Advice::SelfSigned, Advice::UnknownIssuer, Advice::MissingIntermediate, Advice::WrongName].map(|advice| {
            [(at_proxy(Phase::Tls, advice), Some(Advice::ProxyCertificate)), (behind(Phase::Tls, advice), Some(advice))]
        });
    let mut rows: Vec<_> = certificates.into_iter().flatten().collect();
    rows.extend([
        (at_proxy(Phase::Tls, Advice::NotTls), Some(Advice::NotThatProxy)),
        (behind(Phase::Tls, Advice::NotTls), Some(Advice::NotTls)),
        (at_proxy(Phase::Tls, Advice::TlsEnded), Some(Advice::NotThatProxy)),
        (behind(Phase::Tls, Advice::TlsEnded), Some(Advice::TlsEnded)),
        (at_proxy(Phase::Tls, Advice::Pins), Some(Advice::Pins)),
        (at_proxy(Phase::Resolve, Advice::NoSuchName), Some(Advice::NoProxyThere)),
        // The proxy's addresses are the only ones that are connected to.
        (behind(Phase::Tcp, Advice::NothingListens), Some(Advice::NoProxyThere)),
        (behind(Phase::Resolve, Advice::NoSuchName), Some(Advice::LocalLookup)),
    ]);
    assert_all(rows);
}

/// A limit for all of connecting knows no phase; the attempts that were under way do.
#[tokio::test(start_paused = true)]
async fn who_was_reached_and_is_silent_is_behind_no_firewall() {
    let over = |failed: bool| -> Error {
        let route = fixtures::route("https://a.test", [ADDR], Executor::new().ctx());
        let attempt = route.attempt(fixtures::endpoint(ADDR));
        let guard = attempt.phase(Phase::Tls);
        let _open = if failed { Err(guard.fail(BoxError::from("it"))) } else { Ok(guard) };
        let attempts = route.ctx().attempt_log().reports();
        ConnectError::from(slow(Phase::Acquire)).with_attempts(attempts).into()
    };
    assert_all(vec![(over(false), Some(Advice::SlowHandshake)), (over(true), Some(Advice::SlowConnect))]);
}

/// Servers of HTTP/1.1 close when they get HTTP/2's preface in cleartext; over TLS both have agreed.
#[tokio::test(start_paused = true)]
async fn no_response_to_http2_in_cleartext_is_for_want_of_http2() {
    let executor = Executor::new();
    let attempt = fixtures::route("https://a.test", [ADDR], executor.ctx()).attempt(fixtures::endpoint(ADDR));
    let ended = |protocol, tls| {
        let mut info = ConnInfo::new(&attempt, None, fixtures::endpoint(ADDR));
        (info.protocol, info.tls) = (Some(protocol), tls);
        exchange(Cause::NoResponse("gone".into())).on(&Arc::new(info))
    };
    let silent = |phase, tls| {
        let mut info = ConnInfo::new(&attempt, None, fixtures::endpoint(ADDR));
        (info.protocol, info.tls) = (Some(Protocol::Http2), tls);
        Error::of(Delivery::Unknown, phase, Cause::Unresponsive("silent".into())).on(&Arc::new(info))
    };
    let tls = || Some(fixtures::tls(Some(Protocol::Http2), ["a.test"]));
    assert_all(vec![
        (ended(Protocol::Http2, None), Some(Advice::NotHttp2)),
        (ended(Protocol::Http2, tls()), Some(Advice::NoResponse)),
        (ended(Protocol::Http1, None), Some(Advice::NoResponse)),
        // It waits for the rest of what it takes for a request.
        (silent(Phase::Handshake, None), Some(Advice::NotHttp2)),
        (silent(Phase::Handshake, tls()), None),
        (silent(Phase::Wait, None), None),
    ]);
}

/// What the system finds invalid is something else where the address is whole, or has its zone.
#[cfg(unix)]
#[test]
fn a_link_local_address_without_its_zone_wants_an_interface() {
    let failed = |addr: &str, source: io::Error| -> Error {
        ConnectError::new(Phase::Tcp, source).at(fixtures::endpoint(addr)).into()
    };
    let invalid = || io::Error::from_raw_os_error(22);
    assert_all(vec![
        (failed("[fe80::1]:80", invalid()), Some(Advice::LinkLocal)),
        (failed("[fe80::1%2]:80", invalid()), None),
        (failed("[2001:db8::1]:80", invalid()), None),
        (failed("169.254.1.1:80", invalid()), None),
        (failed("[fe80::1]:80", io::Error::new(ErrorKind::InvalidInput, "no interface has such a name")), None),
        (failed("[fe80::1]:80", io::Error::from(ErrorKind::ConnectionRefused)), Some(Advice::NothingListens)),
    ]);
}

/// Whatever else is known, nothing helps before that.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn that_no_descriptor_is_left_comes_before_all_else() {
    let none_left = || io::Error::from_raw_os_error(24);
    let attempts = || -> Vec<AttemptReport> {
        let route = fixtures::route("https://a.test", [ADDR], Executor::new().ctx());
        route.attempt(fixtures::endpoint(ADDR)).failed(none_left());
        route.ctx().attempt_log().reports()
    };
    let refused = ConnectError::new(Phase::Tcp, io::Error::from(ErrorKind::ConnectionRefused));
    assert_all(vec![
        (connect(Phase::Tcp, none_left()), Some(Advice::Descriptors)),
        (connect(Phase::Resolve, none_left()), Some(Advice::Descriptors)),
        (refused.clone().with_attempts(attempts()).into(), Some(Advice::Descriptors)),
        (refused.into(), Some(Advice::NothingListens)),
    ]);
}
