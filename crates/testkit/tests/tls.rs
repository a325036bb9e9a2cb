//! Certificates are what they say, and origins tell what handshakes they saw.
#![allow(clippy::unwrap_used, reason = "tests")]

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use skybridge_testkit::{
    certs::{Ca, Cert},
    net::Network,
    origin::Origin,
};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

fn client(root: &Ca, alpn: &[&str], identity: Option<&Cert>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(root.der()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(cert) => builder.with_client_auth_cert(cert.chain(), cert.key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn exchange(net: &Network, addr: SocketAddr, client: &TlsConnector) -> io::Result<String> {
    let io = net.connect(addr).await?;
    let mut tls = client.connect(ServerName::try_from("a.test").unwrap(), io).await?;
    tls.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test(start_paused = true)]
async fn an_origin_tells_its_handshakes() {
    let (net, root, addr) = (Network::new(), Ca::new("root"), "192.0.2.1:443".parse().unwrap());
    let cert = root.intermediate("between").leaf(["a.test"]);
    let origin = Origin::h2c().tls(&cert).serve_on(net.listen(addr));
    assert_eq!(origin.url("/x"), "https://192.0.2.1:443/x");
    let client = client(&root, &["http/1.1"], None);
    for _ in 0..2 {
        assert!(exchange(&net, addr, &client).await.unwrap().ends_with("hello"));
    }
    let told: Vec<_> =
        origin.handshakes().iter().map(|shake| (shake.connection, shake.resumed, shake.version)).collect();
    assert_eq!(told, [(0, false, "1.3"), (1, true, "1.3")]);
    let first = &origin.handshakes()[0];
    assert_eq!((first.sni.as_deref(), first.alpn.as_deref()), (Some("a.test"), Some("http/1.1")));
    assert_eq!(origin.exchanges(), ["c0e0", "c1e0"]);
}

#[tokio::test(start_paused = true)]
async fn an_origin_serves_only_the_clients_it_should() {
    let (net, root, clients) = (Network::new(), Ca::new("root"), Ca::new("clients"));
    let addr = "192.0.2.1:443".parse().unwrap();
    let origin =
        Origin::h1().tls(&root.leaf(["a.test"])).require_client_cert(&clients).tls12().serve_on(net.listen(addr));
    let me = clients.client("me");
    assert!(exchange(&net, addr, &client(&root, &[], None)).await.is_err());
    assert!(exchange(&net, addr, &client(&root, &[], Some(&root.client("other")))).await.is_err());
    assert!(exchange(&net, addr, &client(&root, &[], Some(&me))).await.is_ok());
    let shakes = origin.handshakes();
    assert_eq!((shakes.len(), shakes[0].version, &shakes[0].client), (1, "1.2", &me.chain()));
    assert_eq!((origin.connections(), origin.exchanges()), (3, vec!["c2e0".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn bad_certificates_are_bad() {
    let root = Ca::new("root");
    for cert in [
        root.expired(["a.test"]),
        root.not_yet_valid(["a.test"]),
        root.leaf(["b.test"]),
        root.client("a.test"),
        Ca::new("another").leaf(["a.test"]),
        root.intermediate("between").leaf(["a.test"]).without(1),
    ] {
        let (net, addr) = (Network::new(), "192.0.2.1:443".parse().unwrap());
        let origin = Origin::h1().tls(&cert).serve_on(net.listen(addr));
        assert!(exchange(&net, addr, &client(&root, &[], None)).await.is_err(), "{cert:?}");
        assert!(origin.handshakes().is_empty() && origin.requests().is_empty());
    }
}

#[test]
fn a_key_is_in_no_debug() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let shown = format!("{root:?} {cert:?} {:?}", Origin::h1().tls(&cert));
    let key: String = cert.key_pem().lines().filter(|line| !line.starts_with('-')).collect();
    assert!(!shown.contains(&key[..20]) && shown.contains(&cert.pin()), "{shown}");
}
