//! The reverse proxy in axum, over the network in memory: what a client and an upstream see of each other through it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod beside;
mod bodies;
mod errors;
mod extended_connect;
mod fields;
mod resets;
mod stalls;
mod upgrade;

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use skybridge::Client;
use skybridge_reverse_proxy::ReverseProxy;
use skybridge_testkit::{
    h1::Script,
    net::{Conn, Listener},
};
use skybridge_tests::{HOST, World};
use std::net::SocketAddr;
use tokio::{io::AsyncWriteExt, task::JoinSet};

/// Where the proxy is.
const PROXY: &str = "192.0.2.9:80";

/// The proxy in axum, before [`HOST`].
struct Front {
    world: World,
    client: Client,
    server: JoinSet<()>,
}

/// A listener in memory, for axum.
struct Served(Listener);

/// Who has connected to it.
#[derive(Clone)]
struct Peer(SocketAddr);

impl Front {
    fn new() -> Self {
        Self::with(World::new(), |world| world.client(), |proxy| proxy)
    }

    fn with(
        world: World,
        client: impl FnOnce(&World) -> Client,
        change: impl FnOnce(ReverseProxy<Client>) -> ReverseProxy<Client>,
    ) -> Self {
        let client = client(&world);
        let upstream = format!("http://{HOST}").parse().unwrap();
        let proxy = change(ReverseProxy::with_runtime(client.clone(), upstream, world.executor.runtime()).unwrap());
        Self::serving(world, client, axum::Router::new().fallback_service(proxy))
    }

    /// Something else before [`HOST`].
    fn serving(world: World, client: Client, app: axum::Router) -> Self {
        let app = app.into_make_service_with_connect_info::<Peer>();
        let listener = Served(world.net.listen(PROXY.parse().unwrap()));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { world, client, server }
    }

    /// A client's connection that has sent this.
    async fn sends(&self, bytes: impl AsRef<[u8]>) -> Script<Conn> {
        let mut conn = self.world.net.connect(PROXY.parse().unwrap()).await.unwrap();
        conn.write_all(bytes.as_ref()).await.unwrap();
        Script::new(conn)
    }

    /// Once all have gone, nothing is left of a request.
    async fn assert_nothing_left(mut self) {
        self.server.shutdown().await;
        drop(self.client);
        self.world.assert_nothing_left().await;
    }
}

impl axum::serve::Listener for Served {
    type Io = Conn;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Conn, SocketAddr) {
        self.0.accept().await
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }
}

impl Connected<IncomingStream<'_, Served>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Served>) -> Self {
        Self(*stream.remote_addr())
    }
}
