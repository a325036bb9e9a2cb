//! `--report`: a line of JSON for each call.

use crate::{certificate::CertificateReport, fault::Fault, outcome::Outcome, proxied::Proxied};
use serde::Serialize;
use skybridge::{
    ConnInfo, Phase, Protocol,
    types::{self, Acquired, AttemptReport, Outcome as Ended, Proxy},
};
use skybridge_trace::iso8601;
use std::time::Duration;

#[derive(Serialize)]
pub(crate) struct Report<'a> {
    call: u64,
    url: &'a str,
    method: &'a str,
    status: Option<u16>,
    http_version: Option<&'static str>,
    body_bytes: u64,
    /// Of a call that was interrupted: what it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<&'static str>,
    connection: Option<Connection>,
    /// The proxies on the way to its tunnels, and what they have said.
    proxies: &'a [Proxied],
    attempts: Vec<Attempt>,
    retries: u32,
    decision: Option<Decision>,
    searches: Vec<Search>,
    timings_us: Timings,
    error: Option<&'a Fault>,
}

#[derive(Serialize)]
struct Connection {
    id: Option<u64>,
    reused: bool,
    coalesced: bool,
    exchange: u64,
    remote_addr: String,
    local_addr: Option<String>,
    proxy: Option<String>,
    tls: Option<Tls>,
}

#[derive(Serialize)]
struct Tls {
    version: Option<&'static str>,
    cipher: Option<&'static str>,
    group: Option<&'static str>,
    alpn: Option<&'static str>,
    sni: Option<String>,
    resumed: bool,
    ech: &'static str,
    spec: Option<String>,
    not_after: Option<String>,
    stapled: bool,
    pins: Vec<String>,
    certificates: Vec<CertificateReport>,
}

#[derive(Serialize)]
struct Attempt {
    id: usize,
    route: String,
    proxy: Option<String>,
    outcome: &'static str,
    phase: Option<&'static str>,
    error: Option<String>,
    elapsed_us: u64,
}

#[derive(Serialize)]
struct Decision {
    kind: &'static str,
    reason: &'static str,
}

/// What was looked at in the pool, and what came of it.
#[derive(Serialize)]
pub(crate) struct Search {
    found: &'static str,
    text: String,
    passed_over: Vec<PassedOver>,
    more: usize,
}

#[derive(Serialize)]
struct PassedOver {
    connection: Option<u64>,
    origin: String,
    why: &'static str,
    text: String,
}

/// How long each phase took; null if there was none.
#[derive(Serialize)]
struct Timings {
    resolve: Option<u64>,
    tcp: Option<u64>,
    tunnel: Option<u64>,
    tls: Option<u64>,
    handshake: Option<u64>,
    send: Option<u64>,
    wait: Option<u64>,
    body: Option<u64>,
    total: u64,
}

impl<'a> Report<'a> {
    pub(crate) fn of(outcome: &'a Outcome) -> Self {
        let attempts = outcome.record.attempts();
        Self {
            call: outcome.call.0,
            url: &outcome.url,
            method: outcome.method.as_str(),
            status: outcome.status.map(|status| status.as_u16()),
            http_version: outcome.status.and_then(|_| outcome.http_version()),
            body_bytes: outcome.body_bytes,
            running: None,
            connection: outcome.info.as_deref().map(|info| Connection::of(info, outcome)),
            proxies: &outcome.record.proxied,
            attempts: attempts.iter().enumerate().map(|(at, report)| Attempt::of(at + 1, report)).collect(),
            retries: outcome.record.retries,
            decision: outcome
                .record
                .acquired
                .as_ref()
                .map(|acquisition| Decision { kind: kind(acquisition.how), reason: acquisition.reason }),
            searches: outcome.record.searches.iter().map(Search::of).collect(),
            timings_us: Timings::of(outcome),
            error: outcome.fault.as_ref(),
        }
    }

    /// Of a call that is running.
    pub(crate) fn running(outcome: &'a Outcome) -> Self {
        let phase = outcome.record.last_phase().unwrap_or(Phase::Call);
        Self { running: Some(phase.as_str()), ..Self::of(outcome) }
    }
}

