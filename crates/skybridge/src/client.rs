use crate::{
    Call, ClientBuilder, Explanation, IntoUri, OneBody, RequestBody, RequestBuilder, StackBuilder,
    call::CallDefaults,
    layered::Layered,
    seams::{Built, NoPool, PoolHandle},
    stack::{ClientStack, Stack},
};
use bytes::Buf;
use http::{Method, Request, Response};
use http_body::Body;
use skybridge_core::{BoxError, Error};
use skybridge_pool::PoolStats;
use std::{
    fmt,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;

/// Sends requests. Cheap to clone; clones share one pool, which closes when the last of them is dropped.
///
/// It is a [`Service`] of requests with any body, for all that is made for towers, and has [`get`](Self::get) and
/// [`request`](Self::request) for everybody else. It never needs `&mut` for those, and is always ready.
///
/// ```
/// # use skybridge_testkit::origin::Origin;
/// use skybridge::{Client, ResponseExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), skybridge::Error> {
/// # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
/// # let url = origin.url("/");
/// let client = Client::new();
/// let response = client.get(&url).await?;
/// println!("{} by {}", response.status(), response.connection().expect("it came by one"));
/// assert_eq!(response.into_body().text().await?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # As a service
/// A request names the type of its body when it is given to [`call`](Service::call) or `oneshot`, so a client goes
/// unadapted where requests of axum, tonic or tower-http come from. tower's `ready().await?.call(request)` works too,
/// as [`ready`](Self::ready) asks for no request. A layer of somebody else's around a client has no such method, so
/// there the type of the body is to be said: by [`one_body`](Self::one_body), or by a layer
/// [in the client](ClientBuilder::above_retry).
///
/// `S` is what is below: retry over the pool, and layers of one's own that were put [above](ClientBuilder::above_retry)
/// and [between](ClientBuilder::above_pool) them; or a stack [made by hand](Self::from_stack), and then `P` is what is
/// known of its pool. Without any, a client is plainly a `Client`.
pub struct Client<S = Stack, P = Built> {
    stack: S,
    defaults: Arc<CallDefaults<P>>,
}

impl Client {
    /// A client with all [defaults](crate::defaults), on the tokio runtime that this is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime. [`ClientBuilder::runtime`] takes one from elsewhere.
    #[track_caller]
    #[allow(
        clippy::new_without_default,
        reason = "it takes the runtime it is called in, which a default must not need"
    )]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Decides otherwise.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// A client on a stack that was made by hand, or by anybody else: any service of `Request<RequestBody>`, whose
    /// errors are [`Error`], or become one as `BoxError` does. It has `get` and `request`, and whatever responses have:
    /// `text()` and the rest of [`Body`](crate::Body). A request waits within its call until the stack is ready.
    ///
    /// What the [options](crate::RequestOptions) of a request ask of its connection, such as proxies or limits of
    /// egress, is for the stack's pool: one without such a pool ignores it.
    ///
    /// Events and a time limit for calls are settings of [`stack_builder`](Self::stack_builder), and so is a handle to
    /// the stack's pool. A call that its time limit ends says [`Delivery::Unknown`](crate::Delivery::Unknown) once the
    /// stack was called: nobody knows how far it got.
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use skybridge::{*, tower::{ServiceBuilder, limit::ConcurrencyLimitLayer}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// # let origin = Origin::h1().handle(|_| async { http::Response::new("hello".to_owned()) }).start().await;
    /// # let url = origin.url("/");
    /// let stack = ServiceBuilder::new()
    ///     .layer(ConcurrencyLimitLayer::new(100))
    ///     .layer(RetryLayer::safe())
    ///     .layer(PoolLayer::new(TokioRuntime::current()))
    ///     .layer(RouteLayer::new(System::new()))
    ///     .layer(NegotiateLayer::new(H1::new(), H2::new()))
    ///     .layer(RaceLayer::happy_eyeballs())
    ///     .service(Tcp::new());
    /// let client = Client::from_stack(stack);
    /// assert_eq!(client.get(&url).await?.into_body().text().await?, "hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime. [`StackBuilder::runtime`] takes one from elsewhere.
    #[track_caller]
    pub fn from_stack<T, B>(stack: T) -> Client<Layered<T, Error>, NoPool>
    where
        T: Service<Request<RequestBody>, Response = Response<B>, Error: Into<Error>> + Clone,
        B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        Self::stack_builder(stack).build()
    }

    /// As [`from_stack`](Self::from_stack), with a runtime, an observer, a time limit for calls, and a handle to the
    /// stack's pool, as needed.
    pub fn stack_builder<T>(stack: T) -> StackBuilder<T> {
        StackBuilder::new(stack)
    }
}

impl<S, P> Client<S, P> {
    pub(crate) fn of(stack: S, defaults: CallDefaults<P>) -> Self {
        Self { stack, defaults: Arc::new(defaults) }
    }

    /// As a service of requests with this body alone. A client is a service of requests with any body, and so the
    /// compiler asks which one (E0283) where a layer of somebody else's is around it, and no request at hand to tell:
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use skybridge::tower::{Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};
    /// use skybridge::{Client, RequestBody};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), skybridge::Error> {
    /// # let origin = Origin::h1().start().await;
    /// # let url = origin.url("/");
    /// let client = Client::new().one_body::<RequestBody>();
    /// let mut limited = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(100)).service(client);
    /// let request = http::Request::get(&url).body(RequestBody::empty()).expect("a URL");
    /// let response = limited.ready().await?.call(request).await?;
    /// # assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    pub fn one_body<B>(self) -> OneBody<B, Self> {
        OneBody::new(self)
    }
}

