use crate::ResolveError;
use skybridge_core::{Answer, Endpoint, Families, Query};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The answer to a query by addresses alone.
pub(crate) fn by_addresses(query: &Query, ips: &[IpAddr]) -> Result<Answer, ResolveError> {
    let endpoints: Vec<_> = ips.iter().map(|&ip| SocketAddr::new(ip, query.port).into()).collect();
    by_endpoints(query, &endpoints)
}

/// The answer to a query by endpoints: those of the families asked for, port 0 made the query's.
pub(crate) fn by_endpoints(query: &Query, endpoints: &[Endpoint]) -> Result<Answer, ResolveError> {
    let wanted = |endpoint: &&Endpoint| match (query.families, endpoint.inet()) {
        (Families::V4, Some(addr)) => addr.is_ipv4(),
        (Families::V6, Some(addr)) => addr.is_ipv6(),
        _ => true,
    };
    let answer = Answer::only(endpoints.iter().filter(wanted).map(|endpoint| with_port(endpoint, query.port)));
    if answer.endpoints.is_empty() {
        return Err(ResolveError::NoAddresses { host: Arc::clone(&query.host) });
    }
    Ok(answer)
}

fn with_port(endpoint: &Endpoint, port: u16) -> Endpoint {
    match endpoint.inet() {
        Some(addr) if addr.port() == 0 => SocketAddr::new(addr.ip(), port).into(),
        _ => endpoint.clone(),
    }
}
