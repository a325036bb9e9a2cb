//! A server that refuses the client's certificate in TLS 1.3 says so when its client has long sent a request.

use skybridge::{Cause, Client, Delivery, Roots, TlsConfig, TlsLayer, types::Advice};
use skybridge_testkit::{
    certs::{Ca, Cert},
    net::Network,
    origin::Origin,
};
use skybridge_tests::{HOST, World};
use std::time::Duration;

const ADDR: &str = "192.0.2.1:443";

fn client(world: &World, root: &Ca, me: Option<&Cert>) -> Client {
    let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
    let config = match me {
        Some(me) => config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()),
        None => config,
    };
    world.builder().tls(TlsLayer::new(config.build().unwrap())).build()
}

fn slow(net: &Network) {
    net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(50));
}

/// What was sent behind the client's Finished was never read.
#[tokio::test(start_paused = true)]
async fn the_alert_is_told_and_the_request_is_unsent_on_one_connection() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let stranger = others.client("stranger");
    for http2 in [false, true] {
        for (me, name) in [(None, "certificate_required"), (Some(&stranger), "unknown_ca")] {
            let world = World::new();
            let origin = if http2 { Origin::h2c() } else { Origin::h1() }.tls(&root.leaf([HOST]));
            let origin = origin.require_client_cert(&clients).serve_on(world.net.listen(ADDR.parse().unwrap()));
            slow(&world.net);
            let client = client(&world, &root, me);
            let error = client.post(format!("https://{HOST}/")).body("a body").await.unwrap_err();
            let Cause::Tls(alert) = error.cause() else { panic!("{error:?}") };
            assert_eq!(alert.name(), name, "HTTP/2 {http2}");
            assert_eq!(error.delivery(), Delivery::Unsent, "HTTP/2 {http2}: {error:?}");
            assert_eq!(error.advice(), Some(Advice::ClientCertificate));
            assert!(error.to_string().contains("a.test"), "{error}");
            // It was written before the alert came, and not again.
            assert_eq!((world.recorder.count("send_end"), world.recorder.count("tls_start")), (1, 1), "HTTP/2 {http2}");
            assert_eq!((origin.connections(), origin.requests().len()), (1, 0));
            drop(client);
            world.assert_nothing_left().await;
        }
    }
}
