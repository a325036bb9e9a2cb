//! A target that allows some addresses only.

mod support;

use self::support::{World, addr, kind};
use skybridge_core::{
    ConnectError, Delivery, Egress, EgressReason, EgressRule, Endpoint, Endpoints, Error, Link, Proxy, ProxyKind,
    Route, Target,
};
use skybridge_tcp::{EgressRefused, RaceLayer};
use skybridge_testkit::{fixtures, net::Conn};
use std::{io::ErrorKind, path::PathBuf, sync::Arc};
use tower::{Layer, ServiceExt};

fn route(world: &World, egress: Egress, endpoints: Endpoints) -> Route {
    let mut key = fixtures::key("http://a.test");
    key.connect_options.egress = egress;
    Route::direct(Target::new(Arc::new(key), world.executor.ctx()), endpoints)
}

async fn race(world: &World, endpoints: Vec<Endpoint>) -> Result<Link<Conn>, ConnectError> {
    let route = route(world, Egress::public(), Endpoints::fixed(endpoints));
    RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route).await
}

#[tokio::test(start_paused = true)]
async fn nothing_else_is_dialled_and_the_error_names_the_address() {
    for refused in ["10.0.0.1:80", "169.254.169.254:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        let world = World::new();
        let endpoint = fixtures::endpoint(refused);
        let error = race(&world, vec![endpoint.clone()]).await.unwrap_err();
        let named = error.source_as::<EgressRefused>().unwrap();
        assert_eq!(named.endpoint.as_ref(), Some(&endpoint));
        assert!(matches!(named.rule, EgressReason::NotPublic { .. }));
        assert!(error.root_cause().to_string().contains(&endpoint.to_string()));
        assert!(error.is_fatal());
        assert_eq!(Error::from(error).delivery(), Delivery::Unsent);
        assert_eq!(world.net.connects_to(addr(refused)), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_unix_socket_is_not_public() {
    let error = race(&World::new(), vec![PathBuf::from("/run/a").into()]).await.unwrap_err();
    assert!(error.source_as::<EgressRefused>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_judged_as_the_first() {
    let world = World::new();
    world.silent("1.1.1.1:80").up("10.0.0.1:80", 0);
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend([fixtures::endpoint("1.1.1.1:80")]);
    let layer = RaceLayer::happy_eyeballs().timeout(support::ms(1_000));
    let race = layer.layer(world.net.dialer()).oneshot(route(&world, Egress::public(), endpoints));
    let late = async {
        tokio::time::sleep(support::ms(100)).await;
        feed.extend([fixtures::endpoint("10.0.0.1:80")]);
        drop(feed);
    };
    let (raced, ()) = tokio::join!(race, late);
    assert!(raced.unwrap_err().source_as::<EgressRefused>().is_some());
    assert_eq!(world.net.connects_to(addr("10.0.0.1:80")), 0);
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_ones_own_is_named_and_an_exception_of_an_origin_is_no_proxys() {
    let world = World::new();
    world.up("10.0.0.1:80", 0).up("1.1.1.1:80", 0);
    let all = || Endpoints::fixed([fixtures::endpoint("1.1.1.1:80"), fixtures::endpoint("10.0.0.1:80")]);
    let denied = EgressRule::new().network("1.0.0.0/8".parse().unwrap()).port(80);
    let race = |route| RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route);
    let error = race(route(&world, Egress::public().deny(denied.clone()), all())).await.unwrap_err();
    let refused = error.source_as::<EgressRefused>().unwrap();
    assert_eq!(refused.rule, EgressReason::Denied(Box::new(denied.clone())));
    assert_eq!(refused.to_string(), "1.1.1.1:80 is refused: a rule denies 1.0.0.0/8 port 80");

    let egress = Egress::public().deny(denied).allow(EgressRule::new().host("a.test").unwrap());
    let link = race(route(&world, egress.clone(), all())).await.unwrap();
    assert_eq!(link.info.remote, fixtures::endpoint("10.0.0.1:80"));
    let mut proxied = route(&world, egress, all());
    proxied.proxies = [Proxy::new(ProxyKind::Http, "p.test", 80)].into();
    assert!(race(proxied).await.unwrap_err().is_fatal());
}

#[tokio::test(start_paused = true)]
async fn public_addresses_beside_it_are_dialled() {
    let world = World::new();
    world.up("1.1.1.1:80", 5);
    let link = race(&world, vec![fixtures::endpoint("[fd00::1]:80"), fixtures::endpoint("1.1.1.1:80")]).await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (fixtures::endpoint("1.1.1.1:80"), 5));
}

#[tokio::test(start_paused = true)]
async fn a_public_address_that_refuses_is_an_ordinary_failure() {
    let world = World::new();
    let error = race(&world, vec![fixtures::endpoint("1.1.1.1:80")]).await.unwrap_err();
    assert_eq!((kind(&error), error.is_fatal()), (ErrorKind::ConnectionRefused, false));
}
