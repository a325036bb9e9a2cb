use crate::{Budget, Head, Retry, carrier::Carrier, policy::Policy};
use skybridge_core::{Above, Observe, Runtime};
use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};
use tower_layer::Layer;

/// Sends again what may safely be sent again. See the [crate's page](crate) for the rules.
///
/// `B` is the body of the requests: a stack has one, and the compiler finds it.
pub struct RetryLayer<B> {
    policy: Policy,
    _request: PhantomData<fn(B)>,
}

impl<B> RetryLayer<B> {
    fn new(replays: bool) -> Self {
        let age = Duration::from_secs(10);
        let policy = Policy {
            replays,
            tries: u32::MAX,
            age,
            unknown_if: None,
            budget: Arc::default(),
            observer: None,
            runtime: None,
        };
        Self { policy, _request: PhantomData }
    }

    /// Only what was never given to a connection, or came back untouched from one that turned out to be dead.
    pub fn unsent() -> Self {
        Self::new(false)
    }

    /// Besides, what the peer promised not to have processed, and idempotent requests that may have been, as far as they come back.
    ///
    /// They come back only from connections that were told to keep replays (`H1::replayable`, `H2::replayable`).
    pub fn safe() -> Self {
        Self::new(true)
    }

    /// For how long after its first failure a request may be sent again, 10 seconds by default: signatures and patience expire.
    ///
    /// Measured on the clock of its [`runtime`](Self::runtime), which isn't read unless something fails.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.age = age;
        self
    }

    /// How often a request may be sent at most, whatever the reason; 1 is never again. No limit by default: each reason has its own.
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

impl<S: Carrier<B>, B> Layer<S> for RetryLayer<B> {
    type Service = Above<S::Response, Retry<S>>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry::new(inner, self.policy.clone())
    }
}

impl<B> Clone for RetryLayer<B> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone(), _request: PhantomData }
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
