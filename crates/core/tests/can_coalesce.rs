//! Whether a connection may carry another origin. Each rule alone can forbid it, and is named in the result.

#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use skybridge_core::{
    CertificateScope, ConnInfo, ConnectOptions, Egress, EgressRule, HttpVersions, Key, NotCoalesced, Origin, Partition,
    Protocol, Proxy, ProxyKind, TlsInfo, Trust, can_coalesce, can_still_coalesce,
};
use skybridge_testkit::{executor::Executor, fixtures};
use std::{sync::Arc, time::Duration};

const ADDR: &str = "192.0.2.1:443";

/// A connection to `a.test` whose certificate also names `b.test`.
fn connection(executor: &Executor) -> ConnInfo {
    let route = fixtures::route("https://a.test", [ADDR], executor.ctx());
    let attempt = route.attempt(fixtures::endpoint(ADDR));
    let mut info = ConnInfo::new(&attempt, None, fixtures::endpoint(ADDR));
    info.protocol = Some(Protocol::Http2);
    info.tls = Some(fixtures::tls(Some(Protocol::Http2), ["a.test", "b.test"]));
    info
}

struct Replaced;
impl CertificateScope for Replaced {
    fn covers(&self, _: &Origin) -> bool {
        true
    }
    fn is_current(&self) -> bool {
        false
    }
    fn generation(&self) -> Option<u64> {
        Some(1)
    }
}

struct OtherIdentity;
impl CertificateScope for OtherIdentity {
    fn covers(&self, _: &Origin) -> bool {
        true
    }
    fn identity_differs(&self, origin: &Origin) -> bool {
        origin.name() == "b.test"
    }
}

fn own_key(info: &mut ConnInfo, change: impl FnOnce(&mut ConnectOptions)) {
    let mut connect_options = ConnectOptions::default();
    change(&mut connect_options);
    info.route.target.key = Arc::new(Key::new(fixtures::key("https://a.test").origin, connect_options));
}

fn tls(info: &mut ConnInfo) -> &mut TlsInfo {
    info.tls.as_mut().unwrap()
}

fn options(url: &str, change: impl FnOnce(&mut ConnectOptions)) -> Key {
    let mut connect_options = ConnectOptions::default();
    change(&mut connect_options);
    Key::new(fixtures::key(url).origin, connect_options)
}

/// A policy that is the same for both origins, and refuses one of them.
fn not_b() -> Egress {
    Egress::any().deny(EgressRule::new().host("b.test").unwrap())
}

/// Only the rules whose result can change are checked again.
#[tokio::test(start_paused = true)]
async fn what_changes_while_it_is_open_can_forbid_it() {
    let executor = Executor::new();
    let now = executor.runtime().now();
    let mut info = connection(&executor);
    assert_eq!(can_still_coalesce(&info, || unreachable!("nothing ends")), Ok(()));
    tls(&mut info).valid_until = Some(now + Duration::from_secs(1));
    assert_eq!(can_still_coalesce(&info, || now), Ok(()));
    assert_eq!(can_still_coalesce(&info, || now + Duration::from_secs(1)), Err(NotCoalesced::Expired));
    tls(&mut info).covers = Arc::new(Replaced);
    assert_eq!(can_still_coalesce(&info, || now), Err(NotCoalesced::Generation));
}

