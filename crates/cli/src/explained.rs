//! What `explain` writes for `--report`: a line of JSON for each URL.

use crate::{fault::Fault, report::Search};
use serde::Serialize;
use skybridge::{EchOutline, Explanation, Opening, ResolvedBy, TlsOutline, TlsVersion, TrustOutline, types::Proxy};
use std::fmt;

#[derive(Serialize)]
pub(crate) struct Explained<'a> {
    url: &'a str,
    origin: Option<String>,
    asked: Vec<String>,
    pool: Option<Search>,
    connection: Option<u64>,
    proxies_chosen_by: Option<&'a str>,
    ways: Vec<Vec<String>>,
    hops: Vec<Hop>,
    forwarded: Option<bool>,
    addresses: Vec<Address>,
    told: Vec<String>,
    tls: Option<Tls>,
    protocol: Option<&'static str>,
    error: Option<&'a Fault>,
}

/// What is known of a fetch before any name is looked up.
pub(crate) struct Known {
    pub(crate) origin: String,
    /// The proxies of each way.
    pub(crate) ways: Vec<Vec<String>>,
    /// Who has chosen them.
    pub(crate) chosen: String,
}

#[derive(Serialize)]
struct Hop {
    to: String,
    resolved_by: String,
    credentials: bool,
}

#[derive(Serialize)]
struct Address {
    address: String,
    failed: Option<String>,
    overtook: bool,
    refused: bool,
}

#[derive(Serialize)]
struct Tls {
    versions: Vec<&'static str>,
    /// In the order in which they would be tried.
    specs: Vec<Spec>,
    name: String,
    sni: Option<String>,
    alpn: Vec<String>,
    roots: Option<usize>,
    /// What isn't trusted, as it can't be read, and why.
    skipped_roots: Vec<String>,
    verified: bool,
    pins: Vec<String>,
    pins_not_enforced: Vec<String>,
    client_certificate: bool,
    ech: &'static str,
}

#[derive(Serialize)]
struct Spec {
    name: String,
    versions: Vec<&'static str>,
}

impl<'a> Explained<'a> {
    pub(crate) fn of(url: &'a str, explained: &Explanation, chosen: &'a str) -> Self {
        let opening = explained.opening.as_ref();
        let names = |way: &[Proxy]| way.iter().map(ToString::to_string).collect();
        Self {
            url,
            origin: Some(explained.key.origin.to_string()),
            asked: explained.asked(),
            pool: Some(Search::of(&explained.search)),
            connection: explained.connection.as_ref().and_then(|info| info.id).map(|id| id.0),
            proxies_chosen_by: opening.map(|_| chosen),
            ways: opening.map_or_else(Vec::new, |opening| opening.ways.iter().map(|way| names(way)).collect()),
            hops: opening.map_or_else(Vec::new, hops),
            forwarded: opening.map(|opening| opening.forwarded),
            addresses: opening.map_or_else(Vec::new, addresses),
            told: opening.map_or_else(Vec::new, |opening| opening.told.iter().map(ToString::to_string).collect()),
            tls: opening.and_then(|opening| opening.tls.as_ref()).map(Tls::of),
            protocol: Some(explained.protocol()),
            error: None,
        }
    }

    /// With what is known without looking anything up.
    pub(crate) fn failed(url: &'a str, fault: &'a Fault, known: Option<&'a Known>) -> Self {
        Self {
            url,
            origin: known.map(|known| known.origin.clone()),
            asked: Vec::new(),
            pool: None,
            connection: None,
            proxies_chosen_by: known.map(|known| &*known.chosen),
            ways: known.map_or_else(Vec::new, |known| known.ways.clone()),
            hops: Vec::new(),
            forwarded: None,
            addresses: Vec::new(),
            told: Vec::new(),
            tls: None,
            protocol: None,
            error: Some(fault),
        }
    }
}

fn hops(opening: &Opening) -> Vec<Hop> {
    let by = |by: &ResolvedBy| match by {
        ResolvedBy::Nobody => "nobody".to_owned(),
        ResolvedBy::Proxy(proxy) => proxy.clone(),
        _ => "client".to_owned(),
    };
    let of = |hop: &skybridge::Hop| Hop {
        to: hop.to.clone(),
        resolved_by: by(&hop.resolved_by),
        credentials: hop.credentials,
    };
    opening.hops.iter().map(of).collect()
}

fn addresses(opening: &Opening) -> Vec<Address> {
    let of = |address: &skybridge::Address| Address {
        address: address.endpoint.to_string(),
        failed: address.failed.as_ref().map(|(failure, _)| failure.to_string()),
        overtook: address.overtook,
        refused: address.refused,
    };
    opening.addresses.iter().map(of).collect()
}

impl Tls {
    fn of(tls: &TlsOutline) -> Self {
        let version = |version: &TlsVersion| if *version == TlsVersion::Tls13 { "1.3" } else { "1.2" };
        let versions = |all: &[TlsVersion]| all.iter().map(version).collect();
        Self {
            versions: versions(&tls.versions),
            specs: tls
                .specs
                .iter()
                .map(|spec| Spec { name: spec.name.to_string(), versions: versions(&spec.versions) })
                .collect(),
            name: tls.name.to_string(),
            sni: tls.sni.as_ref().map(ToString::to_string),
            alpn: tls.alpn.clone(),
            roots: if let TrustOutline::Roots(count) = tls.trust { Some(count) } else { None },
            skipped_roots: tls.skipped_roots.iter().map(ToString::to_string).collect(),
            verified: tls.trust != TrustOutline::Anyone,
            pins: tls.pins.iter().map(ToString::to_string).collect(),
            pins_not_enforced: tls.pins_not_enforced.iter().map(ToString::to_string).collect(),
            client_certificate: tls.client_certificate,
            ech: match tls.ech {
                None => "none",
                Some(EchOutline::Grease) => "grease",
                Some(EchOutline::Encrypted) => "encrypted",
                Some(_) => "no_keys",
            },
        }
    }
}

impl fmt::Display for Known {
    /// As the lines of an [`Explanation`] have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request    {}", self.origin)?;
        for (at, way) in self.ways.iter().enumerate() {
            let name = if at == 0 { "route      " } else { "           or " };
            let by = if at == 0 { format!(": {}", self.chosen) } else { String::new() };
            match way.as_slice() {
                [] => writeln!(f, "{name}directly{by}")?,
                proxies => writeln!(f, "{name}through {}{by}", proxies.join(", then "))?,
            }
        }
        Ok(())
    }
}
