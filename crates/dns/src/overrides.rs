use crate::{
    answers::{Answers, Resolving},
    pick::by_endpoints,
};
use skybridge_core::{Answer, ConnectError, Endpoint, OriginError, Phase, Query, Resolver, ascii_host};
use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Answers for some names itself, and asks the resolver below for all others: an `/etc/hosts` for one client.
///
/// Names are compared without regard to case and a trailing dot. An entry for a host and port takes precedence over one
/// for the host alone, and that over one for all hosts of a port. Endpoints are tried in the order given; port 0 is
/// replaced by that of the query.
///
/// A name that isn't ASCII is [converted](ascii_host). Where that can't be done nothing is resolved, as what was meant
/// to go elsewhere would go where the resolver below says.
#[derive(Clone, Debug, Default)]
pub struct OverridesLayer {
    entries: Arc<Entries>,
}

/// The resolver that [`OverridesLayer`] makes.
#[derive(Clone, Debug)]
pub struct Overrides<R> {
    inner: R,
    entries: Arc<Entries>,
}

/// The endpoints of a name by port, where `None` is any port.
type OfHost = HashMap<Option<u16>, Arc<[Endpoint]>>;

#[derive(Clone, Debug, Default)]
struct Entries {
    hosts: HashMap<Box<str>, OfHost>,
    /// For all other names.
    ports: HashMap<u16, Arc<[Endpoint]>>,
    /// The first name that is none.
    refused: Option<NotAName>,
}

/// An override is for what can't be the name of a host.
#[derive(Clone, Debug)]
struct NotAName(OriginError);

// === impl OverridesLayer ===

impl OverridesLayer {
    /// No overrides yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the endpoints of a host, whatever the port. Replaces an earlier entry of the host.
    pub fn host(self, host: &str, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.entry(host, None, endpoints)
    }

    /// Sets the endpoints of a host for queries with this port. Replaces an earlier entry of the host and port.
    pub fn host_port(self, host: &str, port: u16, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.entry(host, Some(port), endpoints)
    }

    /// Sets the endpoints of every host for queries with this port. Replaces an earlier entry of the port.
    pub fn port(mut self, port: u16, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Arc::make_mut(&mut self.entries).ports.insert(port, endpoints.into_iter().collect());
        self
    }

    fn entry(mut self, host: &str, port: Option<u16>, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let entries = Arc::make_mut(&mut self.entries);
        match ascii_host(host) {
            Ok(host) => {
                entries.hosts.entry(canonical(&host)).or_default().insert(port, endpoints.into_iter().collect());
            }
            Err(error) => {
                entries.refused.get_or_insert(NotAName(error));
            }
        }
        self
    }
}

fn canonical(host: &str) -> Box<str> {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase().into()
}

impl<R: Resolver> Layer<R> for OverridesLayer {
    type Service = Overrides<R>;

    fn layer(&self, inner: R) -> Self::Service {
        Overrides { inner, entries: Arc::clone(&self.entries) }
    }
}

// === impl Overrides ===

impl<R> Overrides<R> {
    fn find(&self, query: &Query) -> Option<&Arc<[Endpoint]>> {
        let Entries { hosts, ports, .. } = &*self.entries;
        let host = hosts.get(&canonical(&query.host));
        let of_host = host.and_then(|own| own.get(&Some(query.port)).or_else(|| own.get(&None)));
        of_host.or_else(|| ports.get(&query.port))
    }
}

impl<R: Resolver> Service<Query> for Overrides<R> {
    type Response = Answers<R::Answers>;
    type Error = ConnectError;
    type Future = Resolving<R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, query: Query) -> Self::Future {
        if let Some(refused) = &self.entries.refused {
            let error = ConnectError::new(Phase::Resolve, refused.clone()).fatal();
            return Resolving::known(Err::<Answer, _>(error));
        }
        match self.find(&query) {
            Some(endpoints) => {
                let given = |mut answer: Answer| {
                    answer.overridden = true;
                    answer
                };
                Resolving::known(by_endpoints(&query, endpoints).map(given))
            }
            None => Resolving::inner(self.inner.resolve(query)),
        }
    }
}

// === impl NotAName ===

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an override is for no host")
    }
}

impl std::error::Error for NotAName {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
