//! Other clients over rustls, pinned by our verifier: reqwest, hyper-rustls, tonic and tokio-rustls.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use skybridge::{Pins, Roots, TlsConfig, TlsError};
use skybridge_testkit::{certs::Ca, origin::Origin};
use std::{error::Error as StdError, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Of no key.
const WRONG: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

type BoxError = Box<dyn StdError + Send + Sync>;

/// An origin, and two configurations that trust its root: one has a pin of that, the other another pin.
struct Pinned {
    origin: Origin,
    url: String,
    right: TlsConfig,
    wrong: TlsConfig,
}

impl Pinned {
    async fn new() -> Self {
        let root = Ca::new("a root");
        let origin = Origin::h2c().tls(&root.leaf(["localhost"])).start().await;
        let config = |pin: &str| {
            let pins = Pins::new().pin("localhost", pin).unwrap();
            TlsConfig::builder().roots(Roots::Given(vec![root.der()])).pins(pins).build().unwrap()
        };
        let url = format!("https://localhost:{}/", origin.addr().port());
        Self { origin, url, right: config(&root.pin()), wrong: config(WRONG) }
    }

    /// The right pin lets the request through, and the wrong one lets nothing through, and says so.
    async fn prove(&self, send: impl AsyncFn(&TlsConfig, &str) -> Result<(), BoxError>) {
        send(&self.right, &self.url).await.unwrap();
        assert_eq!((self.origin.handshakes().len(), self.origin.requests().len()), (1, 1));
        let error = send(&self.wrong, &self.url).await.unwrap_err();
        let Some(TlsError::PinMismatch(mismatch)) = TlsError::find(&*error) else { panic!("{error:?}") };
        assert_eq!((&*mismatch.host, mismatch.path.len()), ("localhost", 2));
        // The server takes a connection before it sees that it is given up.
        assert_eq!((self.origin.handshakes().len(), self.origin.requests().len()), (1, 1));
    }
}

/// hyper-rustls sets ALPN itself, and insists that nobody else has.
fn hyper_rustls(tls: &TlsConfig) -> HttpsConnector<HttpConnector> {
    HttpsConnectorBuilder::new().with_tls_config(tls.rustls_config()).https_only().enable_http2().build()
}

#[tokio::test]
async fn reqwest_is_pinned() {
    let send = async |tls: &TlsConfig, url: &str| {
        let mut tls = tls.rustls_config();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?;
        let response = client.get(url).send().await?;
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.text().await?, "hello");
        Ok(())
    };
    Pinned::new().await.prove(send).await;
}

#[tokio::test]
async fn hyper_rustls_is_pinned() {
    let send = async |tls: &TlsConfig, url: &str| {
        let client = Client::builder(TokioExecutor::new()).build(hyper_rustls(tls));
        let request = http::Request::get(url).body(Empty::<bytes::Bytes>::new())?;
        let body = client.request(request).await?.into_body().collect().await?;
        assert_eq!(body.to_bytes(), "hello");
        Ok(())
    };
    Pinned::new().await.prove(send).await;
}

/// tonic's own TLS takes no configuration of rustls, but its channel takes a connector.
#[tokio::test]
async fn tonics_channel_is_pinned_by_its_connector() {
    let send = async |tls: &TlsConfig, url: &str| {
        let endpoint = tonic::transport::Endpoint::from_shared(url.to_owned())?;
        let mut channel = endpoint.connect_with_connector(hyper_rustls(tls)).await?;
        std::future::poll_fn(|cx| tower::Service::poll_ready(&mut channel, cx)).await?;
        let request = http::Request::post(url).body(tonic::body::Body::empty())?;
        let response = tower::Service::call(&mut channel, request).await?;
        assert_eq!(response.status(), 200);
        Ok(())
    };
    Pinned::new().await.prove(send).await;
}

#[tokio::test]
async fn tokio_rustls_is_pinned() {
    let send = async |tls: &TlsConfig, url: &str| {
        let mut tls = tls.rustls_config();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let uri: http::Uri = url.parse()?;
        let stream = TcpStream::connect(("localhost", uri.port_u16().unwrap())).await?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
        let mut stream = connector.connect("localhost".try_into()?, stream).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert!(answer.ends_with("hello"), "{answer}");
        Ok(())
    };
    Pinned::new().await.prove(send).await;
}
