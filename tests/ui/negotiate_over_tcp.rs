//! Race is missing.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _opener = ServiceBuilder::new()
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .service(Tcp::new());
}
