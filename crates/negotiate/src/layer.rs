use crate::Negotiate;
use skybridge_core::{Connector, Deferred, Handshake};
use std::time::Duration;
use tower_layer::Layer;

/// How long a handshake may take, unless the client or the request says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes HTTP/1.1 or HTTP/2 connections of links. Belongs directly above a connector.
#[derive(Clone, Copy, Debug)]
pub struct NegotiateLayer<H1, H2> {
    h1: H1,
    h2: H2,
    timeout: Duration,
}

impl<H1, H2> NegotiateLayer<H1, H2> {
    /// Chooses between these two handshakes. Each may take 10 s.
    pub fn new(h1: H1, h2: H2) -> Self {
        Self { h1, h2, timeout: TIMEOUT }
    }

    /// Speaks HTTP/1.1 by this handshake.
    pub fn h1(mut self, h1: H1) -> Self {
        self.h1 = h1;
        self
    }

    /// Speaks HTTP/2 by this handshake.
    pub fn h2(mut self, h2: H2) -> Self {
        self.h2 = h2;
        self
    }

    /// How long a handshake may take (default: 10 s); `Duration::MAX` is no limit.
    /// [`Timeouts::handshake`](skybridge_core::Timeouts::handshake) of a request takes precedence.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<S, H1, H2> Layer<S> for NegotiateLayer<H1, H2>
where
    S: Connector,
    H1: Handshake<S::Io>,
    H2: Handshake<S::Io>,
{
    type Service = Deferred<S::Io, Negotiate<S, H1, H2>>;

    fn layer(&self, inner: S) -> Negotiate<S, H1, H2> {
        Negotiate::new(inner, self.h1.clone(), self.h2.clone(), self.timeout)
    }
}
