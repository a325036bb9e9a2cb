//! Links that are not sealed for their origin: those that are sealed already, or end at a proxy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnInfo, Connector, Phase, Proxy, TlsInfo, Unfit};
use skybridge_testkit::certs::Ca;
use skybridge_tls::TlsLayer;
use support::{World, trusting};
use tower::Layer;

/// Makes facts of what was done.
type Done = fn(&mut ConnInfo);

#[tokio::test(start_paused = true)]
async fn no_hello_is_sent_on_a_link_that_is_sealed_already_or_ends_at_a_proxy() {
    let root = Ca::new("root");
    let layer = TlsLayer::new(trusting(&root).build().unwrap());
    let rows: [(Done, Unfit); 3] = [
        (|info| (info.proxies_passed, info.tls) = (1, Some(TlsInfo::unknown())), Unfit::SealedTwice),
        (|_| {}, Unfit::NotTunnelled { passed: 0, proxies: 1 }),
        (|info| (info.proxies_passed, info.forwarded) = (1, true), Unfit::Forwarded),
    ];
    for (done, unfit) in rows {
        let world = World::h1(&root.leaf(["a.test"]));
        let connect = |url| {
            let mut route = world.route(url);
            route.proxies = [Proxy::parse("http://proxy.test:443").unwrap()].into();
            layer.layer(world.net.connector().amend(done)).connect(route)
        };
        let error = connect("https://a.test").await.unwrap_err();
        assert_eq!((error.source_as(), error.phase()), (Some(&unfit), Some(Phase::Tls)));
        assert!(error.is_fatal());
        assert_eq!((world.net.wire(0).other_end().bytes_sent(), world.net.live_sockets()), (0, 0));
        // What isn't to be sealed passes.
        assert!(connect("http://a.test").await.is_ok());
    }
}

/// By two layers, as people stack them by mistake.
#[tokio::test(start_paused = true)]
async fn what_is_sealed_is_not_sealed_again() {
    let root = Ca::new("root");
    let layer = TlsLayer::new(trusting(&root).build().unwrap());
    let world = World::h1(&root.leaf(["a.test"]));
    let mut twice = layer.layer(layer.layer(world.net.connector()));
    let error = twice.connect(world.route("https://a.test")).await.unwrap_err();
    assert_eq!(error.source_as(), Some(&Unfit::SealedTwice));
}
