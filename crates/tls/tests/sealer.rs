//! TLS to proxies.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{Connector, Phase, Seal};
use skybridge_testkit::{certs::Ca, executor::settle, origin::Origin};
use std::time::Duration;
use support::{World, tls_error, trusting};

#[tokio::test(start_paused = true)]
async fn a_proxy_is_verified_by_its_own_name_and_offered_http_1_alone() {
    let root = Ca::new("root");
    let world = World::new(Origin::h2c().tls(&root.leaf(["proxy.test"])));
    let sealer = trusting(&root).pin("proxy.test", &root.pin()).build().unwrap().sealer();
    let route = world.route("https://a.test");
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    let sealed = sealer.seal(link, "Proxy.test", &ctx).await.unwrap();
    settle().await;
    let handshake = &world.origin.handshakes()[0];
    assert_eq!((handshake.sni.as_deref(), handshake.alpn.as_deref()), (Some("proxy.test"), Some("http/1.1")));
    assert!(sealed.info.tls.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_proxy_is_refused() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["proxy.test"]));
    let wrong = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let sealer = trusting(&root).pin("proxy.test", wrong).build().unwrap().sealer();
    for (name, pin) in [("other.test", false), ("proxy.test", true)] {
        let route = world.route("https://a.test");
        let ctx = route.ctx().clone();
        let link = world.net.connector().connect(route).await.unwrap();
        let error = sealer.seal(link, name, &ctx).await.unwrap_err();
        assert_eq!((error.phase(), error.is_fatal(), tls_error(&error).is_pin()), (Some(Phase::Tls), true, pin));
    }
    assert!(world.origin.handshakes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_says_nothing_has_so_long() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["proxy.test"]));
    let addr = "192.0.2.2:443";
    let _listener = world.net.listen(addr.parse().unwrap());
    let route = skybridge_testkit::nouns::route("https://a.test", [addr], world.executor.ctx());
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    let sealer = trusting(&root).build().unwrap().sealer().timeout(Duration::from_secs(2));
    let error = sealer.seal(link, "proxy.test", &ctx).await.unwrap_err();
    assert_eq!(error.timed_out().map(|out| (out.phase, out.limit)), Some((Phase::Tls, Duration::from_secs(2))));
}
