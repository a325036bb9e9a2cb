use crate::proxy_order::ProxyOrder;
use skybridge_core::Families;
use std::time::Duration;

/// How names are looked up and how much is tried. [`RouteConfig`](crate::RouteConfig) documents each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) proxy_order: ProxyOrder,
    pub(crate) failed_proxy_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) families: Families,
    pub(crate) max_addresses: usize,
    pub(crate) max_attempts: usize,
    /// Names are left to the connector.
    pub(crate) unresolved: bool,
}
