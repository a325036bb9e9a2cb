//! What a [`Client`](crate::Client) stands on: retry over a pool, and whatever layers were put between and above them.

use crate::{Body, RequestBody};
use http::{Request, Response};
use skybridge_core::{Cause, Connection, Delivery, Error, Failed, Origin, Phase, TimedOut};
use skybridge_h1::Http1;
use skybridge_h2::Http2;
use skybridge_negotiate::Negotiated;
use skybridge_pool::{Exchange, Pool, PooledBody};
use skybridge_retry::{Retry, Retrying};
use std::{future::Future, pin::Pin};
use tower::Service;

/// The connections of a [`Client`](crate::Client).
pub(crate) type Http = Negotiated<Http1<RequestBody>, Http2<RequestBody>>;

/// The pool of a [`Client`](crate::Client).
pub(crate) type HttpPool = Pool<Http, RequestBody>;

/// The body of a connection, and the connection's lease in it.
pub(crate) type LeasedBody = PooledBody<Http, RequestBody>;

/// The requests' side of a [`Client`](crate::Client) without layers of its user's above retry or above the pool.
pub(crate) type Stack = Retry<HttpPool>;

const _: () = {
    const fn is_a_connection<C: Connection<RequestBody>>() {}
    is_a_connection::<Http>();
};

/// What a [`Client`](crate::Client) sends its requests by. Sealed: the builder makes it.
///
/// A function that returns a client with layers, whose calls are spawned as tasks, says that they can be:
///
/// ```
/// use skybridge::{Client, seams::ClientStack, tower::limit::ConcurrencyLimitLayer};
///
/// fn client() -> Client<impl ClientStack<Sending: Send> + Send + Sync> {
///     Client::builder().above_retry(ConcurrencyLimitLayer::new(10)).build()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = client();
/// let task = tokio::spawn(async move { client.get("http://a.test:0/").await.is_err() });
/// assert!(task.await.is_ok_and(|failed| failed));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not belong above retry",
    label = "a layer there makes a `tower::Service<Request<RequestBody>, Response = Response<_>> + Clone`",
    note = "its error is `skybridge::Error`, or `BoxError`"
)]
pub trait ClientStack:
    Service<Request<RequestBody>, Response = Response<Self::Body>, Error = Error, Future = Self::Sending> + Clone
{
    /// The body of its responses.
    type Body: IntoBody;
    /// A request under way.
    type Sending: Sending + Future<Output = Result<Response<Self::Body>, Error>>;

    /// Sends a request. A client is always ready, so what it stands on is not asked, and nothing is cloned for it.
    fn send(&self, request: Request<RequestBody>) -> Self::Sending;
}

// Whoever puts a wrong layer there reads what belongs there, and not which bound of ours it fails.
#[diagnostic::do_not_recommend]
impl<P, B> ClientStack for Retry<P>
where
    P: Service<Request<RequestBody>, Response = Response<B>, Error: Into<Failed<Request<RequestBody>>>> + Clone,
    P::Future: Progress,
    B: IntoBody,
{
    type Body = B;
    type Sending = Retrying<P, RequestBody>;

    #[inline]
    fn send(&self, request: Request<RequestBody>) -> Self::Sending {
        self.send(request)
    }
}

/// A response's body that is a client's [`Body`], or becomes one without a box.
pub trait IntoBody {
    /// The client's body.
    fn into_body(self) -> Body;
}

impl IntoBody for Body {
    fn into_body(self) -> Body {
        self
    }
}

impl IntoBody for LeasedBody {
    #[inline]
    fn into_body(self) -> Body {
        Body::pooled(self)
    }
}

/// How far a request has got: asked when a time limit ends the call.
pub trait Progress {
    /// Whether the origin can have processed it.
    fn delivery(&self) -> Delivery;

    /// What it is doing, and for which origin.
    fn progress(&self) -> (Phase, Option<Origin>);

    /// Adds to an error where the request was: on which connection, or at which addresses.
    fn tell_place(&self, error: Error) -> Error {
        error
    }
}

impl Progress for Exchange<Http, RequestBody> {
    fn delivery(&self) -> Delivery {
        self.delivery()
    }

    fn progress(&self) -> (Phase, Option<Origin>) {
        self.progress()
    }

    fn tell_place(&self, error: Error) -> Error {
        self.tell_place(error)
    }
}

/// A request under way that a time limit may end.
pub trait Sending {
    /// The error of a call that ends now: with how far the request has got, and with what was tried before.
    fn give_up(self: Pin<&mut Self>, timed_out: TimedOut) -> Error;
}

impl<S> Sending for Retrying<S, RequestBody>
where
    S: Service<Request<RequestBody>, Error: Into<Failed<Request<RequestBody>>>, Future: Progress>,
{
    fn give_up(self: Pin<&mut Self>, timed_out: TimedOut) -> Error {
        let delivery = self.current().map_or(Delivery::Unsent, Progress::delivery);
        let mut error = timed_out_error(delivery, timed_out);
        if let Some(current) = self.current() {
            let (phase, origin) = current.progress();
            // Layers of a user's own don't say.
            if phase != Phase::Call {
                error = error.during(phase);
            }
            if let Some(origin) = origin {
                error = error.to(&origin);
            }
            error = current.tell_place(error);
        }
        Retrying::give_up(self, error)
    }
}

pub(crate) fn timed_out_error(delivery: Delivery, timed_out: TimedOut) -> Error {
    Error::of(delivery, Phase::Call, Cause::TimedOut(timed_out))
}
