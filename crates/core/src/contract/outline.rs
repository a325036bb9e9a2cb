use crate::{Endpoint, Proxy, Route};
use std::sync::Arc;

/// What a [`Plan`](crate::Plan) would do, once all its addresses are known: for whoever wants to know and connects
/// nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outline {
    /// The route that would be tried first.
    pub route: Route,
    /// All ways in the order in which they would be tried, the first one's included: the proxies of each; none for a
    /// direct connection.
    pub ways: Vec<Arc<[Proxy]>>,
    /// The addresses of the origin that the last proxy would be told; empty where that is told the origin's name, or
    /// where there is none.
    pub told: Vec<Endpoint>,
}

impl Outline {
    /// Of a plan of which no more is known than its route.
    pub fn new(route: Route) -> Self {
        Self { ways: vec![Arc::clone(&route.proxies)], route, told: Vec::new() }
    }
}
