use crate::{Call, Client, IntoUri, RequestBody, stack::ClientStack};
use http::{HeaderName, HeaderValue, Method, Request, header::CONTENT_TYPE};
use skybridge_core::{RequestError, RequestOptions};
use std::{fmt, future::IntoFuture, mem, time::Duration};

/// A request that a client is about to send: sent when it is awaited. Made by [`Client::post`] and its like; the
/// crate's feature `json` adds `json`, `form` and `query`.
///
/// ```
/// # use skybridge_testkit::origin::Origin;
/// use skybridge::Client;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), skybridge::Error> {
/// # let origin = Origin::h1().start().await;
/// # let url = origin.url("/");
/// let client = Client::new();
/// let response = client.post(&url).header("x-id", "7").body("hello").timeout(Duration::from_secs(5)).await?;
/// # assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it is awaited"]
pub struct RequestBuilder<'c, S, P> {
    client: &'c Client<S, P>,
    /// What is wrong with it is the error of its call.
    request: Result<Request<RequestBody>, RequestError>,
}

impl<'c, S, P> RequestBuilder<'c, S, P> {
    pub(crate) fn new(client: &'c Client<S, P>, method: Method, url: impl IntoUri) -> Self {
        let request = url.into_uri().map(|uri| {
            let mut request = Request::new(RequestBody::empty());
            (*request.method_mut(), *request.uri_mut()) = (method, uri);
            request
        });
        Self { client, request }
    }

    /// Changes the request, unless something is wrong with it already.
    pub(crate) fn and(mut self, change: impl FnOnce(&mut Request<RequestBody>) -> Result<(), RequestError>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = change(request)
        {
            self.request = Err(error);
        }
        self
    }

    /// Adds a header field; `content-type`, of which a request has one, in place of another. One that can't be written
    /// fails the call, unsent ([`RequestError::Header`]).
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.and(|request| {
            let name = name.try_into();
            let name = name.map_err(|_| RequestError::Header("".into(), "its name is not one of a header"))?;
            // Values may be secrets: not repeated.
            let refused = |_| RequestError::Header(name.as_str().into(), "its value can't be written");
            let value = value.try_into().map_err(refused)?;
            if name == CONTENT_TYPE {
                request.headers_mut().insert(name, value);
            } else {
                request.headers_mut().append(name, value);
            }
            Ok(())
        })
    }

    /// The body, in place of none.
    pub fn body(self, body: impl Into<RequestBody>) -> Self {
        self.and(|request| {
            *request.body_mut() = body.into();
            Ok(())
        })
    }

    /// How long the call may take, all in all: retries and the response's body included. In place of the client's
    /// limit, if it has one.
    pub fn timeout(self, limit: Duration) -> Self {
        self.and(|request| {
            let options = request.extensions_mut().get_or_insert_default::<RequestOptions>();
            options.timeouts = mem::take(&mut options.timeouts).call(limit);
            Ok(())
        })
    }

    /// Its options, in place of those it had. A [`timeout`](Self::timeout) that was set stays if these have none.
    pub fn options(self, mut options: RequestOptions) -> Self {
        self.and(|request| {
            let before = request.extensions().get::<RequestOptions>().and_then(|options| options.timeouts.call);
            options.timeouts.call = options.timeouts.call.or(before);
            request.extensions_mut().insert(options);
            Ok(())
        })
    }

    /// The request as it would be sent.
    ///
    /// # Errors
    /// With the first thing that is wrong with it.
    pub fn into_request(self) -> Result<Request<RequestBody>, RequestError> {
        self.request
    }
}

impl<S: ClientStack, P> RequestBuilder<'_, S, P> {
    /// Sends it. To await it does the same.
    ///
    /// # Errors
    /// Besides all that can go wrong on the way, what is wrong with the request: [`Error::is_request`].
    ///
    /// [`Error::is_request`]: crate::Error::is_request
    pub fn send(self) -> Call<S> {
        match self.request {
            Ok(request) => self.client.request(request),
            Err(error) => Call::failed(error),
        }
    }
}

impl<S: ClientStack, P> IntoFuture for RequestBuilder<'_, S, P> {
    type Output = <Call<S> as Future>::Output;
    type IntoFuture = Call<S>;

    fn into_future(self) -> Call<S> {
        self.send()
    }
}

impl<S, P> fmt::Debug for RequestBuilder<'_, S, P> {
    /// Its method: the rest may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.request.as_ref().map(Request::method);
        f.debug_struct("RequestBuilder").field("method", &method).finish_non_exhaustive()
    }
}
