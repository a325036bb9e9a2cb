//! Negotiate is missing above a custom layer that names its service directly. Written with `stack`, because a missing
//! method `service` would not say so.

use skybridge::{
    types::{BoxFuture, Connector, Io, Link, Route},
    tower::{Layer, Service, ServiceBuilder},
    *,
};
use std::task::{Context, Poll};

#[derive(Clone)]
struct BoxLayer;

impl<S: Connector> Layer<S> for BoxLayer {
    type Service = Boxing<S>;
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
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::unsent())
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(BoxLayer)
        .layer(RaceLayer::happy_eyeballs());
    let _client = stack(layers, Tcp::new());
}
