//! Race and route in each other's place, above a limit for each socket.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let _connector = ServiceBuilder::new()
        .layer(RaceLayer::happy_eyeballs())
        .layer(RouteLayer::new(System::new()))
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .layer(RaceLayer::happy_eyeballs())
        .timeout(Duration::from_secs(5))
        .service(Tcp::new());
}
