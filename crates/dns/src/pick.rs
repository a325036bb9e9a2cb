use crate::ResolveError;
use skybridge_core::{Answer, Endpoint, Query};
use std::sync::Arc;

/// Answers a query with those of the endpoints that are of the families asked for. Port 0 is replaced by that of the
/// query.
pub(crate) fn by_endpoints(query: &Query, endpoints: &[Endpoint]) -> Result<Answer, ResolveError> {
    let wanted = endpoints.iter().filter(|endpoint| query.families.have(endpoint));
    let answer = Answer::only(wanted.map(|endpoint| with_port(endpoint, query.port)));
    if answer.endpoints.is_empty() {
        return Err(ResolveError::NoAddresses { host: Arc::clone(&query.host) });
    }
    Ok(answer)
}

pub(crate) fn with_port(endpoint: &Endpoint, port: u16) -> Endpoint {
    match endpoint.inet() {
        // Keeps the scope id of a link-local address.
        Some(mut addr) if addr.port() == 0 => {
            addr.set_port(port);
            addr.into()
        }
        _ => endpoint.clone(),
    }
}
