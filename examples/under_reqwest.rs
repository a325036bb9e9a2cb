//! Our resolver below reqwest: its cache, its overrides, DNS over HTTPS, whatever it is made of. And our verifier.
//!
//! ```sh
//! cargo run --example under_reqwest [http://example.com/]
//! ```

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use skybridge::{
    CacheLayer, ConnectError, Endpoint, System, TlsConfig, TokioRuntime,
    tower::Layer,
    types::{BoxError, Query, Resolver},
};
use skybridge_testkit::origin::Origin;
use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::{Mutex, PoisonError},
};
use tokio_stream::StreamExt;

/// A resolver of this stack as one of reqwest's. It is shared, and asked on clones.
pub(crate) struct ForReqwest<R>(Mutex<R>);

impl<R: Resolver> ForReqwest<R> {
    pub(crate) fn new(resolver: R) -> Self {
        Self(Mutex::new(resolver))
    }
}

impl<R: Resolver> Resolve for ForReqwest<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // reqwest puts in the port of the URL.
        let query = Query::new(name.as_str().trim_end_matches('.'), 0, TokioRuntime::ctx());
        Box::pin(async move {
            let addrs = all(resolver, query).await?;
            Ok(Box::new(addrs.into_iter()) as Addrs)
        })
    }
}

/// reqwest wants all addresses at once.
async fn all<R: Resolver>(mut resolver: R, query: Query) -> Result<Vec<SocketAddr>, ConnectError> {
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(Into::into)?;
    let mut answers = pin!(resolver.resolve(query).await.map_err(Into::into)?);
    let mut addrs = Vec::new();
    while let Some(answer) = answers.next().await {
        addrs.extend(answer.map_err(Into::into)?.endpoints.iter().filter_map(Endpoint::inet));
    }
    Ok(addrs)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let origin = Origin::h1().start().await;
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("http://localhost:{}/", origin.addr().port()));

    let resolver = ForReqwest::new(CacheLayer::new().layer(System::new()));
    let tls = TlsConfig::builder().build()?.rustls_config();
    let client = reqwest::Client::builder().dns_resolver(resolver).tls_backend_preconfigured(tls).no_proxy().build()?;
    for _ in 0..2 {
        let response = client.get(&url).send().await?;
        println!("{}: {}", response.status(), response.text().await?);
    }
    Ok(())
}
