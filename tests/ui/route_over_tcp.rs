//! Route directly over tcp: what makes connections of routes is missing.

use skybridge::{tower::ServiceBuilder, *};

fn main() {
    let _planner = ServiceBuilder::new().layer(RouteLayer::new(System::new())).service(Tcp::new());
}
