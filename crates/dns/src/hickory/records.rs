//! What servers are asked, and what they answer in our words: by hickory, or over HTTPS.

use super::{
    answer::{Found, Missing},
    https_records::{self, RecordSet},
    over_https::OverHttps,
    transport::Transport,
};
use crate::ResolveError;
use hickory_resolver::{
    Resolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig},
    net::NetError,
    proto::{
        ProtoError,
        rr::{Name, RData, RecordType},
    },
};
use skybridge_core::{Families, Runtime};
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
    asked: Asked,
    places: Semaphore,
}

enum Asked {
    ByHickory(Box<Resolver<Transport>>, Transport),
    OverHttps(OverHttps),
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
        Ok(Self::asked(Asked::ByHickory(Box::new(resolver), transport)))
    }

    pub(super) fn over_https(server: OverHttps) -> Self {
        Self::asked(Asked::OverHttps(server))
    }

    fn asked(asked: Asked) -> Self {
        Self { asked, places: Semaphore::new(MAX_RUNNING) }
    }

    /// With whose clock and tasks TLS of ours runs, unless there is one.
    pub(super) fn runs_on(&self, runtime: &Arc<dyn Runtime>) {
        if let Asked::ByHickory(_, transport) = &self.asked {
            transport.runs_on(runtime);
        }
    }

    /// Asks for the addresses of one family.
    pub(super) async fn ask(&self, host: Arc<str>, family: Families) -> Result<Records, ResolveError> {
        let kind = if family == Families::V6 { RecordType::AAAA } else { RecordType::A };
        // A name that can't be is not there.
        let name = full_name(&host).map_err(|error| not_found(&host, Error::new(ErrorKind::InvalidInput, error)))?;
        let found = match self.look_up(name, kind).await {
            Ok(found) => found,
            Err(missing) => return Err(missing.into_error(host)),
        };
        let addresses = found.records.iter().filter_map(|record| match &record.data {
            RData::A(ip) if family != Families::V6 => Some(IpAddr::V4(ip.0)),
            RData::AAAA(ip) if family == Families::V6 => Some(IpAddr::V6(ip.0)),
            _ => None,
        });
        let addresses: Vec<_> = addresses.collect();
        if addresses.is_empty() {
            return Err(ResolveError::NoAddresses { host });
        }
        Ok(Records { addresses, ttl: found.ttl })
    }

    /// Asks for the HTTPS records of a name; `None` when there are none, or none that can be read.
    pub(super) async fn ask_https(&self, name: &Arc<str>) -> Result<Option<(RecordSet, Duration)>, ResolveError> {
        let Ok(full_name) = full_name(name) else { return Ok(None) };
        let found = match self.look_up(full_name, RecordType::HTTPS).await {
            Ok(found) => found,
            Err(missing @ Missing::Unknown(_)) => return Err(missing.into_error(Arc::clone(name))),
            Err(_) => return Ok(None),
        };
        let records = found.records.iter().filter_map(|record| match &record.data {
            RData::HTTPS(https) => Some((&record.name, &https.0)),
            _ => None,
        });
        let records: Vec<_> = records.collect();
        Ok((!records.is_empty()).then(|| (https_records::read(name, records), found.ttl)))
    }

    async fn look_up(&self, name: Name, kind: RecordType) -> Result<Found, Missing> {
        let (resolver, transport) = match &self.asked {
            Asked::OverHttps(server) => return server.ask(&name, kind).await,
            Asked::ByHickory(resolver, transport) => (resolver, transport),
        };
        let answer = resolver.lookup(name, kind).await.map_err(|error| transport.explain(error))?;
        let records = answer.answers().to_vec();
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        Ok(Found { records, ttl: Duration::from_secs(ttl.into()) })
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

fn not_found(host: &Arc<str>, source: Error) -> ResolveError {
    ResolveError::NotFound { host: Arc::clone(host), source: Arc::new(source) }
}

// === impl Missing ===

impl Missing {
    fn into_error(self, host: Arc<str>) -> ResolveError {
        match self {
            Self::Name(source) => not_found(&host, source),
            Self::Records => ResolveError::NoAddresses { host },
            Self::Unreadable(source) | Self::Unknown(source) => ResolveError::Io { host, source: Arc::new(source) },
        }
    }
}

impl From<NetError> for Missing {
    fn from(error: NetError) -> Self {
        if error.is_nx_domain() {
            return Self::Name(Error::new(ErrorKind::NotFound, error));
        }
        if error.is_no_records_found() {
            return Self::Records;
        }
        match error {
            NetError::Timeout => Self::Unknown(Error::new(ErrorKind::TimedOut, error)),
            // Itself, since hickory's has no source.
            NetError::Io(error) => Self::Unknown(Error::new(error.kind(), error)),
            NetError::Proto(_) => Self::Unreadable(Error::other(error)),
            error => Self::Unknown(Error::other(error)),
        }
    }
}
