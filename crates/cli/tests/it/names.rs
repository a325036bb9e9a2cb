//! Whom names are asked for.

use crate::ran::skybridge;
use skybridge_testkit::{
    certs::Ca,
    dns::{DnsServer, Reply},
    origin::Origin,
};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn given_dns_servers_are_asked_once_for_each_name() {
    let origin = Origin::h1().start().await;
    let server = DnsServer::start(|_| Reply::Addresses(vec![[127, 0, 0, 1].into()], 60)).await;
    let servers = server.addr().to_string();
    let url = format!("http://a.test:{}/", origin.addr().port());
    let ran = skybridge(["--dns-servers", &servers, "--no-reuse", "--repeat", "2", &url]).await;
    assert_eq!((ran.exit, ran.out.as_str(), origin.connections()), (0, "hellohello", 2), "{}", ran.err);
    let asked = server.asked();
    for question in ["a.test A", "a.test AAAA"] {
        assert_eq!(asked.iter().filter(|asked| *asked == question).count(), 1, "{asked:?}");
    }
}

#[tokio::test]
async fn a_name_that_no_given_server_knows_is_not_resolved() {
    let server = DnsServer::start(|_| Reply::NotFound).await;
    let servers = server.addr().to_string();
    let ran = skybridge(["--dns-servers", &servers, "http://nobody.test/"]).await;
    assert_eq!(ran.exit, 6, "{}", ran.err);
    assert!(ran.err.contains("nobody.test"), "{}", ran.err);
}

#[tokio::test]
async fn a_server_that_is_no_address_is_refused_before_anything_is_sent() {
    let ran = skybridge(["--dns-servers", "dns.test", "http://a.test/"]).await;
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("--dns-servers \"dns.test\": not addresses of DNS servers"), "{}", ran.err);
}

#[tokio::test]
async fn servers_over_tls_prove_their_name_even_to_who_is_insecure() {
    let (origin, root) = (Origin::h1().start().await, Ca::new("root"));
    let server = DnsServer::start(|_| Reply::Addresses(vec![[127, 0, 0, 1].into()], 60)).await;
    let (listener, inner) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), server.addr());
    let front = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(root.leaf(["dns.test"]).server(&["dot"])));
    let _front = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut plain = TcpStream::connect(inner).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let cacert = folder.path().join("root.pem");
    std::fs::write(&cacert, root.pem()).unwrap();
    let (cacert, url) = (cacert.to_string_lossy(), format!("http://a.test:{}/", origin.addr().port()));
    for (name, exit) in [("dns.test", 0), ("other.test", 60)] {
        let servers = format!("tls://{front}#{name}");
        let ran = skybridge(["-k", "--cacert", &cacert, "--dns-servers", &servers, &url]).await;
        assert_eq!(ran.exit, exit, "{}", ran.err);
        assert_eq!(ran.err.contains("certificate"), exit != 0, "{}", ran.err);
    }
    assert!(server.asked().iter().all(|asked| asked.ends_with(" tcp")), "{:?}", server.asked());
}
