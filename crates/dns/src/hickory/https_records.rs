//! What a set of HTTPS records says (RFC 9460), in our words.

use crate::localhost::is_localhost;
use hickory_resolver::proto::rr::{
    Name,
    rdata::{
        SVCB,
        svcb::{SvcParamKey, SvcParamValue},
    },
};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
    sync::Arc,
};

/// More than a name has in practice, each of which may have a name of its own to look up.
const MAX_SERVICES: usize = 8;
/// Of each family of one record. Those of all services together must leave room for the addresses themselves, which
/// come later, among the 64 of a family that a connect takes by default.
const MAX_HINTS: usize = 4;

/// The records of one name.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum RecordSet {
    /// Another name is to be asked (AliasMode).
    Alias(Arc<str>),
    /// The services that we can use, the preferred first (ServiceMode). There may be none.
    Services(Vec<Service>),
}

/// Where the origin is served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Service {
    pub(super) priority: u16,
    /// The name whose addresses it has.
    pub(super) target: Arc<str>,
    /// Another than the origin's.
    pub(super) port: Option<u16>,
    pub(super) http1: bool,
    pub(super) http2: bool,
    pub(super) ech: Option<Arc<[u8]>>,
    /// Addresses to use until those of the target are known.
    pub(super) hints: Vec<IpAddr>,
}

/// What is wrong with a record.
enum Useless {
    /// All records of the set are ignored with it (section 2.2).
    Malformed,
    /// It is for others.
    NotForUs,
}

/// Reads the records of the name that was asked for, which they may have been found under another name of.
pub(super) fn read<'a>(asked: &Arc<str>, records: impl IntoIterator<Item = (&'a Name, &'a SVCB)>) -> RecordSet {
    let none = || RecordSet::Services(Vec::new());
    let (mut services, mut alias) = (Vec::new(), None);
    for (owner, record) in records {
        let is_own = record.target_name.is_root() || record.target_name == *owner;
        if record.svc_priority == 0 {
            // That it leads nowhere says that there is no such service, which we needn't heed (section 2.5.1).
            alias = alias.or_else(|| Some((!is_own).then(|| text(&record.target_name))));
            continue;
        }
        let target = if is_own { Arc::clone(asked) } else { text(&record.target_name) };
        match Service::read(record, target) {
            Ok(service) => services.push(service),
            Err(Useless::NotForUs) => {}
            Err(Useless::Malformed) => return none(),
        }
    }
    match alias {
        Some(Some(target)) if !is_localhost(&target) => return RecordSet::Alias(target),
        Some(_) => return none(),
        None => {}
    }
    // Equals in random order (section 2.4.1).
    services.sort_by_cached_key(|service| (service.priority, random()));
    services.truncate(MAX_SERVICES);
    RecordSet::Services(services)
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Without the last dot, in lower case.
fn text(name: &Name) -> Arc<str> {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').unwrap_or(&text).into()
}

impl Service {
    /// What is left of an alias whose target has no records (section 3): its addresses, after all services.
    pub(super) fn alias(target: Arc<str>) -> Self {
        Self { priority: u16::MAX, target, port: None, http1: true, http2: true, ech: None, hints: Vec::new() }
    }

    fn read(record: &SVCB, target: Arc<str>) -> Result<Self, Useless> {
        let find = |wanted: SvcParamKey| record.svc_params.iter().find(|(key, _)| *key == wanted);
        let mut service = Self { priority: record.svc_priority, ..Self::alias(target) };
        let mut is_for_us = true;
        for (_, value) in &record.svc_params {
            match value {
                SvcParamValue::Mandatory(keys) => {
                    let keys = &keys.0;
                    // In ascending order, without itself, and each present (section 8).
                    let ascends = keys.is_sorted_by(|a, b| u16::from(*a) < u16::from(*b));
                    if !ascends || keys.iter().any(|key| *key == SvcParamKey::Mandatory || find(*key).is_none()) {
                        return Err(Useless::Malformed);
                    }
                    is_for_us &= keys.iter().all(is_known);
                }
                SvcParamValue::Alpn(ids) if ids.0.iter().any(String::is_empty) => return Err(Useless::Malformed),
                SvcParamValue::Ipv4Hint(hints) if hints.0.is_empty() => return Err(Useless::Malformed),
                SvcParamValue::Ipv6Hint(hints) if hints.0.is_empty() => return Err(Useless::Malformed),
                SvcParamValue::Port(port) => service.port = Some(*port),
                SvcParamValue::Ipv4Hint(hints) => service.hint(hints.0.iter().map(|ip| IpAddr::V4(ip.0))),
                SvcParamValue::Ipv6Hint(hints) => service.hint(hints.0.iter().map(|ip| IpAddr::V6(ip.0))),
                SvcParamValue::EchConfigList(list) => service.ech = Some(list.0.as_slice().into()),
                SvcParamValue::Alpn(_) | SvcParamValue::NoDefaultAlpn | SvcParamValue::Unknown(_) => {}
            }
        }
        let names = |id: &str| match find(SvcParamKey::Alpn) {
            Some((_, SvcParamValue::Alpn(ids))) => ids.0.iter().any(|named| named == id),
            _ => false,
        };
        // Without `alpn`, `no-default-alpn` leaves no protocol (section 7.1.1).
        service.http1 = names("http/1.1") || find(SvcParamKey::NoDefaultAlpn).is_none();
        service.http2 = names("h2");
        let is_usable = (service.http1 || service.http2) && service.port != Some(0) && !is_localhost(&service.target);
        if is_for_us && is_usable { Ok(service) } else { Err(Useless::NotForUs) }
    }

    fn hint(&mut self, hints: impl Iterator<Item = IpAddr>) {
        self.hints.extend(hints.take(MAX_HINTS));
    }
}

fn is_known(key: &SvcParamKey) -> bool {
    use SvcParamKey::{Alpn, EchConfigList, Ipv4Hint, Ipv6Hint, NoDefaultAlpn, Port};
    matches!(key, Alpn | NoDefaultAlpn | Port | Ipv4Hint | EchConfigList | Ipv6Hint)
}
