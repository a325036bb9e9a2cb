#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use skybridge_core::{ConnectError, Connector, Ctx, Link, Proxy, Route, Timeouts};
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    h1::Script,
    net::{Conn, Listener, Network},
    observe::Recorder,
};
use skybridge_tunnel::{TunnelIo, TunnelLayer};
use std::{net::SocketAddr, sync::Arc};
use tower::Layer;

pub const PROXY: &str = "192.0.2.1:3128";

pub type Linked = Result<Link<TunnelIo<Conn>>, ConnectError>;

/// A proxy's address on the in-memory network, and who watches.
pub struct World {
    pub net: Network,
    pub executor: Executor,
    pub recorder: Arc<Recorder>,
    pub timeouts: Timeouts,
    pub listener: Listener,
}

impl World {
    pub fn new() -> Self {
        let net = Network::new();
        let listener = net.listen(proxy());
        Self { net, executor: Executor::new(), recorder: Recorder::new(), timeouts: Timeouts::new(), listener }
    }

    pub fn ctx(&self) -> Ctx {
        self.executor.ctx().observer(Some(self.recorder.clone())).with_limits(self.timeouts.clone())
    }

    /// A route to the origin of a URL by these proxies; the first is at `PROXY`, whatever its name.
    pub fn route(&self, url: &str, proxies: &[&str]) -> Route {
        let mut route = fixtures::route(url, [PROXY], self.ctx());
        route.proxies = proxies.iter().map(|proxy| Proxy::parse(proxy).unwrap()).collect();
        route
    }

    pub fn connect(&self, route: Route) -> impl Future<Output = Linked> + use<> {
        TunnelLayer::new().layer(self.net.connector()).connect(route)
    }

    pub async fn accept(&self) -> Script<Conn> {
        Script::new(self.listener.accept().await.0)
    }

    /// Connects while the proxy plays its part; gives what both have in the end.
    pub async fn play<T>(
        &self,
        url: &str,
        proxies: &[&str],
        part: impl AsyncFnOnce(&mut Script<Conn>) -> T,
    ) -> (Linked, T) {
        let proxy = async {
            let mut script = self.accept().await;
            let said = part(&mut script).await;
            drop(script);
            said
        };
        tokio::join!(self.connect(self.route(url, proxies)), proxy)
    }
}

pub fn proxy() -> SocketAddr {
    PROXY.parse().unwrap()
}

/// An error and all its causes, as people and as programs see them.
pub fn all_of(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|cause| format!("{cause} {cause:?}\n")).collect()
}
