use crate::{Endpoint, Error};
use std::fmt;

/// How the first exchange on a new connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum FirstExchange<'a> {
    /// With a complete response.
    Completed,
    /// With an error of the connection, not of its user.
    Failed(&'a Error),
}

/// Remembers how routes turned out. Filled in by the layer that decides routes, told once per connection by the pool.
pub trait RouteFeedback: fmt::Debug + Send + Sync + 'static {
    /// The first exchange at `endpoint` ended.
    fn report(&self, endpoint: &Endpoint, how: FirstExchange<'_>);

    /// Whether `endpoint` failed lately, so that the others should be tried first. Nothing is ever left out for it.
    fn failed_recently(&self, endpoint: &Endpoint) -> bool {
        let _ = endpoint;
        false
    }
}
