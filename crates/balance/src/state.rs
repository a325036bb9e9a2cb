use skybridge_core::Endpoint;
use std::time::Duration;

/// What is known of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointState {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How many requests have failed by its fault since it last answered one.
    pub failures: u32,
    /// Why the last of them failed.
    pub reason: Option<String>,
    /// For how long no request is given to it; `None` when it gets its share.
    pub left_alone: Option<Duration>,
}
