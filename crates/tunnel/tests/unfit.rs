//! Links that must not be tunnelled: those that have TLS or a tunnel already.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{World, all_of};
use skybridge_core::{ConnInfo, Connector, Phase, TlsInfo, Unfit};
use skybridge_tunnel::TunnelLayer;
use tower::Layer;

const HOPS: [&[&str]; 3] = [&["http://proxy.test:3128"], &["socks5h://proxy.test:3128"], &["https://proxy.test:3128"]];

/// Changes the facts of a link.
type Done = fn(&mut ConnInfo);

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_on_a_link_that_has_tls_or_a_tunnel_already() {
    let rows: [(Done, Unfit); 3] = [
        (|info| info.tls = Some(TlsInfo::unknown()), Unfit::SealedTooSoon),
        (|info| (info.tunnelled, info.proxies_passed) = (true, 1), Unfit::TunnelledTwice),
        (|info| (info.forwarded, info.proxies_passed) = (true, 1), Unfit::TunnelledTwice),
    ];
    for ((done, unfit), proxies) in rows.into_iter().flat_map(|row| HOPS.map(|proxies| (row, proxies))) {
        for url in ["http://a.test", "https://a.test"] {
            let world = World::new();
            let route = world.route(url, proxies);
            let error = TunnelLayer::new().layer(world.net.connector().amend(done)).connect(route).await.unwrap_err();
            assert_eq!(error.source_as(), Some(&unfit), "{}", all_of(&error));
            assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tunnel), true));
            assert_eq!((world.net.wire(0).other_end().bytes_sent(), world.net.live_sockets()), (0, 0));
            world.recorder.assert_balanced();
        }
    }
}

/// Two tunnel layers, stacked by mistake.
#[tokio::test(start_paused = true)]
async fn a_second_tunnel_layer_is_refused_unless_the_route_has_no_proxies() {
    let world = World::new();
    let mut twice = TunnelLayer::new().layer(TunnelLayer::new().layer(world.net.connector()));
    let route = world.route("https://a.test", HOPS[0]);
    let proxy = async {
        let mut proxy = world.accept().await;
        assert_eq!(proxy.head().await.line(), "CONNECT a.test:443 HTTP/1.1");
        proxy.send("HTTP/1.1 200 OK\r\n\r\n").await;
    };
    let (connected, ()) = tokio::join!(twice.connect(route), proxy);
    assert_eq!(connected.unwrap_err().source_as(), Some(&Unfit::TunnelledTwice));
    assert!(twice.connect(world.route("https://a.test", &[])).await.is_ok());
}
