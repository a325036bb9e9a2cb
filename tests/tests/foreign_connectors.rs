//! Connectors of others below our pool and retry: hyper-rustls', and turmoil's network. And our resolver below reqwest.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[expect(dead_code, reason = "its `main` is for those who run it")]
#[path = "../../examples/under_reqwest.rs"]
mod under_reqwest;

use http::{Uri, Version};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use skybridge::{
    Client, OverridesLayer, Proxy, ResponseExt, Roots, System, Timeouts, TlsConfig,
    seams::InPlace,
    tower::{Layer, service_fn},
    types::{Answer, BoxFuture, ConnectError, ConnectOptions, EchMode, Endpoint, Query},
};
use skybridge_hyper::FromHyper;
use skybridge_testkit::{certs::Ca, origin::Origin};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use under_reqwest::ForReqwest;

/// In place of TLS, tunnel, race and dialer, it resolves, connects and verifies by itself.
fn over_hyper_rustls(root: &Ca, options: ConnectOptions) -> Client {
    let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
    let connector: HttpsConnector<HttpConnector> = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_config())
        .https_or_http()
        .enable_all_versions()
        .build();
    let connector = InPlace::new(FromHyper::with_tls(connector));
    Client::builder().unresolved().connect_options(options).above_tls(connector).build()
}

#[tokio::test]
async fn hyper_rustls_connects_for_our_pool_by_whichever_version_it_negotiates() {
    let root = Ca::new("a root");
    for (origin, version) in [(Origin::h1(), Version::HTTP_11), (Origin::h2c(), Version::HTTP_2)] {
        let origin = origin.tls(&root.leaf(["localhost"])).start().await;
        let url = format!("https://localhost:{}/", origin.addr().port());
        let client = over_hyper_rustls(&root, ConnectOptions::new());
        for _ in 0..2 {
            let response = client.get(&url).await.unwrap();
            assert_eq!(response.version(), version);
            let info = response.connection().unwrap();
            assert_eq!((info.remote.inet(), info.tls.is_some()), (Some(origin.addr()), true));
            assert_eq!(response.into_body().text().await.unwrap(), "hello");
        }
        assert_eq!((origin.connections(), origin.requests().len()), (1, 2));

        // What it was not told to do by itself is not left undone.
        let stranger = over_hyper_rustls(&Ca::new("another root"), ConnectOptions::new());
        assert!(stranger.get(&url).await.unwrap_err().is_connect());
        let proxy = Proxy::parse(&format!("http://{}", origin.addr())).unwrap();
        for options in [ConnectOptions::new().ech(EchMode::Require), ConnectOptions::new().proxies([proxy])] {
            assert!(over_hyper_rustls(&root, options).get(&url).await.unwrap_err().is_connect());
        }
        assert_eq!((origin.handshakes().len(), origin.requests().len()), (1, 2));
    }
}

/// turmoil's stream, as a connector of hyper-util's kind wants it.
struct Simulated(turmoil::net::TcpStream);

impl Connection for Simulated {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Simulated {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Simulated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

fn simulated(uri: Uri) -> BoxFuture<io::Result<TokioIo<Simulated>>> {
    Box::pin(async move {
        let host = uri.host().unwrap_or_default().to_owned();
        let stream = turmoil::net::TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
        Ok(TokioIo::new(Simulated(stream)))
    })
}

/// Answers each request of each connection, and says which connection it is.
async fn serve() -> turmoil::Result {
    let listener = turmoil::net::TcpListener::bind((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 80)).await?;
    for connection in 1.. {
        let (mut stream, _) = listener.accept().await?;
        #[expect(clippy::disallowed_methods, reason = "the simulated host's")]
        tokio::spawn(async move {
            let mut head = Vec::new();
            while let Ok(byte) = stream.read_u8().await {
                head.push(byte);
                if head.ends_with(b"\r\n\r\n") {
                    head.clear();
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{connection}");
                    stream.write_all(answer.as_bytes()).await?;
                }
            }
            io::Result::Ok(())
        });
    }
    Ok(())
}

/// Its hosts' clocks are those of the client's limits too.
#[test]
fn turmoils_network_is_connected_to_by_name_or_dialled_and_fails_as_it_is_told() -> turmoil::Result {
    let mut simulation = turmoil::Builder::new().simulation_duration(Duration::from_secs(120)).build();
    simulation.host("server", serve);
    simulation.client("client", async {
        let text = async |client: &Client| -> turmoil::Result<String> {
            Ok(client.get("http://server/").await?.into_body().text().await?)
        };
        let by_name = Client::builder().unresolved().connector(FromHyper::new(service_fn(simulated))).build();
        assert_eq!((text(&by_name).await?, text(&by_name).await?), ("1".into(), "1".into()));

        let look_up = service_fn(|query: Query| async move {
            let addr = SocketAddr::new(turmoil::lookup(&*query.host), query.port);
            Ok::<_, ConnectError>(tokio_stream::once(Ok::<_, ConnectError>(Answer::only([Endpoint::from(addr)]))))
        });
        let dialled = Client::builder()
            .resolver(look_up)
            .dialer(FromHyper::new(service_fn(simulated)))
            .timeouts(Timeouts::new().call(Duration::from_secs(5)))
            .build();
        assert_eq!((text(&dialled).await?, text(&dialled).await?), ("2".into(), "2".into()));

        dialled.evict_all();
        turmoil::hold("client", "server");
        let began = tokio::time::Instant::now();
        assert!(dialled.get("http://server/").await.unwrap_err().is_timeout());
        assert_eq!(began.elapsed().as_secs(), 5);
        turmoil::release("client", "server");
        let answer = text(&dialled).await?;
        assert_ne!(answer, "2", "a new connection");
        Ok(())
    });
    simulation.run()
}

#[tokio::test]
async fn our_resolver_finds_addresses_for_reqwest() {
    let origin = Origin::h1().start().await;
    let resolver = OverridesLayer::new().host("a.test", [origin.addr().into()]).layer(System::new());
    let tls = TlsConfig::builder().build().unwrap().rustls_config();
    let client = reqwest::Client::builder().dns_resolver(ForReqwest::new(resolver)).tls_backend_preconfigured(tls);
    let client = client.no_proxy().build().unwrap();
    let url = format!("http://a.test:{}/", origin.addr().port());
    assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), "hello");
    let error = client.get("http://b.invalid/").send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}
