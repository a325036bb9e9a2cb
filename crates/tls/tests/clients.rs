//! Client certificates.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_testkit::{certs::Ca, executor::run_until_idle, origin::Origin};
use skybridge_tls::TlsError;
use support::{World, tls_error, trusting};
use tokio::io::AsyncReadExt;

#[tokio::test(start_paused = true)]
async fn a_client_certificate_is_sent_only_when_requested() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let me = clients.client("me");
    let config = trusting(&root).client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap();
    let cert = root.leaf(["a.test"]);
    for asks in [true, false] {
        for tls12 in [true, false] {
            let mut origin = Origin::h1().tls(&cert);
            origin = if asks { origin.require_client_cert(&clients) } else { origin };
            let world = World::new(if tls12 { origin.tls12() } else { origin });
            let tls = world.exchange(&config, "https://a.test").await;
            assert_eq!(tls.client_auth, asks);
            let shown = if asks { me.chain() } else { Vec::new() };
            assert_eq!(world.origin.handshakes()[0].client, shown);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_certificate_or_with_an_unknown_one_the_server_closes() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let cert = root.leaf(["a.test"]);
    let stranger = others.client("stranger");
    let none = trusting(&root).build().unwrap();
    let stranger = trusting(&root)
        .client_auth_pem(stranger.chain_pem().as_bytes(), stranger.key_pem().as_bytes())
        .build()
        .unwrap();
    for (config, shown) in [(&none, false), (&stranger, true)] {
        let world = World::new(Origin::h1().tls(&cert).require_client_cert(&clients).tls12());
        let error = world.connect(config, "https://a.test").await.unwrap_err();
        match tls_error(&error) {
            TlsError::Handshake(rustls) => assert!(shown && rustls.to_string().contains("alert"), "{error:?}"),
            TlsError::NoClientCertificate(alert) => assert_eq!((shown, alert.code()), (false, 116)),
            error => panic!("{error:?}"),
        }
        assert!(!error.is_fatal());

        // In TLS 1.3 the client's handshake is over before the server sees the client certificate.
        let world = World::new(Origin::h1().tls(&cert).require_client_cert(&clients));
        let mut link = world.connect(config, "https://a.test").await.unwrap();
        let error = link.io.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("alert"), "{error}");
        run_until_idle().await;
        assert_eq!(world.origin.handshakes().len(), 0);
    }
}
