use crate::{Retrying, policy::Policy};
use http::{Request, Response};
use skybridge_core::{Error, Failed};
use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service of [`RetryLayer`](crate::RetryLayer): retries requests where that is safe.
#[derive(Clone)]
pub struct Retry<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S> Retry<S> {
    pub(crate) fn new(inner: S, policy: Policy) -> Self {
        Self { inner, policy: Arc::new(policy) }
    }

    /// The service below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service below.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Sends a request by a clone of the service below, without asking whether that is ready: for services that always
    /// are, as a pool is. As `clone().call(request)`, with fewer clones.
    #[inline]
    pub fn send<B, T>(&self, request: Request<B>) -> Retrying<S, B>
    where
        S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone,
        B: 'static,
    {
        self.policy.deposit();
        Retrying::new(self.inner.clone(), Arc::clone(&self.policy), request)
    }

    /// The service below.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, T> Service<Request<B>> for Retry<S>
where
    S: Service<Request<B>, Response = Response<T>, Error: Into<Failed<Request<B>>>> + Clone,
    B: 'static,
{
    type Response = Response<T>;
    type Error = Error;
    type Future = Retrying<S, B>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(|failed| failed.into().error)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.policy.deposit();
        // The service that is ready takes the request; its clone need not be ready.
        let clone = self.inner.clone();
        Retrying::new(mem::replace(&mut self.inner, clone), Arc::clone(&self.policy), request)
    }
}

impl<S: fmt::Debug> fmt::Debug for Retry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).field("policy", &self.policy).finish()
    }
}
