//! Race and route in each other's place.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _connector = ServiceBuilder::new()
        .layer(RaceLayer::happy_eyeballs())
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
}
