//! tower's retry in place of `RetryLayer`.

use http::{Request, Response};
use skybridge::{
    Client, Delivery, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RequestBody, RouteLayer, System, Tcp, TokioRuntime,
    types::Failed,
};
use skybridge_testkit::origin::{Answer, Origin, SocketEffect};
use std::future::{Ready, ready};
use tower::{
    ServiceBuilder,
    retry::{Policy, RetryLayer},
};

/// Once more, if nobody can have processed it or it does no harm.
#[derive(Clone)]
struct OnceMore(bool);

impl<B> Policy<Request<RequestBody>, Response<B>, Failed<Request<RequestBody>>> for OnceMore {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<RequestBody>,
        result: &mut Result<Response<B>, Failed<Request<RequestBody>>>,
    ) -> Option<Ready<()>> {
        let failed = result.as_ref().err()?;
        let harmless = failed.error.delivery() != Delivery::Unknown || request.method().is_idempotent();
        (harmless && std::mem::take(&mut self.0)).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
        let mut again = Request::new(request.body().replay()?);
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        *again.extensions_mut() = request.extensions().clone();
        Some(again)
    }
}

#[tokio::test]
async fn towers_retry_goes_by_what_an_error_says_of_delivery() {
    let closes = || Answer::new("").on_response_start(SocketEffect::Close);
    let origin = Origin::h1().enqueue(closes()).enqueue("again").enqueue(closes()).start().await;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(OnceMore(true)))
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);

    assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "again");
    let error = client.post(origin.url("/")).body("once").await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Unknown);
    assert_eq!(origin.requests().len(), 3);
}
