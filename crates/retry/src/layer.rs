use crate::{Budget, Head, Retry, policy::Policy};
use skybridge_core::Observe;
use std::{fmt, sync::Arc, time::Duration};
use tower_layer::Layer;

/// Sends again what may safely be sent again. See the [crate's page](crate) for the rules.
#[derive(Clone)]
pub struct RetryLayer(Policy);

impl RetryLayer {
    fn new(replays: bool) -> Self {
        Self(Policy { replays, age: Duration::from_secs(10), unknown_if: None, budget: Arc::default(), observer: None })
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
    /// Measured on the clock of the connection it failed on, which isn't read unless something fails.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.0.age = age;
        self
    }

    /// Also sends again, when it may have been processed, what is not idempotent by its method but by what this knows of it:
    /// an `idempotency-key`, say. Means nothing to [`unsent`](Self::unsent).
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// RetryLayer::safe().unknown_if(|head| head.headers.contains_key("idempotency-key"));
    /// ```
    pub fn unknown_if(mut self, may: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.0.unknown_if = Some(Arc::new(may));
        self
    }

    /// Also sends again what may have been processed whatever its method, as OkHttp does: an order may be placed twice.
    pub fn any_method(self) -> Self {
        self.unknown_if(|_| true)
    }

    /// How much of the traffic may be retries.
    pub fn budget(mut self, budget: impl Into<Arc<Budget>>) -> Self {
        self.0.budget = budget.into();
        self
    }

    /// Tells this observer of each decision about an exchange that failed on a connection. A request's own observer goes before it.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.0.observer = Some(observer);
        self
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry::new(inner, self.0.clone())
    }
}

impl fmt::Debug for RetryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryLayer").field(&self.0).finish()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("replays", &self.replays)
            .field("max_age", &self.age)
            .field("widened", &self.unknown_if.is_some())
            .field("budget", &self.budget)
            .field("observed", &self.observer.is_some())
            .finish()
    }
}
