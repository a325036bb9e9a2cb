use super::{Conn, Network};
use skybridge_core::{Attempt, BoxFuture, ConnInfo, ConnectError, Endpoint, Link, Phase, Route};
use std::{
    fmt,
    future::poll_fn,
    io::{Error, ErrorKind},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The bottom of a stack: dials one endpoint on the network. Made by [`Network::dialer`].
/// It emits the phases and facts of a TCP dialer. Unix endpoints are not supported.
#[derive(Clone, Debug)]
pub struct Dialer {
    net: Network,
}

/// A connector without a race: tries the endpoints of a route in order, each alone. Made by [`Network::connector`].
#[derive(Clone)]
pub struct Connector {
    dialer: Dialer,
    amend: Option<Amend>,
}

type Amend = Arc<dyn Fn(&mut ConnInfo) + Send + Sync>;

impl Network {
    /// A dialer, in place of `Tcp` at the bottom of a stack.
    pub fn dialer(&self) -> Dialer {
        Dialer { net: self.clone() }
    }

    /// A connector, in place of everything below `negotiate`, `tls` or `tunnel`.
    pub fn connector(&self) -> Connector {
        Connector { dialer: self.dialer(), amend: None }
    }
}

// === impl Dialer ===

impl Dialer {
    async fn dial(self, attempt: Attempt) -> Result<Link<Conn>, ConnectError> {
        let phase = attempt.phase(Phase::Tcp);
        let opened = match attempt.endpoint.inet() {
            Some(addr) => self.net.connect(addr).await,
            None => Err(ErrorKind::Unsupported.into()),
        };
        let conn = match opened {
            Ok(conn) => conn,
            Err(error) => return Err(phase.fail(error)),
        };
        let mut info = ConnInfo::new(&attempt, Some(conn.local_addr()), Endpoint::from(conn.peer_addr()));
        info.timings.set(Phase::Tcp, phase.done());
        Ok(Link::new(conn, info))
    }
}

impl Service<Attempt> for Dialer {
    type Response = Link<Conn>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Link<Conn>, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, attempt: Attempt) -> Self::Future {
        Box::pin(self.clone().dial(attempt))
    }
}

// === impl Connector ===

impl Connector {
    /// Changes the facts of each link, as a layer in between would.
    pub fn amend(mut self, amend: impl Fn(&mut ConnInfo) + Send + Sync + 'static) -> Self {
        self.amend = Some(Arc::new(amend));
        self
    }

    async fn connect(self, route: Route) -> Result<Link<Conn>, ConnectError> {
        let mut endpoints = route.endpoints.clone();
        let mut last = ConnectError::new(Phase::Tcp, Error::new(ErrorKind::AddrNotAvailable, "no endpoints"));
        let mut left = route.max_attempts;
        while left > 0
            && let Some(endpoint) = poll_fn(|cx| endpoints.poll_more(cx)).await
        {
            left -= 1;
            match self.dialer.clone().dial(route.attempt(endpoint)).await {
                Ok(mut link) => {
                    self.amend.inspect(|amend| amend(&mut link.info));
                    return Ok(link);
                }
                Err(error) => last = error,
            }
        }
        Err(endpoints.error().unwrap_or(last))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("net", &self.dialer.net).finish_non_exhaustive()
    }
}

impl Service<Route> for Connector {
    type Response = Link<Conn>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Link<Conn>, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, route: Route) -> Self::Future {
        Box::pin(self.clone().connect(route))
    }
}
