use crate::{proxy_order::ProxyOrder, proxy_selector::SharedSelector};
use skybridge_core::{Families, Proxy};
use std::{sync::Arc, time::Duration};

/// Chains of proxies, in the order in which they are tried. An empty chain is a direct connection.
pub(crate) type ProxyChains = Arc<[Arc<[Proxy]>]>;

/// Who names the chains of proxies that lead to an origin.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// The same for all of them.
    Fixed(ProxyChains),
    Selected(SharedSelector),
}

/// How names are looked up and how much is tried. [`RouteConfig`](crate::RouteConfig) documents each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) proxy_order: ProxyOrder,
    pub(crate) failed_proxy_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) families: Families,
    pub(crate) max_addresses: usize,
    pub(crate) max_attempts: usize,
}
