//! Links that must not get TLS to their origin: those that have it already, or end at a proxy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{
    Cleartext, ConnInfo, ConnectOptions, Connector, Egress, EgressReason, EgressRefused, Phase, Proxy, TlsInfo, Unfit,
};
use skybridge_testkit::{certs::Ca, origin::Origin};
use skybridge_tls::{ConnectionSpec, TlsLayer};
use support::{World, trusting};
use tower::Layer;

/// Changes the facts of a link.
type Done = fn(&mut ConnInfo);

#[tokio::test(start_paused = true)]
async fn no_client_hello_is_sent_on_a_link_with_tls_or_to_a_proxy() {
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
        // Links to `http` origins pass through.
        assert!(connect("http://a.test").await.is_ok());
    }
}

/// Two TLS layers, stacked by mistake.
#[tokio::test(start_paused = true)]
async fn a_second_tls_layer_is_refused() {
    let root = Ca::new("root");
    let layer = TlsLayer::new(trusting(&root).build().unwrap());
    let world = World::h1(&root.leaf(["a.test"]));
    let mut twice = layer.layer(layer.layer(world.net.connector()));
    let error = twice.connect(world.route("https://a.test")).await.unwrap_err();
    assert_eq!(error.source_as(), Some(&Unfit::SealedTwice));
}

/// As whoever opens connections by hand has it.
#[tokio::test(start_paused = true)]
async fn without_cleartext_among_the_specs_an_http_link_is_neither_opened_nor_fit() {
    let root = Ca::new("root");
    let world = World::new(Origin::h1());
    for (specs, opened) in
        [(vec![ConnectionSpec::MODERN], 0), (vec![ConnectionSpec::MODERN, ConnectionSpec::CLEARTEXT], 1)]
    {
        let config = trusting(&root).specs(specs).build().unwrap();
        let connected = world.connect(&config, "http://a.test").await;
        assert_eq!((connected.is_ok(), world.net.opened()), (opened == 1, opened));
        let Err(error) = connected else { continue };
        assert!(error.is_fatal() && error.source_as::<EgressRefused>().unwrap().rule == EgressReason::Cleartext);
    }
    // The layers above ask too, of whatever has opened it.
    let options = ConnectOptions::new().egress(Egress::any().cleartext(Cleartext::refused()));
    for (url, fit) in [("http://a.test", Err(Unfit::Cleartext)), ("https://a.test", Err(Unfit::TlsMissing))] {
        let link = world.net.connector().connect(world.route_on(url, options.clone())).await.unwrap();
        assert_eq!(link.info.fit_for_http(), fit, "{url}");
    }
}
