//! JSON, forms and queries: what the feature `json` adds to requests and to bodies.

use crate::{Body, RequestBody, RequestBuilder, collect::Collecting};
use http::{HeaderValue, Request, Uri, header::CONTENT_TYPE};
use pin_project::pin_project;
use serde::{Serialize, de::DeserializeOwned};
use skybridge_core::{Delivery, Error, Phase, RequestError};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Reads a body to its end, as JSON. Made by [`Body::json`].
#[pin_project]
#[must_use = "nothing is read until it is polled"]
pub struct Json<T> {
    #[pin]
    bytes: Collecting,
    _value: PhantomData<fn() -> T>,
}

// === impl RequestBuilder ===

impl<S, P> RequestBuilder<'_, S, P> {
    /// This value as JSON, with `content-type: application/json` unless it has another one. One that can't be written
    /// fails the call, unsent ([`RequestError::Value`]).
    ///
    /// ```
    /// # use skybridge_testkit::origin::Origin;
    /// use serde_json::{Value, json};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), skybridge::Error> {
    /// # let origin = Origin::h1().handle(|request| async { http::Response::new(request.into_body()) }).start().await;
    /// # let url = origin.url("/");
    /// let client = skybridge::Client::new();
    /// let response = client.post(&url).json(&json!({ "name": "cat", "lives": 9 })).await?;
    /// let echo: Value = response.into_body().json().await?;
    /// assert_eq!(echo["lives"], 9);
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.and(|request| {
            let json = serde_json::to_vec(value).map_err(|error| unwritable(&error))?;
            set_body(request, json.into(), "application/json");
            Ok(())
        })
    }

    /// This value as `application/x-www-form-urlencoded`: a map, a list of pairs, or a struct of plain fields. One that
    /// isn't fails the call, unsent ([`RequestError::Value`]).
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.and(|request| {
            let form = serde_urlencoded::to_string(value).map_err(|error| unwritable(&error))?;
            set_body(request, form.into(), "application/x-www-form-urlencoded");
            Ok(())
        })
    }

    /// Adds this value to the query of the URL, behind what it has: a map, a list of pairs, or a struct of plain
    /// fields. One that isn't fails the call, unsent ([`RequestError::Value`]).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = skybridge::Client::new();
    /// let request = client.method(http::Method::GET, "http://a.test/?page=2").query(&[("q", "cats & dogs")]);
    /// assert_eq!(request.into_request()?.uri(), "http://a.test/?page=2&q=cats+%26+dogs");
    /// # Ok(())
    /// # }
    /// ```
    pub fn query<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.and(|request| {
            let query = serde_urlencoded::to_string(value).map_err(|error| unwritable(&error))?;
            if query.is_empty() {
                return Ok(());
            }
            let mut parts = request.uri().clone().into_parts();
            let before = parts.path_and_query.as_ref().map_or("/", |before| before.as_str());
            let and = match before.split_once('?') {
                None => "?",
                Some((_, "")) => "",
                Some(_) => "&",
            };
            // What is wrong with it is said without its text, which may be secret.
            let refused = |_| RequestError::Uri("it is too long with its query".into());
            let path = format!("{before}{and}{query}");
            parts.path_and_query = Some(path.try_into().map_err(refused)?);
            let refused = |_| RequestError::Uri("it has no place for a query".into());
            *request.uri_mut() = Uri::from_parts(parts).map_err(refused)?;
            Ok(())
        })
    }
}

fn set_body(request: &mut Request<RequestBody>, body: RequestBody, kind: &'static str) {
    *request.body_mut() = body;
    request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
}

fn unwritable(error: &impl fmt::Display) -> RequestError {
    RequestError::Value(error.to_string().into())
}

// === impl Body ===

impl Body {
    /// All of it as JSON, if it has no more than [`LIMIT`](Self::LIMIT) bytes. What its `content-type` says is not
    /// looked at.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and when it is no such JSON: the source is a `serde_json::Error`.
    pub fn json<T: DeserializeOwned>(self) -> Json<T> {
        self.json_up_to(Self::LIMIT)
    }

    /// All of it as JSON, if it has no more than so many bytes.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn json_up_to<T: DeserializeOwned>(self, limit: usize) -> Json<T> {
        Json { bytes: self.bytes_up_to(limit), _value: PhantomData }
    }
}

// === impl Json ===

impl<T: DeserializeOwned> Future for Json<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let bytes = ready!(self.project().bytes.poll(cx))?;
        let value = serde_json::from_slice(&bytes);
        Poll::Ready(value.map_err(|error| Error::new(Delivery::Unknown, Phase::Body, error)))
    }
}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&self.bytes).finish()
    }
}
