use crate::{Endpoint, Error};
use std::fmt;

/// How the first exchange on a new connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum FirstExchange<'a> {
    /// A response has come.
    Completed,
    /// The connection failed. An error that the user caused is not reported.
    Failed(&'a Error),
    /// The peer refuses one request after the other on a connection that it keeps open, whatever became of the first.
    Refused(&'a Error),
}

/// Learns how routes turned out. Implemented by the layer that decides routes, called by the pool: once per connection,
/// and once more if the body of its first response fails, or its peer refuses requests later.
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
