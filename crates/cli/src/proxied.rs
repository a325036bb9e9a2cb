//! What is said to proxies and by them on the way to a tunnel: for `-v`, `--report`, `-i`, `-D` and `-w`.

use crate::{
    certificate::{self, CertificateReport},
    head::{digits, written},
    secrets::Secrets,
};
use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use skybridge::types::{Proxy, ProxyStep, TlsInfo, Trust};
use std::time::SystemTime;

/// The most proxies, and answers of one, that are kept of a call. The library tries each proxy so often and no more.
const PROXIES: usize = 32;
const ANSWERS: usize = 32;

/// A proxy that a call has come to.
#[derive(Clone, Serialize)]
pub(crate) struct Proxied {
    proxy: String,
    tls: Option<ProxyTls>,
    answers: Vec<Answer>,
    socks: Vec<String>,
}

#[derive(Clone, Serialize)]
struct ProxyTls {
    #[serde(skip)]
    verified: bool,
    version: Option<&'static str>,
    cipher: Option<&'static str>,
    resumed: bool,
    certificates: Vec<CertificateReport>,
}

/// An answer to CONNECT.
#[derive(Clone, Serialize)]
struct Answer {
    status: u16,
    http_version: &'static str,
    headers: Vec<(String, String)>,
    /// As it came.
    #[serde(skip)]
    head: Bytes,
}

/// Notes a step with a proxy among those that are known.
pub(crate) fn note(known: &mut Vec<Proxied>, proxy: &Proxy, step: &ProxyStep<'_>, secrets: Secrets) {
    let proxy = proxy.to_string();
    let at = known.iter().rposition(|other| other.proxy == proxy);
    let at = match at {
        Some(at) => at,
        None if known.len() < PROXIES => {
            known.push(Proxied { proxy, tls: None, answers: Vec::new(), socks: Vec::new() });
            known.len() - 1
        }
        None => return,
    };
    let Some(proxied) = known.get_mut(at) else { return };
    match step {
        ProxyStep::Tls(tls) => proxied.tls = Some(ProxyTls::of(tls)),
        ProxyStep::Response { status, version, headers, head } if proxied.answers.len() < ANSWERS => {
            let head = head.map_or_else(|| written(digits(*version), *status, b"", headers), Bytes::copy_from_slice);
            let fields = headers.iter().map(|(name, value)| (name.to_string(), secrets.header(name, value)));
            let (status, http_version) = (status.as_u16(), digits(*version));
            proxied.answers.push(Answer { status, http_version, headers: fields.collect(), head });
        }
        ProxyStep::Socks(step) if proxied.socks.len() < ANSWERS => proxied.socks.push(step.to_string()),
        _ => {}
    }
}

impl Proxied {
    /// The heads of its answers, in order.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &Bytes> {
        self.answers.iter().map(|answer| &answer.head)
    }

    /// Whether its certificate was accepted as it is (`--proxy-insecure`).
    pub(crate) fn is_unverified(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.verified)
    }

    /// The status of its last answer.
    pub(crate) fn status(&self) -> Option<u16> {
        self.answers.last().map(|answer| answer.status)
    }
}

impl ProxyTls {
    fn of(tls: &TlsInfo) -> Self {
        Self {
            verified: tls.trust == Trust::Verified,
            version: tls.version,
            cipher: tls.cipher,
            resumed: tls.resumed,
            certificates: CertificateReport::all(tls),
        }
    }
}

/// The lines of `-v`, each with its mark.
pub(crate) fn lines(proxy: &Proxy, step: &ProxyStep<'_>, secrets: Secrets, now: SystemTime) -> Vec<(char, String)> {
    let fields = |mark, headers: &HeaderMap| {
        let lines = headers.iter().map(move |(name, value)| (mark, format!("{name}: {}", secrets.header(name, value))));
        lines.chain([(mark, String::new())]).collect::<Vec<_>>()
    };
    match step {
        ProxyStep::Tls(tls) => {
            let (version, cipher) = (tls.version.unwrap_or("?"), tls.cipher.unwrap_or("?"));
            let resumed = if tls.resumed { ", resumed" } else { "" };
            let first = ('*', format!("TLS {version}, {cipher} with the proxy {proxy}{resumed}"));
            let certificate = certificate::lines(tls, proxy.name(), now);
            [first].into_iter().chain(certificate.into_iter().map(|line| ('*', format!("  {line}")))).collect()
        }
        ProxyStep::Request { target, version, headers } => {
            let first = ('>', format!("CONNECT {target} HTTP/{}", digits(*version)));
            [first].into_iter().chain(fields('>', headers)).collect()
        }
        ProxyStep::Response { status, version, headers, head } => {
            let usual = || format!("HTTP/{} {}", digits(*version), status.as_u16());
            let first =
                head.and_then(|head| head.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()));
            let first = first.map_or_else(usual, |line| String::from_utf8_lossy(line.trim_ascii()).into_owned());
            [('<', first)].into_iter().chain(fields('<', headers)).collect()
        }
        ProxyStep::Socks(step) => vec![('*', format!("SOCKS with {proxy}: {step}"))],
        _ => Vec::new(),
    }
}
