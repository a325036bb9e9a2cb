//! Links on which HTTP/1.1 is not spoken.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::handshake::H1;
use bytes::Bytes;
use http_body_util::Empty;
use skybridge_core::{Connector, Handshake, Phase, Proxy, Unfit};
use skybridge_testkit::{executor::Executor, fixtures, net::Network};

#[tokio::test(start_paused = true)]
async fn in_cleartext_to_an_https_origin_and_to_a_proxy_as_if_it_were_the_origin() {
    let not_tunnelled = Unfit::NotTunnelled { passed: 0, proxies: 1 };
    for (url, proxies, unfit) in [("https://a.test", 0, Unfit::TlsMissing), ("http://a.test", 1, not_tunnelled)] {
        let (executor, net) = (Executor::new(), Network::new());
        let _listener = net.listen("192.0.2.1:80".parse().unwrap());
        let mut route = fixtures::route(url, ["192.0.2.1:80"], executor.ctx());
        route.proxies = (0..proxies).map(|_| Proxy::parse("http://proxy.test:80").unwrap()).collect();
        let link = net.connector().connect(route).await.unwrap();
        let error = H1::<Empty<Bytes>>::new().handshake(link, &executor.ctx()).await.err().unwrap();
        assert_eq!((error.source_as(), error.phase()), (Some(&unfit), Some(Phase::Handshake)));
        assert!(error.is_fatal());
        assert_eq!((net.wire(0).other_end().bytes_sent(), net.live_sockets()), (0, 0));
    }
}
