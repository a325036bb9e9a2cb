//! A pool of one's own, of which each request has a connection to itself, in place of `PoolLayer`.

use http::{Request, Response};
use skybridge::{
    Client, Error, H1, H2, NegotiateLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer, System, Tcp, TokioRuntime,
    types::{BoxFuture, Connection, ConnectionBody, ConnectionService, Failed, Plan, Planner, Target},
};
use skybridge_testkit::origin::Origin;
use std::{
    future::poll_fn,
    task::{Context, Poll},
};
use tower::{Service, ServiceBuilder, ServiceExt, layer::layer_fn};

#[derive(Clone)]
struct Afresh<S>(S);

impl<S, C> Service<Request<RequestBody>> for Afresh<S>
where
    S: Planner,
    S::Plan: Plan<Connection = C>,
    C: Connection<RequestBody> + Unpin,
{
    type Response = Response<ConnectionBody<C, C::Body>>;
    type Error = Failed<Request<RequestBody>>;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let mut planner = self.0.clone();
        Box::pin(async move {
            let target = Target::of(request.uri(), TokioRuntime::ctx());
            let connecting = async {
                let target = target?;
                poll_fn(|cx| planner.poll_ready(cx)).await.map_err(Into::into)?;
                let plan = planner.plan(target).await.map_err(Into::into)?;
                Ok::<_, Error>(plan.connect().await?)
            };
            match connecting.await {
                Ok(connection) => ConnectionService::new(connection).oneshot(request).await,
                Err(error) => Err(Failed::with(error, request)),
            }
        })
    }
}

#[tokio::test]
async fn a_pool_that_keeps_nothing() {
    let origin = Origin::h1().start().await;
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(layer_fn(Afresh))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    for _ in 0..2 {
        assert_eq!(client.get(origin.url("/")).await.unwrap().into_body().text().await.unwrap(), "hello");
    }
    assert_eq!(origin.exchanges(), ["c0e0", "c1e0"]);
}