fn kind(how: Acquired) -> &'static str {
    match how {
        Acquired::Reused => "reused",
        Acquired::Coalesced => "coalesced",
        Acquired::Joined => "joined",
        _ => "new",
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The proxies of a route, without credentials.
pub(crate) fn proxies(proxies: &[Proxy]) -> Option<String> {
    let connect_to: Vec<_> = proxies.iter().map(ToString::to_string).collect();
    (!connect_to.is_empty()).then(|| connect_to.join(", "))
}

impl Connection {
    fn of(info: &ConnInfo, outcome: &Outcome) -> Self {
        let acquisition = outcome.record.acquired.as_ref().filter(|acquisition| Some(acquisition.id) == info.id);
        Self {
            id: info.id.map(|id| id.0),
            // It was open when the call started, or had carried another exchange.
            reused: acquisition
                .is_some_and(|acquisition| acquisition.exchange > 0 || acquisition.how == Acquired::Reused),
            coalesced: acquisition.is_some_and(|acquisition| acquisition.how == Acquired::Coalesced),
            exchange: acquisition.map_or(0, |acquisition| acquisition.exchange),
            remote_addr: info.remote.to_string(),
            local_addr: info.local_addr.map(|addr| addr.to_string()),
            proxy: proxies(&info.route.proxies),
            tls: info.tls.as_ref().map(|tls| Tls {
                version: tls.version,
                cipher: tls.cipher,
                group: tls.group,
                alpn: tls.alpn.map(|alpn| if alpn == Protocol::Http2 { "h2" } else { "http/1.1" }),
                sni: tls.sni.as_ref().map(|sni| sni.to_string()),
                resumed: tls.resumed,
                ech: tls.ech.name(),
                spec: tls.spec().map(str::to_owned),
                not_after: tls.not_after().map(iso8601),
                stapled: tls.is_stapled(),
                pins: tls.pins.iter().map(|pin| pin.to_string()).collect(),
                certificates: CertificateReport::all(tls),
            }),
        }
    }
}

impl Search {
    pub(crate) fn of(search: &types::Search) -> Self {
        let passed = search.passed_over.iter().map(|passed| PassedOver {
            connection: passed.connection.map(|id| id.0),
            origin: passed.opened_for.authority(),
            why: passed.why.name(),
            text: passed.reason(),
        });
        Self { found: search.found.name(), text: search.to_string(), passed_over: passed.collect(), more: search.more }
    }
}

impl Attempt {
    fn of(id: usize, report: &AttemptReport) -> Self {
        let (outcome, phase, error) = match &report.outcome {
            Ended::Connected => ("connected", None, None),
            Ended::Failed(error) => ("failed", Some(report.phase.as_str()), Some(error.root_cause().to_string())),
            _ => ("abandoned", Some(report.phase.as_str()), None),
        };
        Self {
            id,
            route: format!("{} at {}", report.route, report.endpoint),
            proxy: report.route.split_once(" via ").map(|(_, proxies)| proxies.to_owned()),
            outcome,
            phase,
            error,
            elapsed_us: micros(report.elapsed),
        }
    }
}

impl Timings {
    fn of(outcome: &Outcome) -> Self {
        // The time of another call's connect doesn't count.
        let made = outcome.record.made.as_ref();
        let connecting = |phase| match made {
            Some(info) => info.timings.get(phase).map(|span| micros(span.elapsed())),
            None => outcome.record.span(phase).map(|span| micros(span.elapsed())),
        };
        let exchange = |phase| outcome.record.span(phase).map(|span| micros(span.elapsed()));
        Self {
            resolve: connecting(Phase::Resolve),
            tcp: connecting(Phase::Tcp),
            tunnel: connecting(Phase::Tunnel),
            tls: connecting(Phase::Tls),
            handshake: connecting(Phase::Handshake),
            send: exchange(Phase::Send),
            wait: exchange(Phase::Wait),
            body: exchange(Phase::Body),
            total: micros(outcome.total()),
        }
    }
}
