//! The border to hickory: what is asked of it, and what it answers in our words.

use super::{
    https_records::{self, RecordSet},
    transport::Transport,
};
use crate::ResolveError;
use hickory_resolver::{
    Resolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    lookup::Lookup,
    net::NetError,
    proto::{
        ProtoError,
        rr::{Name, RData, RecordType},
    },
};
use skybridge_core::Families;
use std::{
    io::{Error, ErrorKind, Result as IoResult},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::sync::Semaphore;

/// Queries at once, each of which may have a socket.
const MAX_RUNNING: usize = 256;
/// How long one server is waited for.
const ATTEMPT: Duration = Duration::from_secs(5);

/// The servers, and the places of queries to them.
pub(super) struct Servers {
    resolver: Resolver<Transport>,
    transport: Transport,
    places: Semaphore,
}

/// The addresses of one family.
pub(super) struct Records {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ttl: Duration,
}

impl Servers {
    pub(super) fn new(addrs: Vec<SocketAddr>, transport: Transport) -> IoResult<Self> {
        if addrs.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "no DNS server to ask"));
        }
        let servers = addrs.into_iter().map(|addr| {
            let mut connections = transport.protocols();
            connections.iter_mut().for_each(|connection| connection.port = addr.port());
            NameServerConfig::new(addr.ip(), true, connections)
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        let mut builder = Resolver::builder_with_config(config, transport.clone());
        let options = builder.options_mut();
        options.timeout = ATTEMPT;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(Error::other)?;
        Ok(Self { resolver, transport, places: Semaphore::new(MAX_RUNNING) })
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Asks for the addresses of one family.
    pub(super) async fn ask(&self, host: Arc<str>, family: Families) -> Result<Records, ResolveError> {
        let kind = if family == Families::V6 { RecordType::AAAA } else { RecordType::A };
        // A name that can't be is not there.
        let name = full_name(&host).map_err(|error| not_found(&host, Error::new(ErrorKind::InvalidInput, error)))?;
        let answer = match self.resolver.lookup(name, kind).await {
            Ok(answer) => answer,
            Err(error) => return Err(in_our_words(host, self.transport.explain(error))),
        };
        let addresses = answer.answers().iter().filter_map(|record| match &record.data {
            RData::A(ip) if family != Families::V6 => Some(IpAddr::V4(ip.0)),
            RData::AAAA(ip) if family == Families::V6 => Some(IpAddr::V6(ip.0)),
            _ => None,
        });
        let addresses: Vec<_> = addresses.collect();
        if addresses.is_empty() {
            return Err(ResolveError::NoAddresses { host });
        }
        Ok(Records { addresses, ttl: shortest_ttl(&answer) })
    }

    /// Asks for the HTTPS records of a name; `None` when there are none, or none that can be read.
    pub(super) async fn ask_https(&self, name: &Arc<str>) -> Result<Option<(RecordSet, Duration)>, ResolveError> {
        let Ok(full_name) = full_name(name) else { return Ok(None) };
        let answer = match self.resolver.lookup(full_name, RecordType::HTTPS).await {
            Ok(answer) => answer,
            Err(NetError::Proto(_)) => return Ok(None),
            Err(error) => {
                let error = in_our_words(Arc::clone(name), self.transport.explain(error));
                return if error.is_failure() { Err(error) } else { Ok(None) };
            }
        };
        let records = answer.answers().iter().filter_map(|record| match &record.data {
            RData::HTTPS(https) => Some((&record.name, &https.0)),
            _ => None,
        });
        let records: Vec<_> = records.collect();
        Ok((!records.is_empty()).then(|| (https_records::read(name, records), shortest_ttl(&answer))))
    }

    /// A place for a query, when there is one.
    pub(super) async fn place(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // It is never closed.
        self.places.acquire().await.ok()
    }
}

/// Without search domains.
fn full_name(host: &str) -> Result<Name, ProtoError> {
    let mut name = Name::from_ascii(host)?;
    name.set_fqdn(true);
    Ok(name)
}

/// Also of aliases on the way: what they lead to may be kept no longer than they.
fn shortest_ttl(answer: &Lookup) -> Duration {
    let ttl = answer.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
    Duration::from_secs(ttl.into())
}

fn not_found(host: &Arc<str>, source: Error) -> ResolveError {
    ResolveError::NotFound { host: Arc::clone(host), source: Arc::new(source) }
}

fn in_our_words(host: Arc<str>, error: NetError) -> ResolveError {
    if error.is_nx_domain() {
        return not_found(&host, Error::new(ErrorKind::NotFound, error));
    }
    if error.is_no_records_found() {
        return ResolveError::NoAddresses { host };
    }
    let source = match error {
        NetError::Timeout => Error::new(ErrorKind::TimedOut, error),
        // Itself, since hickory's has no source.
        NetError::Io(error) => Error::new(error.kind(), error),
        error => Error::other(error),
    };
    ResolveError::Io { host, source: Arc::new(source) }
}
