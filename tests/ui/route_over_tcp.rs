//! Route directly over tcp with a limit: what makes connections of routes is missing.

use skybridge::{tower::ServiceBuilder, *};
use std::time::Duration;

fn main() {
    let _planner = ServiceBuilder::new()
        .layer(RouteLayer::new(System::new()))
        .timeout(Duration::from_secs(5))
        .service(Tcp::new());
}
