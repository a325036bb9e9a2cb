use crate::chaos::{Chaos, Connect};
use skybridge::types::sync::Mutex;
use skybridge::{
    ConnectError, Phase,
    types::{Attempt, BoxFuture, Link},
};
use skybridge_testkit::net::{Conn, Network};
use std::{
    io::ErrorKind,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// Dials on the network of the round, as far as chaos lets it.
///
/// A network remembers every connection it ever had, so each round has its own, or there would be no telling whether
/// the client keeps anything.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) chaos: Chaos,
    pub(crate) net: Arc<Mutex<Network>>,
}

impl Dialer {
    async fn dial(self, attempt: Attempt) -> Result<Link<Conn>, ConnectError> {
        self.chaos.pause().await;
        match self.chaos.connect() {
            Connect::Works => {}
            Connect::Refused => {
                return Err(ConnectError::new(Phase::Tcp, std::io::Error::from(ErrorKind::ConnectionRefused)));
            }
            Connect::Hangs => std::future::pending().await,
        }
        let mut dialer = self.net.lock().dialer();
        dialer.call(attempt).await
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
