use crate::{Budget, Head, Retry, policy::Policy, request_service::RequestService};
use skybridge_core::{Deferred, Observe, Replay, Replays, Runtime};
use std::{fmt, sync::Arc, time::Duration};
use tower_layer::Layer;

/// Sends again what may safely be sent again. See the [crate's page](crate) for the rules.
///
/// What can be sent again must come back from a connection that has written it. That connections keep copies, and of what, is decided here and
/// nowhere else: the layer asks those below it for what it has use for, and for nothing more.
///
/// `B` is the body of the requests: a stack has one, and the compiler finds it.
pub struct RetryLayer<B> {
    policy: Policy,
    /// How a body is had once more; `None` when nothing is sent again that was written.
    body: Option<fn(&B) -> Option<B>>,
}

impl<B> RetryLayer<B> {
    fn new(body: Option<fn(&B) -> Option<B>>) -> Self {
        let policy = Policy {
            replays: body.is_some(),
            tries: u32::MAX,
            age: Duration::from_secs(10),
            unknown_if: None,
            budget: Arc::default(),
            observer: None,
            runtime: None,
            asking: None,
        };
        Self { policy, body }
    }

    /// Only what was never given to a connection, or came back untouched from one that turned out to be dead. Connections copy nothing.
    pub fn unsent() -> Self {
        Self::new(None)
    }

    /// Besides, what the peer promised not to have processed, and idempotent requests that may have been, as far as their bodies can be had once
    /// more, or were not polled yet.
    pub fn safe() -> Self
    where
        B: Replay,
    {
        Self::replaying(B::replay)
    }

    /// As [`safe`](Self::safe), for a body that doesn't say by itself how it is had once more; `None` where it can't be.
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// # use std::sync::Arc;
    /// RetryLayer::replaying(|body: &Arc<[u8]>| Some(Arc::clone(body)));
    /// ```
    pub fn replaying(body: fn(&B) -> Option<B>) -> Self {
        Self::new(Some(body))
    }

    /// For how long after its first failure a request may be sent again, 10 seconds by default: signatures and patience
    /// expire. `Duration::MAX` is no limit.
    ///
    /// Measured on the clock of its [`runtime`](Self::runtime), which isn't read unless something fails.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.age = age;
        self
    }

    /// How often a request may be sent at most, whatever the reason; 1 is never again. `u32::MAX`, the default, is
    /// no limit: each reason has its own.
    pub fn max_tries(mut self, tries: u32) -> Self {
        self.policy.tries = tries.max(1);
        self
    }

    /// Also sends again, when it may have been processed, what is not idempotent by its method but by what this knows of it:
    /// an `idempotency-key`, say. Means nothing to [`unsent`](Self::unsent).
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// RetryLayer::<()>::safe().unknown_if(|head| head.headers.contains_key("idempotency-key"));
    /// ```
    pub fn unknown_if(mut self, may: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.policy.unknown_if = Some(Arc::new(may));
        self
    }

    /// Also sends again what may have been processed whatever its method, as OkHttp does: an order may be placed twice.
    pub fn any_method(self) -> Self {
        self.unknown_if(|_| true)
    }

    /// How much of the traffic may be retries.
    pub fn budget(mut self, budget: impl Into<Arc<Budget>>) -> Self {
        self.policy.budget = budget.into();
        self
    }

    /// The clock and the timers for pauses and for [`max_age`](Self::max_age). Without it they are those of the connection that a request failed
    /// on, which the errors of a pool name. An error that names none is final then: without a clock nothing is sent again, rather than without
    /// a pause and at any age. So over a service of one's own, or over layers that fail with errors of their own, a runtime is to be given.
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// # use skybridge_runtime::TokioRuntime;
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// RetryLayer::<()>::safe().runtime(Arc::new(TokioRuntime::current()));
    /// # }
    /// ```
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.policy.runtime = Some(runtime);
        self
    }

    /// Tells this observer of each decision about an exchange that failed, by the [`runtime`](Self::runtime)'s clock. A request's own observer
    /// goes before it.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.policy.observer = Some(observer);
        self
    }
}

impl<S: RequestService<B>, B: 'static> Layer<S> for RetryLayer<B> {
    type Service = Deferred<S::Response, Retry<S>>;

    fn layer(&self, inner: S) -> Retry<S> {
        let mut policy = self.policy.clone();
        policy.asking = self.body.filter(|_| policy.tries > 1).map(|body| {
            let replays = Replays::new(body);
            // Which ones it is about is known when they have failed.
            if policy.unknown_if.is_some() { replays.any_method().ask() } else { replays.ask() }
        });
        Retry::new(inner, policy)
    }
}

impl<B> Clone for RetryLayer<B> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone(), body: self.body }
    }
}

impl<B> fmt::Debug for RetryLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryLayer").field(&self.policy).finish()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("replays", &self.replays)
            .field("max_tries", &self.tries)
            .field("max_age", &self.age)
            .field("widened", &self.unknown_if.is_some())
            .field("budget", &self.budget)
            .field("observed", &self.observer.is_some())
            .field("has_runtime", &self.runtime.is_some())
            .finish()
    }
}
