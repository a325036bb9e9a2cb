//! Pool and retry in each other's place, above a layer of one's own.

use skybridge::{
    types::{Deferred, BoxFuture, Connector, Io, Link, Route},
    tower::{Layer, Service, ServiceBuilder},
    *,
};
use std::task::{Context, Poll};

#[derive(Clone)]
struct BoxLayer;

impl<S: Connector> Layer<S> for BoxLayer {
    type Service = Deferred<S::Io, Boxing<S>>;
    fn layer(&self, inner: S) -> Boxing<S> {
        Boxing(inner)
    }
}

#[derive(Clone)]
struct Boxing<S>(S);

impl<S: Connector> Service<Route> for Boxing<S> {
    type Response = Link<Box<dyn Io>>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, route: Route) -> Self::Future {
        let connecting = self.0.connect(route);
        Box::pin(async move { Ok(connecting.await.map_err(Into::into)?.map_io(|io| Box::new(io) as _)) })
    }
}

fn main() {
    let _client = ServiceBuilder::new()
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RetryLayer::<RequestBody>::unsent())
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(BoxLayer)
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
