//! Each crate by itself, among parts of others.

mod balance;
mod core;
mod dns;
mod h1;
mod h1_codec;
mod h2;
mod hyper;
mod inspect;
mod negotiate;
mod pool;
mod retry;
mod reverse_proxy;
mod route;
mod runtime;
mod tcp;
mod testkit;
mod tls;
mod tonic;
mod trace;
mod tunnel;

use bytes::Buf;
use http_body_util::BodyExt;
use skybridge_core::{ConnectError, Connector, Route};
use std::{fmt::Debug, net::SocketAddr};
use tokio::net::TcpStream;
use tower::service_fn;

/// All of a body.
async fn text<B: http_body::Body<Data: Buf, Error: Debug>>(body: B) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Tokio's own sockets to one address, as the pages of `skybridge_tls` and `skybridge_tunnel` have them.
fn over_tcp(address: SocketAddr) -> impl Connector<Io = TcpStream> {
    service_fn(move |route: Route| async move {
        let stream = TcpStream::connect(address).await?;
        Ok::<_, ConnectError>(route.link(stream, address))
    })
}
