//! Race is missing, above a limit for each socket.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let _opener = ServiceBuilder::new()
        .layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))
        .timeout(Duration::from_secs(5))
        .service(Tcp::new());
}