impl<S, P: PoolHandle> Client<S, P> {
    /// What is in its pool right now.
    pub fn stats(&self) -> PoolStats {
        self.defaults.pool.stats()
    }

    /// Closes the connections that are idle, and keeps none of those in use.
    pub fn evict_all(&self) {
        self.defaults.pool.evict_all();
    }

    /// Ends it, for all clones: what comes and what waits fails unsent, what is under way runs to the end of its
    /// response. What is left of a request then is not sent any more.
    pub fn close(&self) {
        self.defaults.pool.close();
    }
}

impl<S> Client<S> {
    #[cfg(feature = "inspect")]
    pub(crate) fn defaults(&self) -> &Arc<CallDefaults> {
        &self.defaults
    }

    /// What would become of a request: by which connection it would go and why, or how a new one would be opened: the
    /// proxies, who resolves which name, the addresses in the order in which they would be tried, TLS. It opens no
    /// connection; where a new one would be needed, names are looked up and proxies chosen, as for a request. It knows
    /// nothing of layers of one's own that would change the request, the way or the connection.
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use skybridge::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let origin = Origin::h1().start().await;
    /// # let url = origin.url("/");
    /// let client = Client::new();
    /// let explained = client.explain(&http::Request::get(&url).body(())?).await?;
    /// assert_eq!(explained.search.to_string(), "a new connection is opened");
    /// assert_eq!(origin.connections(), 0);
    /// println!("{explained}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those that the request would have before a connection is opened for it.
    pub fn explain<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Result<Explanation, Error>> + Send + use<S, B> {
        // What its body is changes nothing.
        let mut head = Request::new(RequestBody::empty());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        *head.extensions_mut() = request.extensions().clone();
        head.headers_mut().remove(http::header::CONTENT_LENGTH);
        let (explained, defaults) = (self.defaults.pool.pool.explain(&head), Arc::clone(&self.defaults));
        async move { defaults.pool.explainer.explain(explained.await?, defaults.runtime.now()).await }
    }
}

impl<S: ClientStack, P> Client<S, P> {
    /// Gets a URL. A GET with header fields, a query or a time limit of its own is begun by [`method`](Self::method):
    /// `client.method(Method::GET, url).header("accept", "text/html").await?`.
    ///
    /// # Errors
    /// Besides all that can go wrong on the way, when the URL is none: [`Error::is_request`], and its cause says what
    /// is wrong.
    pub fn get(&self, url: impl IntoUri) -> Call<S> {
        match url.into_uri() {
            Ok(uri) => {
                let mut request = Request::new(RequestBody::empty());
                *request.uri_mut() = uri;
                self.request(request)
            }
            Err(error) => Call::failed(error),
        }
    }

    /// Begins a POST to a URL: its body, header fields and time limit are said by the [`RequestBuilder`], and it is
    /// sent when that is awaited.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), of the call.
    pub fn post(&self, url: impl IntoUri) -> RequestBuilder<'_, S, P> {
        self.method(Method::POST, url)
    }

    /// Begins a PUT, as [`post`](Self::post) does a POST.
    pub fn put(&self, url: impl IntoUri) -> RequestBuilder<'_, S, P> {
        self.method(Method::PUT, url)
    }

    /// Begins a PATCH, as [`post`](Self::post) does a POST.
    pub fn patch(&self, url: impl IntoUri) -> RequestBuilder<'_, S, P> {
        self.method(Method::PATCH, url)
    }

    /// Begins a DELETE, as [`post`](Self::post) does a POST.
    pub fn delete(&self, url: impl IntoUri) -> RequestBuilder<'_, S, P> {
        self.method(Method::DELETE, url)
    }

    /// Begins a request of any method, as [`post`](Self::post) does a POST: a GET with header fields or a time limit of
    /// its own.
    pub fn method(&self, method: Method, url: impl IntoUri) -> RequestBuilder<'_, S, P> {
        RequestBuilder::new(self, method, url)
    }

    /// Sends a request, whose URI is absolute. A body that is not at hand goes in by [`RequestBody::wrap`].
    ///
    /// # Errors
    /// [`Error::delivery`] says whether the origin can have processed it.
    #[inline]
    pub fn request(&self, request: Request<impl Into<RequestBody>>) -> Call<S> {
        Call::new(&self.stack, &self.defaults, request)
    }

    /// Waits until it is ready, as `ServiceExt::ready` does, but for requests with any body: which one is said by the
    /// request that it is [called](Service::call) with. It is always ready.
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use skybridge::{Client, RequestBody, tower::Service};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), skybridge::Error> {
    /// # let origin = Origin::h1().start().await;
    /// # let url = origin.url("/");
    /// let mut client = Client::new();
    /// let request = http::Request::get(&url).body(RequestBody::empty()).expect("a URL");
    /// let response = client.ready().await?.call(request).await?;
    /// # assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// None, unless the stack isn't always ready.
    pub async fn ready(&mut self) -> Result<&mut Self, Error> {
        poll_fn(|cx| self.stack.poll_ready(cx)).await?;
        Ok(self)
    }
}

impl<S, P, B> Service<Request<B>> for Client<S, P>
where
    S: ClientStack,
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<crate::Body>;
    type Error = Error;
    type Future = Call<S>;

    /// Always ready: how many requests may run is decided per origin, and the origin isn't known yet.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.stack.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Call<S> {
        Call::new(&self.stack, &self.defaults, request.map(RequestBody::wrap))
    }
}

impl<S: Clone, P> Clone for Client<S, P> {
    #[inline]
    fn clone(&self) -> Self {
        Self { stack: self.stack.clone(), defaults: Arc::clone(&self.defaults) }
    }
}

impl<S, P: fmt::Debug> fmt::Debug for Client<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("pool", &self.defaults.pool).finish_non_exhaustive()
    }
}
