//! Whether a connection may carry another origin: each rule alone forbids it, and it forbids it by its name.

#![expect(clippy::unwrap_used, reason = "a test's own steps")]

use skybridge_core::{
    ConnInfo, Covers, Egress, Hop, HopKind, Key, NotCarried, Origin, Partition, Protocol, Terms, TlsInfo, Trust, Want,
    may_carry, may_still_carry,
};
use skybridge_testkit::{executor::Executor, nouns};
use std::{sync::Arc, time::Duration};

const ADDR: &str = "192.0.2.1:443";

/// A connection to `a.test` whose certificate also names `b.test`.
fn connection(executor: &Executor) -> ConnInfo {
    let route = nouns::route("https://a.test", [ADDR], executor.ctx());
    let attempt = route.attempt(nouns::endpoint(ADDR));
    let mut info = ConnInfo::new(&attempt, None, nouns::endpoint(ADDR));
    info.protocol = Some(Protocol::Http2);
    info.tls = Some(nouns::tls(Some(Protocol::Http2), ["a.test", "b.test"]));
    info
}

struct Replaced;
impl Covers for Replaced {
    fn covers(&self, _: &Origin) -> bool {
        true
    }
    fn is_current(&self) -> bool {
        false
    }
}

fn own_key(info: &mut ConnInfo, change: impl FnOnce(&mut Terms)) {
    let mut terms = Terms::default();
    change(&mut terms);
    info.route.target.key = Arc::new(Key::new(nouns::key("https://a.test").origin, terms));
}

fn tls(info: &mut ConnInfo) -> &mut TlsInfo {
    info.tls.as_mut().unwrap()
}

fn wish(url: &str, change: impl FnOnce(&mut Terms)) -> Key {
    let mut terms = Terms::default();
    change(&mut terms);
    Key::new(nouns::key(url).origin, terms)
}

/// What changes while a connection lives is asked again, and nothing else.
#[tokio::test(start_paused = true)]
async fn what_changes_can_forbid_it_later() {
    let executor = Executor::new();
    let now = executor.runtime().now();
    let mut info = connection(&executor);
    assert_eq!(may_still_carry(&info, || unreachable!("nothing ends")), Ok(()));
    tls(&mut info).valid_until = Some(now + Duration::from_secs(1));
    assert_eq!(may_still_carry(&info, || now), Ok(()));
    assert_eq!(may_still_carry(&info, || now + Duration::from_secs(1)), Err(NotCarried::Expired));
    tls(&mut info).covers = Arc::new(Replaced);
    assert_eq!(may_still_carry(&info, || now), Err(NotCarried::Generation));
}

#[tokio::test(start_paused = true)]
async fn each_rule_forbids_by_its_name() {
    let executor = Executor::new();
    let now = executor.runtime().now();
    type Amend = Box<dyn Fn(&mut ConnInfo)>;
    let other = || wish("https://b.test", |_| {});
    let as_it_is = || Box::new(|_: &mut ConnInfo| {}) as Amend;
    let rows: Vec<(Amend, Key, Result<(), NotCarried>)> = vec![
        (as_it_is(), other(), Ok(())),
        (Box::new(|info| info.protocol = Some(Protocol::Http1)), other(), Err(NotCarried::NotHttp2)),
        (as_it_is(), wish("http://b.test:443", |_| {}), Err(NotCarried::NotHttps)),
        (Box::new(|info| info.tls = None), other(), Err(NotCarried::NotHttps)),
        (as_it_is(), wish("https://b.test:8443", |_| {}), Err(NotCarried::Port)),
        (
            as_it_is(),
            wish("https://b.test", |terms| terms.partition = Some(Partition::new("b"))),
            Err(NotCarried::Partition),
        ),
        (
            Box::new(|info| own_key(info, |terms| terms.partition = Some(Partition::new("a")))),
            other(),
            Err(NotCarried::Partition),
        ),
        (as_it_is(), wish("https://b.test", |terms| terms.egress = Egress::Public), Err(NotCarried::Egress)),
        (as_it_is(), wish("https://b.test", |terms| terms.want = Want::Http1), Err(NotCarried::Want)),
        (as_it_is(), wish("https://b.test", |terms| terms.want = Want::Http2), Ok(())),
        (
            Box::new(|info| info.route.hops = [Hop::new(HopKind::Http, "proxy", 1)].into()),
            other(),
            Err(NotCarried::Proxy),
        ),
        (
            as_it_is(),
            wish("https://b.test", |terms| terms.dial = Some([nouns::endpoint(ADDR)].into())),
            Err(NotCarried::Override),
        ),
        (
            as_it_is(),
            wish("https://b.test", |terms| terms.server_name = Some("a.test".into())),
            Err(NotCarried::Override),
        ),
        (
            Box::new(|info| own_key(info, |terms| terms.server_name = Some("c.test".into()))),
            other(),
            Err(NotCarried::Override),
        ),
        (Box::new(|info| tls(info).covers = Arc::new(Replaced)), other(), Err(NotCarried::Generation)),
        (Box::new(|info| tls(info).client_auth = true), other(), Err(NotCarried::ClientAuth)),
        (Box::new(|info| tls(info).trust = Trust::Other), other(), Err(NotCarried::Trust)),
        (Box::new(move |info| tls(info).valid_until = Some(now)), other(), Err(NotCarried::Expired)),
        (Box::new(move |info| tls(info).valid_until = Some(now + Duration::from_secs(1))), other(), Ok(())),
        (Box::new(|info| info.remote = nouns::endpoint("192.0.2.9:443")), other(), Err(NotCarried::Address)),
        (as_it_is(), wish("https://c.test", |_| {}), Err(NotCarried::NotCovered)),
    ];
    for (i, (amend, key, expected)) in rows.into_iter().enumerate() {
        let mut info = connection(&executor);
        amend(&mut info);
        assert_eq!(may_carry(&info, &key, true, &[nouns::endpoint(ADDR)], now), expected, "row {i}: {key:?}");
    }
    let through_a_proxy = may_carry(&connection(&executor), &other(), false, &[nouns::endpoint(ADDR)], now);
    assert_eq!(through_a_proxy, Err(NotCarried::Proxy));
}
