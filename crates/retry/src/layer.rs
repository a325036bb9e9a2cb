use crate::{Budget, Head, Retry, policy::Policy, request_service::RequestService};
use skybridge_core::{Deferred, Observe, Replay, Replays, Runtime};
use std::{fmt, sync::Arc, time::Duration};
use tower_layer::Layer;

/// Retries requests where that is safe. See the [crate's page](crate) for the rules. To be sent again, a request must
/// come back from the connection that has written it. Whether connections keep copies, and of what, is decided here and
/// nowhere else: the layer asks those below it for what it will use. `B` is the body of the requests, which the
/// compiler infers.
pub struct RetryLayer<B> {
    policy: Policy,
    /// Copies a body; `None` if nothing is sent again that was written.
    body: Option<fn(&B) -> Option<B>>,
}

impl<B> RetryLayer<B> {
    fn new(body: Option<fn(&B) -> Option<B>>) -> Self {
        let policy = Policy {
            replays: body.is_some(),
            tries: u32::MAX,
            age: Duration::from_secs(10),
            unknown_if: None,
            answers: true,
            retry_after: Duration::ZERO,
            budget: Arc::default(),
            observer: None,
            runtime: None,
            asking: None,
        };
        Self { policy, body }
    }

    /// Retries only what was not sent: requests that came back untouched from a connection that turned out to be dead.
    /// Connections copy nothing.
    pub fn unsent() -> Self {
        Self::new(None)
    }

    /// Also retries what the peer says it has not processed, and idempotent requests that it may have processed, if
    /// their bodies can be copied or were not polled yet.
    pub fn safe() -> Self
    where
        B: Replay,
    {
        Self::replaying(B::replay)
    }

    /// As [`safe`](Self::safe), for a body that isn't [`Replay`]: `body` copies it, or returns `None`.
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// # use std::sync::Arc;
    /// RetryLayer::replaying(|body: &Arc<[u8]>| Some(Arc::clone(body)));
    /// ```
    pub fn replaying(body: fn(&B) -> Option<B>) -> Self {
        Self::new(Some(body))
    }

    /// For how long after its first failure a request may be sent again (default: 10 s), as signatures may expire.
    /// `Duration::MAX` is no limit. Measured by the clock of the [`runtime`](Self::runtime), which is read only after a
    /// failure.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.policy.age = age;
        self
    }

    /// How often a request may be sent in all; 1 means no retries, and 0 counts as 1. `u32::MAX`, the default, is no
    /// limit besides that of each reason.
    pub fn max_tries(mut self, tries: u32) -> Self {
        self.policy.tries = tries.max(1);
        self
    }

    /// Also retries requests that may have been processed and whose method is not idempotent, if this function says so:
    /// by an `idempotency-key`, say. Has no effect on [`unsent`](Self::unsent).
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// RetryLayer::<()>::safe().unknown_if(|head| head.headers.contains_key("idempotency-key"));
    /// ```
    pub fn unknown_if(mut self, may: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.policy.unknown_if = Some(Arc::new(may));
        self
    }

    /// Also retries requests that may have been processed, whatever their method, as OkHttp does: an order may be
    /// placed twice.
    pub fn any_method(self) -> Self {
        self.unknown_if(|_| true)
    }

    /// Whether a request is sent again whose response asks for that (default: `true`), once for each of these statuses:
    /// a 408 (RFC 9110, section 15.5.9), a 425 (RFC 8470, section 5.2), or a 503 with `retry-after: 0` (RFC 9110,
    /// section 15.6.4). Each says that the request wasn't handled, so its method doesn't matter. The response is the
    /// caller's when the request isn't sent again: because its body can't be copied, because it was sent again for this
    /// status before, or for any limit of this layer. Also whether the challenge (407) of a proxy that forwards
    /// requests is answered, for which method and budget make no difference. Has no effect on [`unsent`](Self::unsent).
    pub fn answers(mut self, again: bool) -> Self {
        self.policy.answers = again;
        self
    }

    /// How long a response that asks for its request again ([`answers`](Self::answers)) may ask to wait for that, in
    /// whole seconds (`retry-after`; RFC 9110, section 10.2.3). The default is zero: nothing is waited for. A
    /// response that asks for more, or for a wait that ends after [`max_age`](Self::max_age) or after the limit of the
    /// call, is the caller's, at once. So is one that names a date, as clocks differ.
    ///
    /// ```
    /// # use skybridge_retry::RetryLayer;
    /// # use std::time::Duration;
    /// RetryLayer::<()>::safe().retry_after(Duration::from_secs(5));
    /// ```
    pub fn retry_after(mut self, limit: Duration) -> Self {
        self.policy.retry_after = limit;
        self
    }

    /// Limits the share of retries in the traffic (default: [`Budget::default`]).
    pub fn budget(mut self, budget: impl Into<Arc<Budget>>) -> Self {
        self.policy.budget = budget.into();
        self
    }

    /// The clock and timers for pauses and for [`max_age`](Self::max_age). The default are those of the connection that
    /// a request failed on, which a pool's errors name. An error that names no connection is final then: without a
    /// clock nothing is retried. So over a service of your own, or layers that fail with errors of their own, set a
    /// runtime.
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

    /// Reports each decision about a failed exchange to this observer, timed by the [`runtime`](Self::runtime)'s clock.
    /// A request's own observer takes precedence.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.policy.observer = Some(observer);
        self
    }
}

impl<S: RequestService<B>, B: 'static> Layer<S> for RetryLayer<B> {
    type Service = Deferred<S::Body, Retry<S>>;

    fn layer(&self, inner: S) -> Retry<S> {
        let mut policy = self.policy.clone();
        policy.asking = self.body.filter(|_| policy.tries > 1).map(|body| {
            let replays = Replays::new(body);
            let replays = if policy.answers { replays.follow_ups() } else { replays };
            // Which requests qualify is known only when they have failed.
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
            .field("has_unknown_if", &self.unknown_if.is_some())
            .field("answers", &self.answers)
            .field("retry_after", &self.retry_after)
            .field("budget", &self.budget)
            .field("has_observer", &self.observer.is_some())
            .field("has_runtime", &self.runtime.is_some())
            .finish()
    }
}
