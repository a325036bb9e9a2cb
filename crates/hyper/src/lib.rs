//! Our connectors under other people's clients, and other people's connectors under ours. A leaf, not a layer of the
//! stack. [`HyperLayer`] on a planner whose plans become links (a `RouteLayer` directly above TLS, tunnel and race)
//! makes it the `Service<Uri>` that hyper-util's [legacy client](hyper_util::client::legacy) and tonic's `Channel::new`
//! connect with: they pool, this stack plans, races, tunnels and runs TLS. [`FromHyper`] is the other direction: any
//! such `Service<Uri>` as a dialer or a connector. Such a client writes requests for `https` on whatever its connector
//! returns. A stack without a `TlsLayer`, or with proxies and without a `TunnelLayer`, therefore returns an
//! [`Unfit`](skybridge_core::Unfit) error and no connection; a client that runs TLS itself says so by
//! [`HyperLayer::tls_above`].
//!
//! [`HyperH1`] is something else: HTTP/1.1 on hyper, to be given to `NegotiateLayer` in the place of
//! `skybridge_h1::H1`.
//!
//! With the feature `legacy`, the module of that name is hyper-util's client on this stack: to move is one `use`.
//!
//! ```
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use skybridge_core::ConnInfo;
//! use skybridge_dns::System;
//! use skybridge_hyper::HyperLayer;
//! use skybridge_route::RouteLayer;
//! use skybridge_runtime::TokioRuntime;
//! use skybridge_tcp::{RaceLayer, Tcp};
//! use skybridge_testkit::origin::Origin;
//! use skybridge_tls::TlsLayer;
//! use skybridge_tunnel::TunnelLayer;
//! use std::sync::Arc;
//! use tower::ServiceBuilder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let connector = ServiceBuilder::new()
//!     .layer(HyperLayer::new(TokioRuntime::current()))
//!     .layer(RouteLayer::new(System::new()))
//!     .layer(TlsLayer::native())
//!     .layer(TunnelLayer::new())
//!     .layer(RaceLayer::happy_eyeballs())
//!     .service(Tcp::new());
//! let client = Client::builder(TokioExecutor::new()).build::<_, http_body_util::Empty<bytes::Bytes>>(connector);
//!
//! let origin = Origin::h1().start().await;
//! let response = client.get(origin.url("/").parse()?).await?;
//! let info = response.extensions().get::<Arc<ConnInfo>>().expect("the facts of its connection");
//! assert_eq!(info.remote.inet(), Some(origin.addr()));
//! # Ok(())
//! # }
//! ```

mod connect;
mod error;
mod from_hyper;
mod from_hyper_io;
mod h1;
mod io;
mod layer;
#[cfg(feature = "legacy")]
pub mod legacy;
mod link_plan;
mod service;
mod settings;

pub use self::{
    connect::Connecting,
    error::{AlpnMismatch, OptionUnsupported, ProxyUnsupported},
    from_hyper::FromHyper,
    from_hyper_io::FromHyperIo,
    h1::{HyperH1, HyperH1Body, HyperH1Error, HyperH1Handshaking, HyperHttp1},
    io::HyperIo,
    layer::HyperLayer,
    service::Hyper,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
