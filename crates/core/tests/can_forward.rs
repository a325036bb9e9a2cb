//! Whether a connection to a proxy may carry another origin. Each rule alone can forbid it, and is named in the result.

#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use skybridge_core::{
    CertificateScope, ConnInfo, ConnectOptions, Egress, EgressRule, HttpVersions, Key, NotForwarded, Origin, Partition,
    Protocol, Proxy, ProxyKind, Route, TlsInfo, can_forward,
};
use skybridge_testkit::{executor::Executor, fixtures};
use std::sync::Arc;

const PROXY: &str = "192.0.2.7:3128";

/// A route to this origin by way of one proxy, or more.
fn route(url: &str, executor: &Executor, change: impl FnOnce(&mut ConnectOptions)) -> Route {
    let mut route = fixtures::route(url, [PROXY], executor.ctx());
    route.proxies = [proxy()].into();
    let mut options = ConnectOptions::default();
    change(&mut options);
    route.target.key = Arc::new(Key::new(fixtures::key(url).origin, options));
    route
}

fn proxy() -> Proxy {
    Proxy::parse("http://alice:secret@192.0.2.7:3128").unwrap()
}

/// To `a.test`.
fn connection(executor: &Executor, change: impl FnOnce(&mut ConnectOptions)) -> ConnInfo {
    let attempt = route("http://a.test", executor, change).attempt(fixtures::endpoint(PROXY));
    let mut info = ConnInfo::new(&attempt, None, fixtures::endpoint(PROXY));
    (info.protocol, info.forwarded, info.proxies_passed) = (Some(Protocol::Http1), true, 1);
    info
}

#[tokio::test]
async fn the_origins_may_differ_by_host_and_port() {
    let executor = Executor::new();
    let info = connection(&executor, |_| {});
    for url in ["http://a.test", "http://b.test", "http://a.test:8080", "http://192.0.2.80", "http://[2001:db8::1]:81"]
    {
        assert_eq!(can_forward(&info, &route(url, &executor, |_| {})), Ok(()), "{url}");
    }
}

/// What was opened for a request that may have any version carries no other, and the other way round.
#[tokio::test]
async fn the_version_is_no_matter_where_both_origins_leave_it_open() {
    let executor = Executor::new();
    let mut info = connection(&executor, |_| {});
    info.protocol = Some(Protocol::Http2);
    let any = route("http://b.test", &executor, |_| {});
    let one = route("http://b.test", &executor, |options| options.http_versions = HttpVersions::Http1);
    assert_eq!([can_forward(&info, &any), can_forward(&info, &one)], [Ok(()), Err(NotForwarded::Options)]);
}

struct Replaced;
impl CertificateScope for Replaced {
    fn covers(&self, _: &Origin) -> bool {
        false
    }
    fn is_current(&self) -> bool {
        false
    }
    fn generation(&self) -> Option<u64> {
        Some(1)
    }
}

#[tokio::test]
async fn each_rule_alone_forbids_it() {
    type Case = (NotForwarded, fn(&mut ConnInfo), fn(&mut Route));
    let cases: [Case; 15] = [
        (NotForwarded::Tunnel, |info| info.forwarded = false, |_| {}),
        (NotForwarded::Tunnel, |info| info.route.proxies = [].into(), |_| {}),
        (NotForwarded::Tunnel, |_| {}, |route| route.proxies = [].into()),
        (NotForwarded::Tunnel, |_| {}, |route| route.proxies = [proxy().tunnels_all()].into()),
        (
            NotForwarded::Tunnel,
            |_| {},
            |route| route.proxies = [Proxy::new(ProxyKind::Socks5, "192.0.2.7", 3128)].into(),
        ),
        (NotForwarded::Tunnel, |_| {}, |route| route.proxy_target = Some(fixtures::endpoint("192.0.2.1:80"))),
        (NotForwarded::Tunnel, |_| {}, |route| route.target.key = Arc::new(fixtures::key("https://b.test"))),
        (NotForwarded::NotHttp, |info| info.protocol = None, |_| {}),
        (
            NotForwarded::Proxies,
            |_| {},
            |route| route.proxies = [Proxy::parse("http://bob:secret@192.0.2.7:3128").unwrap()].into(),
        ),
        (
            NotForwarded::Proxies,
            |_| {},
            |route| route.proxies = [Proxy::new(ProxyKind::Https, "192.0.2.7", 3128)].into(),
        ),
        (
            NotForwarded::Proxies,
            |_| {},
            |route| route.proxies = [Proxy::new(ProxyKind::Socks5, "192.0.2.6", 1080), proxy()].into(),
        ),
        (NotForwarded::Proxies, |info| info.proxy_settings.add(&TlsInfo::new(Arc::new(Replaced))), |_| {}),
        (NotForwarded::Options, |_| {}, |route| options(route).partition = Some(Partition::new("b"))),
        (NotForwarded::Options, |_| {}, |route| options(route).http_versions = HttpVersions::Http1),
        (NotForwarded::Address, |info| info.remote = fixtures::endpoint("192.0.2.8:3128"), |_| {}),
    ];
    let executor = Executor::new();
    for (i, (expected, change_info, change_route)) in cases.into_iter().enumerate() {
        let (mut info, mut other) = (connection(&executor, |_| {}), route("http://b.test", &executor, |_| {}));
        assert_eq!(can_forward(&info, &other), Ok(()));
        change_info(&mut info);
        change_route(&mut other);
        assert_eq!(can_forward(&info, &other), Err(expected), "{i}");
        assert!(!expected.to_string().is_empty());
    }
}

fn options(route: &mut Route) -> &mut ConnectOptions {
    &mut Arc::make_mut(&mut route.target.key).connect_options
}

/// The policy is the same for both, and is asked of each.
#[tokio::test]
async fn what_the_policy_refuses_to_one_origin_it_gets_by_no_other() {
    let executor = Executor::new();
    let not_b = || Egress::any().deny(EgressRule::new().host("b.test").unwrap());
    let not_there = || Egress::any().deny(EgressRule::new().network("192.0.2.7".parse().unwrap()));
    let not_port = || Egress::any().deny(EgressRule::new().port(25));
    for (policy, url, expected) in [
        (not_b(), "http://b.test", Err(NotForwarded::Egress)),
        (not_b(), "http://c.test", Ok(())),
        (not_port(), "http://c.test:25", Err(NotForwarded::Egress)),
        (not_there(), "http://c.test", Err(NotForwarded::Egress)),
        // What it resolves to, only the proxy would know, which doesn't say that it filters.
        (Egress::public(), "http://c.test", Err(NotForwarded::Egress)),
    ] {
        let info = connection(&executor, |options| options.egress = policy.clone());
        let other = route(url, &executor, |options| options.egress = policy.clone());
        assert_eq!(can_forward(&info, &other), expected, "{url} {policy:?}");
    }
}
