//! A tunnel is given the layer for origins in place of a sealer.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let tls = TlsLayer::native();
    let _client = ServiceBuilder::new()
        .layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::new(), H2::new()))
        .layer(tls.clone())
        .layer(TunnelLayer::new().proxy_tls(tls))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
