//! Looks at the TLS of a connection, and ends it before a request is sent.

use skybridge::{
    ConnectError, Phase,
    tower::{Layer, Service},
    types::{BoxFuture, Connector, Link, Route, TlsInfo, sync::Mutex},
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

/// Where what was seen last is put; none where requests are sent as ever.
#[derive(Clone, Default)]
pub(crate) struct Look(Option<Arc<Mutex<Option<TlsInfo>>>>);

/// Stands above TLS.
#[derive(Clone)]
pub(crate) struct LookLayer(pub(crate) Look);

#[derive(Clone)]
pub(crate) struct Looking<S> {
    connector: S,
    look: Look,
}

/// Nothing has failed: all that was wanted has been seen.
#[derive(Debug)]
struct Seen;

impl Look {
    pub(crate) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was seen since this was asked last.
    pub(crate) fn take(&self) -> Option<TlsInfo> {
        self.0.as_ref()?.lock().take()
    }
}

impl<S> Layer<S> for LookLayer {
    type Service = Looking<S>;

    fn layer(&self, connector: S) -> Looking<S> {
        Looking { connector, look: self.0.clone() }
    }
}

impl<S: Connector> Service<Route> for Looking<S>
where
    S::Future: Send + 'static,
{
    type Response = Link<S::Io>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Link<S::Io>, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let (connecting, look) = (self.connector.connect(route), self.look.clone());
        Box::pin(async move {
            let link = connecting.await.map_err(Into::into)?;
            let Some(seen) = look.0 else { return Ok(link) };
            *seen.lock() = link.info.tls.clone();
            Err(ConnectError::new(Phase::Tls, Seen).fatal())
        })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its keys were to be seen, and no more")
    }
}

impl std::error::Error for Seen {}
