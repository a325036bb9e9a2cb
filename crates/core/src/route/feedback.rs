use crate::{Endpoint, Error};
use std::fmt;

/// How the first exchange on a new connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum FirstExchange<'a> {
    /// A response was received completely.
    Completed,
    /// The connection failed. An error that the user caused is not reported.
    Failed(&'a Error),
}

/// Learns how routes turned out. Implemented by the layer that decides routes, called once per connection by the pool.
pub trait RouteFeedback: fmt::Debug + Send + Sync + 'static {
    /// The first exchange on a connection to `endpoint` ended.
    fn report(&self, endpoint: &Endpoint, how: FirstExchange<'_>);

    /// Whether `endpoint` failed recently, so that the others should be tried first. No endpoint is left out because of
    /// it.
    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        let _ = endpoint;
        false
    }
}
