//! A planner of one's own in place of `RouteLayer`, and a resolver of one's own under it.

use skybridge::{
    Client, ConnectError, Endpoint, H1, H2, NegotiateLayer, PoolLayer, RaceLayer, RetryLayer, Tcp, TokioRuntime,
    types::{Answer, BoxFuture, Plan, Query, Route, Target},
};
use skybridge_dns::Once;
use skybridge_testkit::origin::Origin;
use std::future::{Ready, ready};
use tower::{Service, ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};

/// The route is what there is to decide.
struct Decided<S> {
    route: Route,
    below: S,
}

impl<S, C> Plan for Decided<S>
where
    S: Service<Route, Response = C, Error: Into<ConnectError>, Future: Send> + Send + 'static,
    C: Send + 'static,
{
    type Connection = C;
    type Connecting = BoxFuture<Result<C, ConnectError>>;

    fn route(&self) -> &Route {
        &self.route
    }

    fn connect(self) -> Self::Connecting {
        Box::pin(async move { self.below.oneshot(self.route).await.map_err(Into::into) })
    }
}

#[tokio::test]
async fn a_planner_that_knows_one_address() {
    let origin = Origin::h1().start().await;
    let address = origin.addr();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::safe())
        .layer(PoolLayer::new(TokioRuntime::current()))
        .layer(layer_fn(move |below| {
            service_fn(move |target: Target| -> Ready<Result<_, ConnectError>> {
                ready(Ok(Decided { route: Route::to(target, [address]), below: Clone::clone(&below) }))
            })
        }))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let client = Client::from_stack(stack);
    let response = client.get("http://a.test/").await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_resolver_that_is_a_closure() {
    let origin = Origin::h1().start().await;
    let address = origin.addr();
    let directory = service_fn(move |query: Query| async move {
        assert_eq!(&*query.host, "a.test");
        Ok::<_, ConnectError>(Once::new(Answer::only([Endpoint::from(address)])))
    });
    let client = Client::builder().resolver(directory).build();
    let response = client.get("http://a.test/").await.unwrap();
    assert_eq!(response.into_body().text().await.unwrap(), "hello");
}