#[tokio::test(start_paused = true)]
async fn each_rule_forbids_it_and_is_named() {
    let executor = Executor::new();
    let now = executor.runtime().now();
    type Amend = Box<dyn Fn(&mut ConnInfo)>;
    let other = || options("https://b.test", |_| {});
    let as_it_is = || Box::new(|_: &mut ConnInfo| {}) as Amend;
    let rows: Vec<(Amend, Key, Result<(), NotCoalesced>)> = vec![
        (as_it_is(), other(), Ok(())),
        (Box::new(|info| info.protocol = Some(Protocol::Http1)), other(), Err(NotCoalesced::NotHttp2)),
        (as_it_is(), options("http://b.test:443", |_| {}), Err(NotCoalesced::NotHttps)),
        (Box::new(|info| info.tls = None), other(), Err(NotCoalesced::NotHttps)),
        (
            Box::new(|info| info.route.target.key = Arc::new(fixtures::key("http://a.test:443"))),
            other(),
            Err(NotCoalesced::NotHttps),
        ),
        (as_it_is(), options("https://b.test:8443", |_| {}), Err(NotCoalesced::Port)),
        (
            as_it_is(),
            options("https://b.test", |connect_options| connect_options.partition = Some(Partition::new("b"))),
            Err(NotCoalesced::Partition),
        ),
        (
            Box::new(|info| own_key(info, |connect_options| connect_options.partition = Some(Partition::new("a")))),
            other(),
            Err(NotCoalesced::Partition),
        ),
        (
            as_it_is(),
            options("https://b.test", |connect_options| connect_options.egress = Egress::public()),
            Err(NotCoalesced::Egress),
        ),
        // Both would let it go there, and yet not both have been asked.
        (
            as_it_is(),
            options("https://b.test", |options| options.egress = Egress::any().deny(EgressRule::new().port(25))),
            Err(NotCoalesced::Egress),
        ),
        (
            Box::new(|info| own_key(info, |connect_options| connect_options.egress = not_b())),
            options("https://b.test", |connect_options| connect_options.egress = not_b()),
            Err(NotCoalesced::Egress),
        ),
        (
            as_it_is(),
            options("https://b.test", |connect_options| connect_options.http_versions = HttpVersions::Http1),
            Err(NotCoalesced::HttpVersions),
        ),
        (
            as_it_is(),
            options("https://b.test", |connect_options| connect_options.http_versions = HttpVersions::Http2),
            Ok(()),
        ),
        (
            Box::new(|info| info.route.proxies = [Proxy::new(ProxyKind::Http, "proxy", 1)].into()),
            other(),
            Err(NotCoalesced::Proxy),
        ),
        (
            as_it_is(),
            options("https://b.test", |options| {
                options.proxies = Some([Proxy::new(ProxyKind::Http, "p.test", 1)].into())
            }),
            Err(NotCoalesced::Proxy),
        ),
        (as_it_is(), options("https://b.test", |options| options.proxies = Some([].into())), Ok(())),
        (
            as_it_is(),
            options("https://b.test", |connect_options| connect_options.dial = Some([fixtures::endpoint(ADDR)].into())),
            Err(NotCoalesced::Override),
        ),
        (
            as_it_is(),
            options("https://b.test", |connect_options| connect_options.server_name = Some("a.test".into())),
            Err(NotCoalesced::Override),
        ),
        (
            Box::new(|info| own_key(info, |connect_options| connect_options.server_name = Some("c.test".into()))),
            other(),
            Err(NotCoalesced::Override),
        ),
        (Box::new(|info| tls(info).covers = Arc::new(Replaced)), other(), Err(NotCoalesced::Generation)),
        (
            Box::new(|info| info.proxy_settings.add(&TlsInfo::new(Arc::new(Replaced)))),
            other(),
            Err(NotCoalesced::Generation),
        ),
        (Box::new(|info| tls(info).client_auth = true), other(), Err(NotCoalesced::ClientAuth)),
        (Box::new(|info| tls(info).covers = Arc::new(OtherIdentity)), other(), Err(NotCoalesced::Identity)),
        (Box::new(|info| tls(info).trust = Trust::Other), other(), Err(NotCoalesced::Trust)),
        (Box::new(move |info| tls(info).valid_until = Some(now)), other(), Err(NotCoalesced::Expired)),
        (Box::new(move |info| tls(info).valid_until = Some(now + Duration::from_secs(1))), other(), Ok(())),
        (Box::new(|info| info.remote = fixtures::endpoint("192.0.2.9:443")), other(), Err(NotCoalesced::Address)),
        (as_it_is(), options("https://c.test", |_| {}), Err(NotCoalesced::NotCovered)),
    ];
    for (i, (amend, key, expected)) in rows.into_iter().enumerate() {
        let mut info = connection(&executor);
        amend(&mut info);
        assert_eq!(can_coalesce(&info, &key, true, &[fixtures::endpoint(ADDR)], now), expected, "row {i}: {key:?}");
    }
    let through_a_proxy = can_coalesce(&connection(&executor), &other(), false, &[fixtures::endpoint(ADDR)], now);
    assert_eq!(through_a_proxy, Err(NotCoalesced::Proxy));
}
