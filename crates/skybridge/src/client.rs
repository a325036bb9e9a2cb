use crate::{
    Call, ClientBuilder, Explanation, IntoUri, RequestBody,
    call::CallDefaults,
    stack::{ClientStack, Stack},
};
use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use skybridge_core::{BoxError, Error};
use skybridge_pool::PoolStats;
use std::{
    fmt,
    future::Future,
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
/// `S` is what is below: retry over the pool, and layers of one's own that were put [above](ClientBuilder::above_retry)
/// and [between](ClientBuilder::above_pool) them. Without any, a client is plainly a `Client`.
#[derive(Clone)]
pub struct Client<S = Stack> {
    stack: S,
    defaults: Arc<CallDefaults>,
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
}

impl<S> Client<S> {
    #[cfg(feature = "inspect")]
    pub(crate) fn defaults(&self) -> &Arc<CallDefaults> {
        &self.defaults
    }

    pub(crate) fn of(stack: S, defaults: CallDefaults) -> Self {
        Self { stack, defaults: Arc::new(defaults) }
    }

    /// What is in its pool right now.
    pub fn stats(&self) -> PoolStats {
        self.defaults.pool.stats()
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
        let (explained, defaults) = (self.defaults.pool.explain(&head), Arc::clone(&self.defaults));
        async move { defaults.explainer.explain(explained.await?, defaults.runtime.now()) }
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

impl<S: ClientStack> Client<S> {
    /// Gets a URL.
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

    /// Sends a request, whose URI is absolute. A body that is not at hand goes in by [`RequestBody::wrap`].
    ///
    /// # Errors
    /// [`Error::delivery`] says whether the origin can have processed it.
    #[inline]
    pub fn request(&self, request: Request<impl Into<RequestBody>>) -> Call<S> {
        Call::new(&mut self.stack.clone(), &self.defaults, request)
    }
}

impl<S, B> Service<Request<B>> for Client<S>
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
        Call::new(&mut self.stack, &self.defaults, request.map(RequestBody::wrap))
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
