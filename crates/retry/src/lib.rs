//! Sends again what may safely be sent again.
//!
//! The top of the stack: above the pool, which fails with [`Failed`](skybridge_core::Failed), below everything that wants a plain
//! [`Error`](skybridge_core::Error). Whether the origin can have processed a request is not guessed here, it is in the type
//! ([`Delivery`](skybridge_core::Delivery)); and the request isn't copied here, it comes back in the error, when the connection could keep it.
//!
//! | failed | comes back | again |
//! |---|---|---|
//! | `Unsent`, on a connection found dead | always | at once, once per such connection, 16 times in all, outside the budget |
//! | `Refused` | when its body can be had once more, or wasn't polled | 3 times, the first at once, the others after 50, 100 ms, jittered |
//! | `Unknown` | the same; on HTTP/1.1 from a connection that was used before | idempotent methods (RFC 9110, section 9.2.2): twice, the second after 50 ms, jittered |
//! | connecting, queueing, a time limit, a bad request | | never: routes are exhausted below, once |
//!
//! [`RetryLayer::unsent`] knows the first row only, [`RetryLayer::safe`] all of them. Whether connections keep copies for the other rows is this
//! layer's decision alone: it asks them, while it polls what is below, for what it has [use for](skybridge_core::Replays). Nothing is sent again
//! once a response's head has come.
//!
//! Pauses and the age of a request need a clock: that of the connection that an error names, or [`RetryLayer::runtime`]; without either
//! nothing is sent again. When nothing helped, the error is that of the last try with those before it in
//! [`earlier`](skybridge_core::Error::earlier), and its [`delivery`](skybridge_core::Error::delivery) is the worst of all of them.
//!
//! Other layers fit between this one and what carries requests, tower's too (`timeout`, `buffer`, `load_shed`, `filter`): each sees every
//! try, and where they erase the error to a [`BoxError`](skybridge_core::BoxError), a request that came back is found in it all the same.
//! What they fail with by themselves has lost the request, and is final.
//!
//! ```
//! use skybridge_core::{Failed, RequestError};
//! use skybridge_retry::RetryLayer;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut client = ServiceBuilder::new().layer(RetryLayer::safe()).service_fn(|request: http::Request<()>| async move {
//!     Err::<http::Response<()>, _>(Failed::with(RequestError::Method("BREW".into()), request))
//! });
//! let error = client.ready().await.unwrap().call(http::Request::new(())).await.unwrap_err();
//! assert!(error.is_request() && error.earlier().is_empty());
//! # }
//! ```

mod budget;
mod future;
mod head;
mod layer;
mod past;
mod policy;
mod request_service;
mod service;

pub use self::{budget::Budget, future::Retrying, head::Head, layer::RetryLayer, service::Retry};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
