use crate::{
    Client, RequestBody,
    call::CallDefaults,
    layered::Layered,
    seams::{NoPool, PoolHandle},
};
use bytes::Buf;
use http::{Request, Response};
use skybridge_core::{BoxError, Error, Ids, Observe, Runtime, Timeouts};
use skybridge_runtime::TokioRuntime;
use std::{fmt, sync::Arc, time::Duration};
use tower::Service;

/// Makes a [`Client`] of a stack that was made by hand: see [`Client::from_stack`]. It has what a client does for its
/// calls besides sending them; all else is the stack's own business.
#[must_use = "nothing is made until it is built"]
pub struct StackBuilder<S, P = NoPool> {
    stack: S,
    pool: P,
    runtime: Option<Arc<dyn Runtime>>,
    observer: Option<Arc<dyn Observe>>,
    timeouts: Timeouts,
}

impl<S> StackBuilder<S> {
    pub(crate) fn new(stack: S) -> Self {
        Self { stack, pool: NoPool, runtime: None, observer: None, timeouts: Timeouts::new() }
    }

    /// A handle to the pool in the stack, for [`Client::stats`], [`evict_all`](Client::evict_all) and
    /// [`close`](Client::close), which a client hasn't otherwise.
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use skybridge::{*, tower::{Layer, ServiceBuilder}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
    /// # let url = origin.url("/");
    /// let pool = ServiceBuilder::new()
    ///     .layer(PoolLayer::new(TokioRuntime::current()))
    ///     .layer(RouteLayer::new(System::new()))
    ///     .layer(NegotiateLayer::new(H1::new(), H2::new()))
    ///     .layer(RaceLayer::happy_eyeballs())
    ///     .service(Tcp::new());
    /// let client = Client::stack_builder(RetryLayer::safe().layer(pool.clone())).pool(pool).build();
    /// assert_eq!(client.get(&url).await?.into_body().text().await?, "hello");
    /// assert_eq!(client.stats().idle, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pool<P: PoolHandle>(self, pool: P) -> StackBuilder<S, P> {
        let Self { stack, pool: NoPool, runtime, observer, timeouts } = self;
        StackBuilder { stack, pool, runtime, observer, timeouts }
    }
}

impl<S, P> StackBuilder<S, P> {
    /// The clock and timers of the [`call_timeout`](Self::call_timeout) and of events; without it, those of the tokio
    /// runtime that [`build`](Self::build) is called in. The layers of the stack have been given theirs.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Receives the events of every call, and of all that is done for one by layers that look for the
    /// [observer](crate::RequestOptions::observer) of a request, as those of this crate do. A request's own goes before
    /// it. What happens between calls is told to the observers that the layers were given.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// How long a call may take, all in all, where its [`RequestOptions`](crate::RequestOptions) is silent (default: no
    /// limit). Every other limit is of the layer that keeps it.
    pub fn call_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.call = Some(limit);
        self
    }

    /// The client.
    ///
    /// # Panics
    /// Without a [`runtime`](Self::runtime), when called outside of a tokio runtime.
    #[track_caller]
    pub fn build<B>(self) -> Client<Layered<S, Error>, P>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<Error>> + Clone,
        B: http_body::Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        let Self { stack, pool, runtime, observer, timeouts } = self;
        let runtime = runtime.unwrap_or_else(|| Arc::new(TokioRuntime::current()));
        Client::of(Layered::new(stack), CallDefaults { runtime, observer, timeouts, ids: Ids::default(), pool })
    }
}

impl<S: fmt::Debug, P: fmt::Debug> fmt::Debug for StackBuilder<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackBuilder")
            .field("stack", &self.stack)
            .field("pool", &self.pool)
            .field("call_timeout", &self.timeouts.call)
            .finish_non_exhaustive()
    }
}
