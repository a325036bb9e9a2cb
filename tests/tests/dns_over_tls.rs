//! Names asked of servers over TLS (RFC 7858): what they must prove, and that nothing is asked in cleartext.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own steps")]

use skybridge::{Client, Hickory, Roots, TlsConfig, TlsConnector};
use skybridge_testkit::{
    certs::{Ca, Cert},
    dns::{DnsServer, Reply},
    origin::Origin,
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// A DNS server behind TLS, that speaks nothing but "dot" by ALPN, and what has been asked of it.
struct Server {
    inner: DnsServer,
    addr: SocketAddr,
    tasks: JoinSet<()>,
}

impl Server {
    async fn start(cert: &Cert) -> Self {
        let inner = DnsServer::start(|_| Reply::Addresses(vec![[127, 0, 0, 1].into()], 60)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, to) = (listener.local_addr().unwrap(), inner.addr());
        let acceptor = TlsAcceptor::from(Arc::new(cert.server(&["dot"])));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
                let mut plain = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut tls, &mut plain).await;
            }
        });
        Self { inner, addr, tasks }
    }

    fn resolver(&self, name: &str, tls: TlsConnector) -> Hickory {
        Hickory::over_tls([(self.addr, name.into())], tls).unwrap()
    }
}

fn trusting(authority: &Ca) -> TlsConnector {
    let config = TlsConfig::builder().roots(Roots::Given(vec![authority.der()])).build().unwrap();
    config.tls_connector().no_alpn()
}

async fn get(resolver: Hickory, origin: &Origin) -> Result<u16, skybridge::Error> {
    let client = Client::builder().resolver(resolver).build();
    let url = format!("http://a.test:{}/", origin.addr().port());
    client.get(url).await.map(|response| response.status().as_u16())
}

#[tokio::test]
async fn a_server_that_proves_its_name_or_address_is_asked_over_tls_alone() {
    let (authority, origin) = (Ca::new("root"), Origin::h1().start().await);
    for name in ["dns.test", "127.0.0.1"] {
        let server = Server::start(&authority.leaf([name])).await;
        let status = get(server.resolver(name, trusting(&authority)), &origin).await;
        assert_eq!(status.unwrap(), 200, "{name}");
        let asked = server.inner.asked();
        assert!(!asked.is_empty() && asked.iter().all(|asked| asked.ends_with(" tcp")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_is_told_no_name() {
    let (authority, other) = (Ca::new("root"), Ca::new("other"));
    let origin = Origin::h1().start().await;
    let (proves, wanted) = (authority.leaf(["dns.test"]), "dns.test");
    for (cert, name, trusted) in [
        (&proves, wanted, &other),
        (&proves, "other.test", &authority),
        (&proves, "127.0.0.1", &authority),
        (&authority.expired(["dns.test"]), wanted, &authority),
    ] {
        let server = Server::start(cert).await;
        let error = get(server.resolver(name, trusting(trusted)), &origin).await.unwrap_err();
        let text = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let text: Vec<_> = text.map(ToString::to_string).collect();
        assert!(text.join(": ").contains("certificate"), "{text:?}");
        assert_eq!(server.inner.asked(), Vec::<String>::new(), "{name}");
        assert_eq!(origin.connections(), 0);
    }
}

/// What is told is how it ended this time, not how it did before.
#[tokio::test]
async fn a_server_that_has_gone_since_is_not_told_by_its_certificate() {
    let (authority, origin) = (Ca::new("root"), Origin::h1().start().await);
    let mut server = Server::start(&authority.leaf(["dns.test"])).await;
    let resolver = server.resolver("other.test", trusting(&authority));
    let mut told = Vec::new();
    for _ in 0..2 {
        let error = get(resolver.clone(), &origin).await.unwrap_err();
        let text = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        told.push(text.map(ToString::to_string).collect::<Vec<_>>().join(": "));
        server.tasks.shutdown().await;
    }
    assert!(told[0].contains("certificate"), "{told:?}");
    assert!(told[1].contains("refused") && !told[1].contains("certificate"), "{told:?}");
}

#[tokio::test]
async fn servers_without_a_name_or_with_two_are_refused() {
    let tls = || trusting(&Ca::new("root"));
    let at: SocketAddr = "192.0.2.1:853".parse().unwrap();
    let servers: [&[&str]; 4] = [&[], &[""], &["a b"], &["a.test", "b.test"]];
    for names in servers {
        let error = Hickory::over_tls(names.iter().map(|name| (at, (*name).into())), tls()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{names:?}");
    }
    assert!(Hickory::over_tls([(at, "2001:db8::1".into())], tls()).is_ok());
}
