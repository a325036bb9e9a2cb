//! Retries requests, where that is safe. The top of the stack: above the pool, which fails with
//! [`Failed`](skybridge_core::Failed), and below everything that expects a plain [`Error`](skybridge_core::Error).
//! Whether the origin may have processed a request is not guessed: it is in the error's type
//! ([`Delivery`](skybridge_core::Delivery)). And the request isn't copied here: it comes back in the error, if the
//! connection could keep it.
//!
//! | failed | the request comes back | retried |
//! |---|---|---|
//! | `Unsent`, on a dead connection | always | at once, once per connection, 16 times in all, outside the budget |
//! | `Refused`, by a GOAWAY that ends a connection which works | if its body can be copied, or wasn't polled | at once, once per connection, 255 times in all, outside the budget |
//! | `Refused` otherwise | if its body can be copied, or wasn't polled | 3 times: at once, then after 50 and 100 ms, jittered |
//! | `Unknown`, on a used connection that ended without an answer ([`Stale`](skybridge_core::Cause::Stale)) | the same | idempotent methods: as `Unsent` |
//! | `Unknown` otherwise | the same | idempotent methods: twice, at once, then after 50 ms |
//! | connecting, queueing, a timeout, a bad request | | never: routes are exhausted below, once |
//! | any, on a connection that failed like those before it ([`is_backing_off`](skybridge_core::Error::is_backing_off)) | as above | never: the pool makes no new connection for a while |
//!
//! Idempotent methods are those of RFC 9110, section 9.2.2.
//!
//! | answered | the request comes back | sent again |
//! |---|---|---|
//! | 408 (RFC 9110, section 15.5.9), 425 (RFC 8470, section 5.2), without `retry-after` or with 0 | if its body can be copied, or wasn't polled over HTTP/1.1 | once for each status: the first at once, others after the pause of a retry |
//! | 503 with `retry-after: 0` (RFC 9110, section 15.6.4) | the same | once, at once |
//! | 407 (RFC 9110, section 15.5.8) by a proxy that forwards requests, if its `ProxyAuth` has an answer | the same | at once, up to 20 times, outside the budget |
//! | the first three, with a longer `retry-after` in seconds | the same | once for each status, after that time, if [`RetryLayer::retry_after`] allows it |
//!
//! Such an answer says that the request wasn't handled (`Refused`), so its method makes no difference, as with OkHttp.
//! The server of a 408 has not received the request in time; that of a 425 won't risk to process what may be a replay,
//! and nothing here is sent as early data; that of a 503 is unable to handle it, and with `retry-after` says until
//! when (RFC 9110, section 10.2.3). A date in `retry-after` is not waited for, as clocks differ. Budget, tries and age
//! count here too, and a wait must end before the limit of the call ([`Deadline`](skybridge_core::Deadline)). Whenever
//! the request isn't sent again, the response is the caller's. Otherwise it is dropped before the next try: over HTTP/2
//! its stream is reset if it isn't over, and an HTTP/1.1 connection is used again if the rest is short and comes soon.
//! [`RetryLayer::answers`] turns it off.
//!
//! [`RetryLayer::unsent`] applies the first row only, [`RetryLayer::safe`] all of them; for a body that isn't
//! [`Replay`](skybridge_core::Replay), such as `Full<Bytes>`, [`RetryLayer::replaying`] is told how to copy it. Whether
//! connections keep copies for the other rows is this layer's decision alone: it [asks](skybridge_core::Replays) for
//! them while it polls the layers below. Once another response's head has arrived, nothing is retried. Pauses and the
//! age of a request need a clock: that of the connection that an error names, or [`RetryLayer::runtime`]; without
//! either nothing is retried. The final error is that of the last try, with those before it in
//! [`earlier`](skybridge_core::Error::earlier); its [`delivery`](skybridge_core::Error::delivery) is the worst of all.
//! Other layers fit between this one and the pool, tower's too (`timeout`, `buffer`, `load_shed`, `filter`): each sees
//! every try. Where they erase the error to a [`BoxError`](skybridge_core::BoxError), a request that came back is still
//! found in it. Their own errors have lost the request, and are final; so are responses that they made anew, without
//! the extensions of those from below.
//!
//! ```
//! use skybridge_core::{Failed, RequestError};
//! use skybridge_retry::RetryLayer;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let broken = |request: http::Request<()>| async move {
//!     Err::<http::Response<()>, _>(Failed::with(RequestError::Method("BREW".into()), request))
//! };
//! let mut client = ServiceBuilder::new().layer(RetryLayer::safe()).service_fn(broken);
//! let error = client.ready().await.unwrap().call(http::Request::new(())).await.unwrap_err();
//! assert!(error.is_request() && error.earlier().is_empty());
//! # }
//! ```

mod answers;
mod budget;
mod future;
mod head;
mod layer;
mod policy;
mod request_service;
mod retry_state;
mod service;

pub use self::{budget::Budget, future::Retrying, head::Head, layer::RetryLayer, service::Retry};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
