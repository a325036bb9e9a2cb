//! A network with one TLS origin.
#![allow(dead_code, reason = "each test takes what it needs")]

use skybridge_core::{ConnectError, ConnectOptions, Connector, Key, Link, Phase, Route, TlsInfo};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::{Executor, run_until_idle},
    fixtures,
    net::{Conn, Network},
    origin::{Builder, Origin},
};
use skybridge_tls::{MaybeTls, Roots, TlsConfig, TlsConfigBuilder, TlsError, TlsLayer};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Layer;

pub(crate) const ADDR: &str = "192.0.2.1:443";

pub(crate) type TlsLink = Link<MaybeTls<Conn>>;

pub(crate) struct World {
    pub(crate) net: Network,
    pub(crate) executor: Executor,
    pub(crate) origin: Origin,
}

impl World {
    pub(crate) fn new(origin: Builder) -> Self {
        let net = Network::new();
        let origin = origin.serve_on(net.listen(ADDR.parse().unwrap()));
        Self { net, executor: Executor::new(), origin }
    }

    /// With an HTTP/1.1 origin that has this certificate.
    pub(crate) fn h1(cert: &Cert) -> Self {
        Self::new(Origin::h1().tls(cert))
    }

    pub(crate) fn route(&self, url: &str) -> Route {
        fixtures::route(url, [ADDR], self.executor.ctx())
    }

    pub(crate) fn route_on(&self, url: &str, connect_options: ConnectOptions) -> Route {
        let mut route = self.route(url);
        route.target.key = Arc::new(Key::new(route.target.origin().clone(), connect_options));
        route
    }

    pub(crate) async fn connect(&self, config: &TlsConfig, url: &str) -> Result<TlsLink, ConnectError> {
        self.connect_by(config, self.route(url)).await
    }

    pub(crate) async fn connect_by(&self, config: &TlsConfig, route: Route) -> Result<TlsLink, ConnectError> {
        TlsLayer::new(config.clone()).layer(self.net.connector()).connect(route).await
    }

    /// Expects a fatal TLS error before the server saw the handshake complete.
    pub(crate) async fn refused(&self, config: &TlsConfig, url: &str) -> ConnectError {
        let error = self.connect(config, url).await.unwrap_err();
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), true), "{error:?}");
        run_until_idle().await;
        assert_eq!((self.origin.handshakes().len(), self.origin.requests().len()), (0, 0));
        assert_eq!(self.net.live_sockets(), 0);
        error
    }

    /// Connects, exchanges one request, and returns the TLS facts. Reads to the end, so that tickets are processed.
    pub(crate) async fn exchange(&self, config: &TlsConfig, url: &str) -> TlsInfo {
        self.exchange_by(config, self.route(url)).await
    }

    pub(crate) async fn exchange_by(&self, config: &TlsConfig, route: Route) -> TlsInfo {
        let mut link = self.connect_by(config, route).await.unwrap_or_else(|error| panic!("{error:?}"));
        link.io.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await.unwrap();
        link.io.flush().await.unwrap();
        let mut answer = String::new();
        link.io.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
        link.info.tls.unwrap()
    }
}

/// Trusts this root alone.
pub(crate) fn trusting(ca: &Ca) -> TlsConfigBuilder {
    TlsConfig::builder().roots(Roots::Given(vec![ca.der()]))
}

pub(crate) fn tls_error(error: &ConnectError) -> &TlsError {
    error.source_as().unwrap()
}

/// The messages of an error and its sources, as a user sees them.
pub(crate) fn message(error: &ConnectError) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    let all: Vec<String> =
        std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string).collect();
    all.join(": ")
}
