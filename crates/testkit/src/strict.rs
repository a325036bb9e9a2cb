//! A service that insists on `poll_ready`. Tower's rule is easily forgotten: a service may be called only after
//! `poll_ready` returned ready, and a clone of a ready service is not ready. With [`Strict`] under a layer, a layer
//! that breaks the rule panics.
//!
//! ```should_panic
//! use skybridge_testkit::{executor::Executor, net::Network, fixtures, strict::Strict};
//! use tower_service::Service;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut connector = Strict::new(Network::new().connector());
//! connector.call(fixtures::route("http://a.test", ["192.0.2.1:80"], Executor::new().ctx())); // panics
//! # }
//! ```

use std::task::{Context, Poll};
use tower_service::Service;

/// Wraps a service; panics when it is called without having been ready.
#[derive(Debug)]
pub struct Strict<S> {
    service: S,
    ready: bool,
}

// === impl Strict ===

impl<S> Strict<S> {
    /// Wraps a service.
    pub fn new(service: S) -> Self {
        Self { service, ready: false }
    }

    /// The service.
    pub fn get_ref(&self) -> &S {
        &self.service
    }

    /// The service.
    pub fn into_inner(self) -> S {
        self.service
    }
}

impl<S: Clone> Clone for Strict<S> {
    /// A clone is not ready.
    fn clone(&self) -> Self {
        Self::new(self.service.clone())
    }
}

impl<S: Service<R>, R> Service<R> for Strict<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let polled = self.service.poll_ready(cx);
        self.ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn call(&mut self, request: R) -> S::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been ready");
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::Strict;
    use std::{
        convert::Infallible,
        future::{Ready, ready},
        panic::{AssertUnwindSafe, catch_unwind},
        task::{Context, Poll, Waker},
    };
    use tower_service::Service;

    #[derive(Clone)]
    struct Echo;

    impl Service<u8> for Echo {
        type Response = u8;
        type Error = Infallible;
        type Future = Ready<Result<u8, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: u8) -> Self::Future {
            ready(Ok(request))
        }
    }

    #[test]
    fn each_call_needs_its_own_readiness_and_a_clone_has_none() {
        let mut strict = Strict::new(Echo);
        let panics = |strict: &mut Strict<Echo>| catch_unwind(AssertUnwindSafe(|| strict.call(1))).is_err();
        assert!(panics(&mut strict));
        assert!(strict.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        assert!(panics(&mut strict.clone()));
        assert!(!panics(&mut strict));
        assert!(panics(&mut strict));
    }
}
