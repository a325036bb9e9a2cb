//! What errors say at each level, what survives foreign layers, and what is shared.

use skybridge_core::{
    Advice, BoxError, Cause, ConnInfo, ConnectError, Delivery, Error, ErrorCode, Failed, GoAway, OriginError, Outcome,
    Phase, Protocol, Proxy, ProxyKind, RequestError, Reset, TimedOut, TlsAlert, TlsInfo, timeout,
};
use skybridge_testkit::{executor::Executor, fixtures, observe::Recorder};
use std::{error::Error as _, io, time::Duration};

fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut said = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        said.push(error.to_string());
        next = error.source();
    }
    said
}

#[tokio::test(start_paused = true)]
async fn a_failed_phase_names_itself_its_endpoint_and_its_route_and_keeps_its_cause() {
    let executor = Executor::new();
    let recorder = Recorder::new();
    let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx().observer(Some(recorder.clone())));
    let attempt = route.attempt(fixtures::endpoint("192.0.2.1:80"));
    let guard = attempt.phase(Phase::Tcp);
    tokio::time::advance(Duration::from_millis(3)).await;
    let error = guard.fail(io::Error::from(io::ErrorKind::ConnectionRefused)).on_route(&route);
    assert_eq!(error.phase(), Some(Phase::Tcp));
    assert_eq!(error.endpoint(), Some(&fixtures::endpoint("192.0.2.1:80")));
    assert_eq!(error.source_as::<io::Error>().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(
        chain(&Error::from(error)),
        [
            "TCP to 192.0.2.1:80 failed: connection refused (nothing was sent)",
            "could not connect to a.test at 192.0.2.1:80: tcp failed",
            "connection refused",
        ]
    );
    let [report] = &route.ctx().attempt_log().reports()[..] else { panic!("one attempt") };
    assert_eq!(report.to_string(), "attempt 1 to a.test at 192.0.2.1:80: failed in tcp after 3ms: connection refused");
    assert_eq!(recorder.names(), ["connect_start", "connect_failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_phase_is_reported_and_leaves_an_abandoned_attempt() {
    let executor = Executor::new();
    let recorder = Recorder::new();
    let route = fixtures::route("http://a.test", ["192.0.2.1:80"], executor.ctx().observer(Some(recorder.clone())));
    let attempt = route.attempt(fixtures::endpoint("192.0.2.1:80"));
    drop(attempt.phase(Phase::Tls));
    assert_eq!(recorder.names(), ["tls_start", "tls_dropped"]);
    recorder.assert_balanced();
    let [report] = &route.ctx().attempt_log().reports()[..] else { panic!("one attempt") };
    assert!(matches!(report.outcome, Outcome::Abandoned));
    assert_eq!(report.phase, Phase::Tls);
    assert!(route.ctx().attempt_log().failed().is_empty(), "abandoned is not failed");
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_a_future_names_its_phase_and_drops_it_first() {
    let executor = Executor::new();
    let ctx = executor.ctx();
    let alive = std::sync::Arc::new(());
    let held = alive.clone();
    let never = async move {
        let _held = held;
        std::future::pending::<()>().await
    };
    let start = tokio::time::Instant::now();
    let timed_out = timeout(&ctx, Phase::Tls, Duration::from_secs(10), never).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert_eq!(timed_out, TimedOut { phase: Phase::Tls, limit: Duration::from_secs(10) });
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    let error = ConnectError::from(timed_out);
    assert!(error.is_timeout() && Error::from(error.clone()).is_timeout());
    assert_eq!(error.root_cause().to_string(), "tls took longer than 10s");
    assert_eq!(timeout(&ctx, Phase::Tls, Duration::MAX, async { 7 }).await, Ok(7));
}

#[test]
fn foreign_layers_erase_types_and_the_gates_restore_them() {
    let ours = ConnectError::new(Phase::Tls, "bad certificate").fatal();
    let erased: BoxError = Box::new(ours);
    let back = ConnectError::from(erased);
    assert!(back.is_fatal() && back.phase() == Some(Phase::Tls));

    let erased: BoxError = Box::new(Error::new(Delivery::Refused, Phase::Wait, "refused"));
    assert_eq!(Error::from(erased).delivery(), Delivery::Refused);

    let foreign = ConnectError::from(BoxError::from("rate limit"));
    assert_eq!((foreign.phase(), foreign.root_cause().to_string().as_str()), (None, "rate limit"));
    assert_eq!(Error::from(BoxError::from("elapsed")).delivery(), Delivery::Unknown, "nobody knows");
}

#[test]
fn one_connect_error_is_shared_and_later_details_are_the_owners_own() {
    let shared = ConnectError::new(Phase::Tcp, io::Error::other("down"));
    let own = shared.clone().on_route("a.test");
    assert_eq!((shared.route(), own.route()), (None, Some("a.test")));
    assert!(std::ptr::eq(shared.source_as::<io::Error>().unwrap(), own.source_as::<io::Error>().unwrap()));
}

#[test]
fn a_failed_request_is_an_error_and_says_what_became_of_it() {
    let says = |delivery| Error::new(delivery, Phase::Wait, "gone").to_string();
    let failed = "it failed while the response was awaited: gone";
    assert_eq!(says(Delivery::Unsent), format!("{failed} (nothing was sent)"));
    assert_eq!(says(Delivery::Refused), format!("{failed} (it was refused unprocessed)"));
    assert_eq!(says(Delivery::Unknown), format!("{failed} (it may have been processed)"));

    let failed = Failed::with(Error::from(RequestError::Method("CONNECT".into())), 7);
    assert!(matches!(failed.error.cause(), Cause::Request(_)) && failed.error.is_request());
    assert_eq!(
        chain(&failed),
        ["the request can't be sent: the method CONNECT is not supported", "the method CONNECT is not supported"]
    );
    assert!(failed.source().is_some() && failed.has_request());
    assert_eq!(failed.into_request().as_deref(), Some(&7));
}

/// An error of a request that was sent more than once says what is true of the request, not of its last try.
#[test]
fn the_delivery_of_an_error_is_the_worst_of_all_tries() {
    use Delivery::{Refused, Unknown, Unsent};
    let exchange = |delivery| Error::new(delivery, Phase::Wait, "gone");
    let connect = || Error::from(ConnectError::new(Phase::Tcp, "down"));
    // (earlier tries, the last one, the delivery of the request, the message)
    let rows = [
        (vec![Unknown], connect(), Unknown, "TCP failed: down (an earlier try may have been processed)"),
        (vec![Refused], connect(), Refused, "TCP failed: down (an earlier try was refused unprocessed)"),
        (vec![Unsent], connect(), Unsent, "TCP failed: down (nothing was sent)"),
        (
            vec![Unknown, Unsent],
            exchange(Refused),
            Unknown,
            "it failed while the response was awaited: gone (an earlier try may have been processed)",
        ),
        (
            vec![Refused],
            exchange(Unknown),
            Unknown,
            "it failed while the response was awaited: gone (it may have been processed)",
        ),
        (
            vec![Unknown],
            RequestError::Method("BREW".into()).into(),
            Unknown,
            "the request can't be sent: the method BREW is not supported (an earlier try may have been processed)",
        ),
        (
            vec![Unsent],
            RequestError::Method("BREW".into()).into(),
            Unsent,
            "the request can't be sent: the method BREW is not supported",
        ),
    ];
    for (earlier, last, delivery, said) in rows {
        let error = last.after(earlier.iter().map(|delivery| exchange(*delivery)).collect());
        assert_eq!((error.delivery(), error.to_string().as_str()), (delivery, said), "after {earlier:?}");
        let each: Vec<_> = error.earlier().iter().map(Error::delivery).collect();
        assert_eq!(each, earlier, "each try keeps its own");
        assert_eq!(error.is_connect(), delivery == Unsent && matches!(error.cause(), Cause::Connect(_)), "{error}");
    }
}

#[test]
fn tries_of_tries_are_one_list_in_order() {
    let numbered = |n: &'static str, delivery| Error::new(delivery, Phase::Wait, n);
    let inner = numbered("2", Delivery::Unsent).after(vec![numbered("1", Delivery::Unknown)]);
    let last = numbered("4", Delivery::Unsent).after(vec![numbered("3", Delivery::Unsent)]);
    let error = last.after(vec![inner]);
    let said: Vec<_> = error.earlier().iter().map(|error| chain(error).pop().unwrap()).collect();
    assert_eq!((said, error.delivery()), (vec!["1".to_owned(), "2".into(), "3".into()], Delivery::Unknown));
}

#[test]
fn a_time_limit_is_recognized_whoever_set_it() {
    use std::io::{Error as IoError, ErrorKind};
    let limit = TimedOut { phase: Phase::Wait, limit: Duration::from_secs(1) };
    let nested = || IoError::other(IoError::other(limit));
    let causes: [fn() -> BoxError; 3] = [
        || IoError::from(ErrorKind::TimedOut).into(),
        || IoError::new(ErrorKind::TimedOut, "keep-alive").into(),
        || ConnectError::new(Phase::Tls, IoError::from(ErrorKind::TimedOut)).into(),
    ];
    for cause in causes {
        for error in [
            Error::from(ConnectError::new(Phase::Tcp, cause())),
            Error::from(ConnectError::from(cause())),
            Error::new(Delivery::Unknown, Phase::Wait, cause()),
            Error::from(cause()),
            Failed::<()>::from(cause()).error,
        ] {
            assert!(error.is_timeout(), "{error:?}");
        }
    }
    assert!(Error::from(BoxError::from(nested())).is_timeout());
    assert_eq!(ConnectError::from(nested()).timed_out(), Some(limit), "inside of what io::Error wraps, too");
    assert!(!Error::from(BoxError::from(IoError::from(ErrorKind::ConnectionReset))).is_timeout());
}

/// `EMFILE` and `ENFILE`: wherever it is in the chain, and in whichever attempt.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn that_no_descriptor_is_left_is_recognized() {
    let of = |code| io::Error::from_raw_os_error(code);
    for (code, expected) in [(24, true), (23, true), (111, false), (99, false)] {
        for error in [ConnectError::from(of(code)), ConnectError::new(Phase::Tls, io::Error::other(of(code)))] {
            assert_eq!(error.is_out_of_descriptors(), expected, "{error:?}");
            assert_eq!(Error::from(error).is_out_of_descriptors(), expected);
        }
    }
    let (executor, endpoint) = (Executor::new(), "192.0.2.1:80");
    let route = fixtures::route("http://a.test", [endpoint], executor.ctx());
    route.attempt(fixtures::endpoint(endpoint)).failed(of(24));
    let error = ConnectError::new(Phase::Tcp, "another was refused");
    assert!(!error.is_out_of_descriptors());
    assert!(error.with_attempts(route.ctx().attempt_log().reports()).is_out_of_descriptors());
    assert!(!Error::new(Delivery::Unknown, Phase::Body, of(24)).is_out_of_descriptors(), "a connection was there");
}

/// With the feature `tower`, which the facade enables.
#[cfg(feature = "tower")]
#[tokio::test(start_paused = true)]
async fn a_time_limit_of_tower_or_tokio_is_recognized_too() {
    let tokio = || async { tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err() };
    for cause in [
        BoxError::from(tower::timeout::error::Elapsed::new()),
        BoxError::from(tokio().await),
        BoxError::from(io::Error::other(tower::timeout::error::Elapsed::new())),
    ] {
        let error = Error::from(cause);
        assert!(error.is_timeout() && error.delivery() == Delivery::Unknown, "{error:?}");
    }
    assert!(ConnectError::from(BoxError::from(tower::timeout::error::Elapsed::new())).is_timeout());
    assert!(ConnectError::new(Phase::Tls, tower::timeout::error::Elapsed::new()).is_timeout());
}

/// A request body that isn't `Sync`, as most aren't.
type NotSync = std::cell::Cell<u8>;

#[test]
fn a_failed_request_goes_through_foreign_layers_and_comes_back() {
    fn any_error<E: Into<BoxError> + Send + Sync + 'static>(error: E) -> BoxError {
        error.into()
    }
    let failed = Failed::with(Error::new(Delivery::Refused, Phase::Wait, "gone"), NotSync::new(7));
    let mut back = Failed::<NotSync>::from(any_error(failed));
    assert!(back.has_request());
    back.request_mut().unwrap().set(8);
    let (error, request) = back.into_parts();
    assert_eq!((error.delivery(), request.unwrap().get()), (Delivery::Refused, 8));

    let alone = Failed::<NotSync>::from(any_error(Error::new(Delivery::Refused, Phase::Wait, "gone")));
    assert!(!alone.has_request() && alone.error.delivery() == Delivery::Refused, "what a layer took apart");
    let foreign = Failed::<NotSync>::from(BoxError::from("shed"));
    assert!(!foreign.has_request() && foreign.error.delivery() == Delivery::Unknown, "nobody knows");
    let another = Failed::<u8>::from(any_error(Failed::with(Error::new(Delivery::Unsent, Phase::Wait, "gone"), 'x')));
    assert!(!another.has_request() && another.error.delivery() == Delivery::Unknown, "another request's");
}

#[test]
fn a_failed_request_is_not_printed() {
    let request = http::Request::builder().header("authorization", "secret").body(()).unwrap();
    let failed = Failed::with(Error::new(Delivery::Unsent, Phase::Send, "gone"), request);
    assert!(!format!("{failed:?}").contains("secret"));
}

/// Attempts at these addresses, each of which failed so.
fn attempts(route: &skybridge_core::Route, failures: &[(&str, Phase, &'static str)]) -> ConnectError {
    let failed: Vec<_> = failures
        .iter()
        .map(|(at, phase, why)| {
            route.attempt(fixtures::endpoint(at)).phase(*phase).fail(ConnectError::new(*phase, *why))
        })
        .collect();
    failed[0].clone().on_route(route).with_attempts(route.ctx().attempt_log().reports())
}

/// Where, in which phase and how an attempt fails.
type Failing<'a> = (&'a str, Phase, &'static str);

#[tokio::test(start_paused = true)]
async fn all_addresses_that_failed_are_named_alike_ones_together_and_not_without_end() {
    let executor = Executor::new();
    let route = || fixtures::route("https://a.test", [], executor.ctx());
    let (tcp, tls) = (Phase::Tcp, Phase::Tls);
    let two = [("10.0.0.1:443", tcp, "refused"), ("[::1]:443", tcp, "refused")];
    let mixed = [("10.0.0.1:443", tls, "expired"), ("10.0.0.2:443", tcp, "refused"), ("10.0.0.3:443", tcp, "refused")];
    let six = [1, 2, 3, 4, 5, 6].map(|last| format!("10.0.0.{last}:443"));
    let six: Vec<_> = six.iter().map(|at| (at.as_str(), tcp, "refused")).collect();
    let kinds: Vec<_> = six.iter().zip(["a", "b", "c", "d", "e", "f"]).map(|(six, why)| (six.0, tcp, why)).collect();
    let rows: [(&[Failing<'_>], &str); 4] = [
        (&two, "TCP to 10.0.0.1:443 and [::1]:443 failed: refused"),
        (&mixed, "TLS to 10.0.0.1:443 failed: expired; TCP to 10.0.0.2:443 and 10.0.0.3:443 failed: refused"),
        (&six, "TCP to 10.0.0.1:443, 10.0.0.2:443, 10.0.0.3:443, 10.0.0.4:443 and 2 more failed: refused"),
        (
            &kinds,
            "TCP to 10.0.0.1:443 failed: a; TCP to 10.0.0.2:443 failed: b; TCP to 10.0.0.3:443 failed: c; and 3 more that \
             failed otherwise",
        ),
    ];
    for (failures, said) in rows {
        let route = route();
        let error = Error::from(attempts(&route, failures)).to(route.target.origin());
        assert_eq!(error.to_string(), format!("https://a.test: {said} (nothing was sent)"));
    }
}

/// Each line names whom to look at: the proxy, or what is behind it.
#[tokio::test(start_paused = true)]
async fn what_failed_with_a_proxy_is_told_from_what_failed_behind_it() {
    let one = "a.test via http://10.0.0.1:80";
    let named = "a.test via https://p.test:443, socks5://q.test:1080";
    let of =
        |phase, route: &str| ConnectError::new(phase, "gone").on_route(route).at(fixtures::endpoint("10.0.0.1:80"));
    let proxy = "https://p.test:443";
    let rows = [
        (of(Phase::Tcp, one), "TCP to the proxy http://10.0.0.1:80 failed"),
        (of(Phase::Tcp, named), "TCP to 10.0.0.1:80 (the proxy https://p.test:443) failed"),
        (of(Phase::Tls, named).of_proxy(proxy), "TLS to 10.0.0.1:80 (the proxy https://p.test:443) failed"),
        (of(Phase::Tls, one), "TLS via http://10.0.0.1:80 failed"),
        (of(Phase::Tls, named), "TLS via https://p.test:443, socks5://q.test:1080 at 10.0.0.1:80 failed"),
        (of(Phase::Handshake, one), "the HTTP handshake via http://10.0.0.1:80 failed"),
        (of(Phase::Tunnel, one), "the tunnel via http://10.0.0.1:80 failed"),
        (of(Phase::Resolve, named).of_proxy(proxy), "the name lookup of the proxy https://p.test:443 failed"),
        (of(Phase::Resolve, one), "the name lookup (to go via http://10.0.0.1:80) failed"),
    ];
    for (error, said) in rows {
        assert_eq!(Error::from(error).to_string(), format!("{said}: gone (nothing was sent)"));
    }
}

/// HTTP/1.1 has no handshake that could fail: a connection that ended before its first request was made all right.
#[tokio::test(start_paused = true)]
async fn a_connection_that_ended_unused_is_no_handshake_that_failed() {
    let executor = Executor::new();
    let route = fixtures::route("https://a.test", [], executor.ctx());
    let endpoint = fixtures::endpoint("10.0.0.1:443");
    let says = |protocol| {
        let info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint.clone()).freeze(protocol);
        let alert = TlsAlert::new(116, "certificate_required");
        let ended = Error::of(Delivery::Unsent, Phase::Handshake, Cause::Tls(alert)).on(&info);
        let failed = ConnectError::new(Phase::Handshake, ended).on_route(&route).at(endpoint.clone());
        let error = Error::from(failed);
        assert_eq!(error.advice(), Some(Advice::ClientCertificate));
        error.to_string()
    };
    let (http1, http2) = (says(Protocol::Http1), says(Protocol::Http2));
    assert!(
        http1.starts_with("the connection to 10.0.0.1:443 failed: the peer ended TLS before the request"),
        "{http1}"
    );
    assert!(http2.starts_with("the HTTP handshake to 10.0.0.1:443 failed: the peer ended TLS before"), "{http2}");
}

/// A sentence has no room for them, and without them nobody can tell a renewed key from somebody in between.
#[test]
fn a_report_has_the_keys_where_none_is_pinned_and_a_sentence_has_not() {
    let failed = |advice| {
        let keys = io::Error::other("the path has A, B\n; pinned: C");
        let failed = ConnectError::new(Phase::Tls, keys).because("no key is pinned").fatal();
        Option::into_iter(advice).fold(failed, ConnectError::advise)
    };
    let keys = "\n  the path has A, B\\u{a}; pinned: C\n  what it means: ";
    let refused = Error::from(failed(Some(Advice::Pins)));
    assert_eq!(refused.to_string(), "TLS failed: no key is pinned (nothing was sent)");
    for told in [refused.report().to_string(), format!("{:?}", failed(Some(Advice::Pins)))] {
        assert!(told.contains(keys), "{told}");
    }
    for other in [None, Some(Advice::Expired)] {
        let told = Error::from(failed(other)).report().to_string();
        assert!(!told.contains("the path has"), "{told}");
    }
}

#[test]
fn what_is_wrong_with_an_origin_is_all_that_its_request_error_says() {
    let error = RequestError::from(OriginError::NoScheme);
    assert_eq!(chain(&error), ["the URI has no scheme: it must start with http:// or https://"]);
    assert_eq!(format!("{error:?}"), error.to_string());
    let error = Error::from(error);
    let said = "the request can't be sent: the URI has no scheme: it must start with http:// or https://";
    assert_eq!((error.to_string().as_str(), error.advice()), (said, Some(Advice::Url)));
    // As a plan says it, whose layer has made the target.
    let planned = ConnectError::new(Phase::Resolve, RequestError::from(OriginError::EmptyHost));
    assert_eq!(Error::from(planned).advice(), Some(Advice::Url));
}

/// TLS records a failure before the tunnel says whose it is.
#[tokio::test(start_paused = true)]
async fn a_failure_is_told_once_when_it_is_known_to_be_a_proxys() {
    let executor = Executor::new();
    let route = fixtures::route("https://a.test", [], executor.ctx());
    let attempt = route.attempt(fixtures::endpoint("10.0.0.1:443"));
    let failed = attempt.phase(Phase::Tls).fail(ConnectError::new(Phase::Tls, "expired"));
    let failed = attempt.failed(failed.of_proxy("https://p.test:443"));
    let attempts = route.ctx().attempt_log().reports();
    assert!(matches!(&attempts[0].outcome, Outcome::Failed(error) if error.proxy() == Some("https://p.test:443")));
    let error = Error::from(failed.with_attempts(attempts));
    let said = "TLS to 10.0.0.1:443 (the proxy https://p.test:443) failed: expired (nothing was sent)";
    assert_eq!(error.to_string(), said);
}

/// A limit for all that it takes to connect knows no phase and no address; the attempts do.
#[tokio::test(start_paused = true)]
async fn a_limit_for_connecting_says_what_it_has_cut_off() {
    let executor = Executor::new();
    let over = |phase| TimedOut { phase, limit: Duration::from_nanos(999_983_245) };
    let rows = [
        (Phase::Acquire, "TLS to 10.0.0.2:443 was not done within 1s, the limit for connecting"),
        (Phase::Tls, "TLS to 10.0.0.2:443 took longer than 1s"),
    ];
    for (phase, said) in rows {
        let route = fixtures::route("https://a.test", [], executor.ctx());
        let first = route.attempt(fixtures::endpoint("10.0.0.1:443"));
        let _tcp = first.phase(Phase::Tcp);
        let second = route.attempt(fixtures::endpoint("10.0.0.2:443"));
        let _tls = second.phase(Phase::Tls);
        let error = ConnectError::from(over(phase)).with_attempts(route.ctx().attempt_log().reports());
        assert_eq!(Error::from(error).to_string(), format!("{said} (nothing was sent)"));
    }
    let without = ConnectError::from(over(Phase::Acquire));
    assert_eq!(Error::from(without).to_string(), "there was no connection within 1s (nothing was sent)");
}

/// What had failed before a limit is told after what the limit has cut off.
#[tokio::test(start_paused = true)]
async fn a_limit_for_connecting_leaves_out_nothing_that_failed_before() {
    let executor = Executor::new();
    let route = fixtures::route("https://a.test", [], executor.ctx());
    route.attempt(fixtures::endpoint("10.0.0.1:443")).failed(io::Error::from(io::ErrorKind::ConnectionRefused));
    let second = route.attempt(fixtures::endpoint("10.0.0.2:443"));
    let _tls = second.phase(Phase::Tls);
    let over = TimedOut { phase: Phase::Acquire, limit: Duration::from_secs(1) };
    let error = Error::from(ConnectError::from(over).with_attempts(route.ctx().attempt_log().reports()));
    let said = "TLS to 10.0.0.2:443 was not done within 1s, the limit for connecting; \
        TCP to 10.0.0.1:443 failed: connection refused (nothing was sent)";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_limit_of_the_call_says_during_what_it_was_over() {
    let over = TimedOut { phase: Phase::Call, limit: Duration::from_secs(1) };
    let of = |phase| Error::of(Delivery::Unsent, Phase::Call, Cause::TimedOut(over)).during(phase).to_string();
    let rows = [
        (Phase::Acquire, "while a connection was awaited"),
        (Phase::Send, "while the request was sent"),
        (Phase::Wait, "while the response was awaited"),
        (Phase::Body, "while the response's body was read"),
    ];
    for (phase, said) in rows {
        assert_eq!(of(phase), format!("the call took longer than 1s, {said} (nothing was sent)"));
    }
}

/// The phase of an error from elsewhere is the one that is certain.
#[test]
fn errors_from_elsewhere_have_a_phase_and_a_delivery() {
    let of = |error: &Error| (error.phase(), error.delivery());
    assert_eq!(of(&Error::from(BoxError::from("it"))), (Phase::Wait, Delivery::Unknown));
    assert_eq!(of(&Error::from(ConnectError::from(BoxError::from("it")))), (Phase::Acquire, Delivery::Unsent));
    assert_eq!(of(&Error::of_body("it")), (Phase::Body, Delivery::Unknown));
    let ours = Error::new(Delivery::Refused, Phase::Send, "it");
    assert_eq!(of(&Error::of_body(BoxError::from(ours))), (Phase::Send, Delivery::Refused));
    assert_eq!(
        of(&Error::new(Delivery::Unsent, Phase::Wait, "it").in_phase(Phase::Send)),
        (Phase::Send, Delivery::Unsent)
    );
}

#[test]
fn what_is_behind_a_cause_is_found_by_its_type() {
    let slow = || TimedOut { phase: Phase::Wait, limit: Duration::from_secs(1) };
    let causes = [
        Cause::TimedOut(slow()),
        Cause::Stale(Box::new(Cause::TimedOut(slow()))),
        Cause::GoAway(GoAway::new(ErrorCode::NO_ERROR, slow())),
        Cause::Reset(Reset::by_peer(ErrorCode::REFUSED_STREAM, slow())),
    ];
    for cause in causes {
        let error = Error::of(Delivery::Unknown, Phase::Wait, cause);
        assert!(error.is_timeout(), "{error}");
        assert!(error.source().is_some_and(|source| source.is::<TimedOut>()), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_has_every_attempt_every_earlier_try_and_what_to_do() {
    let executor = Executor::new();
    let route = fixtures::route("http://a.test", [], executor.ctx());
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let first = route.attempt(fixtures::endpoint("10.0.0.1:80"));
    let guard = first.phase(Phase::Tcp);
    tokio::time::advance(Duration::from_micros(31_400)).await;
    let failed = guard.fail(refused());
    drop(route.attempt(fixtures::endpoint("10.0.0.2:80")).phase(Phase::Tcp));
    let failed = failed.on_route(&route).with_attempts(route.ctx().attempt_log().reports());
    let earlier = Error::new(Delivery::Unknown, Phase::Wait, "gone\u{202e}\n");
    let error = Error::from(failed).to(route.target.origin()).after(vec![earlier]);
    let report = "\
http://a.test: TCP to 10.0.0.1:80 failed: connection refused (an earlier try may have been processed)
  attempt 1, a.test at 10.0.0.1:80: TCP failed after 31.4ms: connection refused
  attempt 2, a.test at 10.0.0.2:80: TCP was given up after 0ns
  earlier try 1: it failed while the response was awaited: gone\\u{202e}\\u{a} (it may have been processed)
  what it means: The host is there, and nothing listens at the port.
  what to do: check the port, and that the server runs";
    assert_eq!(error.report().to_string(), report);
    assert_eq!(format!("{error:#}"), report);
    assert_eq!(format!("{error:?}"), report, "for `main` and `unwrap`");
    assert_eq!(error.to_string(), report.lines().next().unwrap());
    let short = error.report().without_advice().to_string();
    assert!(!short.contains("what to do") && report.starts_with(&short));
}

#[test]
fn an_error_is_one_pointer() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<ConnectError>(), size_of::<usize>());
}

/// What another's error says may be of any length.
#[test]
fn a_sentence_has_an_end() {
    let error = Error::new(Delivery::Unknown, Phase::Wait, "\u{1d11e}".repeat(10_000));
    assert!(error.to_string().len() < 500 && error.to_string().contains("..."), "{error}");
}

/// Nothing that a client sends behind its Finished is read before that is verified.
#[tokio::test(start_paused = true)]
async fn an_alert_about_the_certificate_proves_in_tls_1_3_that_nothing_was_read() {
    let executor = Executor::new();
    let [required, other] =
        [(116, "certificate_required"), (80, "internal_error")].map(|(code, name)| TlsAlert::new(code, name));
    let route = |proxies: &[ProxyKind]| {
        let mut route = fixtures::route("https://a.test", ["192.0.2.1:443"], executor.ctx());
        route.proxies = proxies.iter().map(|kind| Proxy::new(*kind, "p.test", 443)).collect::<Vec<_>>().into();
        route
    };
    for (version, proxies, alert, proven) in [
        (Some("1.3"), &[][..], &required, true),
        (Some("1.3"), &[ProxyKind::Http, ProxyKind::Socks5], &required, true),
        (Some("1.3"), &[ProxyKind::Https], &required, false),
        (Some("1.3"), &[], &other, false),
        (Some("1.2"), &[], &required, false),
        (None, &[], &required, false),
    ] {
        let endpoint = fixtures::endpoint("192.0.2.1:443");
        let mut info = ConnInfo::new(&route(proxies).attempt(endpoint.clone()), None, endpoint);
        let mut tls = TlsInfo::unknown();
        tls.version = version;
        info.tls = Some(tls);
        assert_eq!(info.is_refused_by(alert), proven, "{version:?} {proxies:?} {alert}");
    }
}
