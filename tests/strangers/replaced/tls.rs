//! tokio-rustls in place of `TlsLayer`.

use skybridge::{
    Client, ConnectError, H1, H2, NegotiateLayer, PoolLayer, Protocol, RaceLayer, ResponseExt, RetryLayer, RouteLayer,
    Tcp, TokioRuntime,
    types::{Io, Link, TlsInfo},
};
use skybridge_dns::Fixed;
use skybridge_testkit::{certs::Ca, origin::Origin};
use std::{io, sync::Arc};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};
use tower::{ServiceBuilder, util::AndThenLayer};

/// It names the origin, and says what it has learned.
async fn encrypted<I: Io>(tls: TlsConnector, link: Link<I>) -> Result<Link<TlsStream<I>>, ConnectError> {
    let name = link.info.route.target.origin().name().to_owned();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let stream = tls.connect(name, link.io).await?;
    let mut info = link.info;
    let mut learned = TlsInfo::unknown();
    learned.alpn = (stream.get_ref().1.alpn_protocol() == Some(b"h2")).then_some(Protocol::Http2);
    info.tls = Some(learned);
    Ok(Link::new(stream, info))
}

#[tokio::test]
async fn tls_of_tokio_rustls() {
    let ca = Ca::new("a root");
    let origin = Origin::h2c().tls(&ca.leaf(["a.test"])).start().await;
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    let tls = TlsConnector::from(Arc::new(config));

    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(Fixed::new([origin.addr().into()])))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(AndThenLayer::new(move |link| encrypted(tls.clone(), link)))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    let response = client.get("https://a.test/").await.unwrap();
    assert_eq!(response.connection().unwrap().protocol, Some(Protocol::Http2));
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
}
