use super::Offer;
use crate::TlsError;
use skybridge_core::{ConnInfo, Endpoints, Route};
use std::mem;

/// Another connection to the same endpoint by the same way, after the server has rejected the keys. It has keys of the
/// server's own, which count for it alone (RFC 9849, section 6.1.6), so they are kept nowhere else.
pub(crate) struct Again {
    /// Leads to that endpoint alone.
    pub(crate) route: Route,
    /// All that the route had.
    pub(crate) endpoints: Endpoints,
    pub(crate) offer: Box<Offer>,
}

impl Again {
    /// `None` where the error is another, or nothing is left to try.
    pub(crate) fn after(error: &TlsError, offer: Option<Box<Offer>>, info: Box<ConnInfo>) -> Option<Box<Self>> {
        let TlsError::EchRejected { retry_configs, .. } = error else { return None };
        let offer = offer?.next(retry_configs.as_deref())?;
        let mut route = info.route;
        let endpoints = mem::replace(&mut route.endpoints, Endpoints::fixed([info.remote]));
        Some(Box::new(Self { route, endpoints, offer }))
    }
}
