use super::{
    https_records::{RecordSet, Service},
    records::Servers,
};
use crate::ResolveError;
use std::{sync::Arc, time::Duration};

/// As many as must be followed at least (RFC 9460, section 2.4.2).
const MAX_ALIASES: usize = 8;

/// The services of an origin, the preferred first.
pub(super) struct Services {
    pub(super) list: Vec<Service>,
    /// Of the record that is kept shortest.
    pub(super) ttl: Duration,
}

impl Services {
    pub(super) fn none() -> Self {
        Self { list: Vec::new(), ttl: Duration::MAX }
    }
}

/// Asks for the HTTPS records of an origin, and follows aliases. Where they can't be had, the origin is reached
/// without: the error says only that there may be others.
pub(super) async fn find(servers: &Servers, host: Arc<str>, port: u16) -> (Services, Option<ResolveError>) {
    let mut name = if port == 443 { host } else { format!("_{port}._https.{host}").into() };
    let mut services = Services::none();
    let (mut aliases, mut failed) = (0, None);
    loop {
        let (records, ttl) = match servers.ask_https(&name).await {
            Ok(Some(found)) => found,
            Ok(None) => break,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        services.ttl = services.ttl.min(ttl);
        match records {
            RecordSet::Alias(_) if aliases == MAX_ALIASES => return (services, None),
            RecordSet::Alias(target) => (name, aliases) = (target, aliases + 1),
            RecordSet::Services(list) => {
                services.list = list;
                break;
            }
        }
    }
    if aliases > 0 {
        services.list.push(Service::alias(name));
    }
    (services, failed)
}
