//! What each variable of curl's is here.

use crate::{certificate, outcome::Outcome, proxied::Proxied};
use http::header::CONTENT_TYPE;
use serde_json::json;
use skybridge::{
    Phase,
    types::{TlsInfo, Trust},
};
use std::{fmt, net::SocketAddr, time::Duration};

#[derive(Clone, Copy)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) value: fn(&Outcome) -> Value,
}

pub(super) enum Value {
    Text(Option<String>),
    Number(u64),
    /// A status: three digits in text.
    Code(u16),
    Seconds(Duration),
}

/// Those of curl's that are not here: of each, or all that begin so, why.
const LACKING: [(&str, &str); 6] = [
    ("ftp_entry_path", "FTP is not spoken"),
    ("size_request", "how many bytes the heads of requests are is not known; nearest: size_upload"),
    ("time_queue", "a call begins when it is sent; nearest: time_total"),
    ("tls_earlydata", "nothing is sent early"),
    ("url.", "no part of a URL has a variable; nearest: url"),
    ("urle.", "no part of a URL has a variable; nearest: url_effective"),
];

/// Why there is no variable of this name, if curl has one.
pub(super) fn why_not(name: &str) -> Option<&'static str> {
    let is_it =
        |lacking: &&(&str, &str)| name == lacking.0 || (lacking.0.ends_with('.') && name.starts_with(lacking.0));
    LACKING.iter().find(is_it).map(|lacking| lacking.1)
}

const fn variable(name: &'static str, value: fn(&Outcome) -> Value) -> Variable {
    Variable { name, value }
}

#[rustfmt::skip]
pub(super) const VARIABLES: [Variable; 43] = [
    variable("certs",              |call| text(tls(call).map(certificate::as_curl))),
    variable("conn_id",            |call| number(call.info.as_ref().and_then(|info| info.id).map_or(0, |id| id.0))),
    variable("content_type",       |call| text(call.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes())))),
    variable("errormsg",           |call| text(call.fault.as_ref().map(|fault| &fault.message))),
    variable("exitcode",           |call| number(call.exit.0)),
    variable("filename_effective", |call| text(call.first.file.as_ref().map(|file| file.display()))),
    variable("http_code",          code),
    variable("http_connect",       |call| Value::Code(call.record.proxied.iter().rev().find_map(Proxied::status).unwrap_or(0))),
    variable("http_version",       |call| text(Some(call.status.and_then(|_| call.http_version()).unwrap_or("0")))),
    variable("local_ip",           |call| text(Some(local(call).map_or_else(String::new, |addr| addr.ip().to_string())))),
    variable("local_port",         |call| number(local(call).map_or(0, |addr| addr.port()))),
    variable("method",             |call| text(Some(&call.method))),
    variable("num_certs",          |call| number(tls(call).map_or(0, |tls| tls.certificates().len() as u64))),
    variable("num_connects",       |call| number(call.first.connects + call.record.connects)),
    variable("num_headers",        |call| number(call.headers.len() as u64)),
    variable("num_redirects",      |call| number(call.first.redirects as u64)),
    variable("num_retries",        |call| number(call.tries)),
    variable("proxy_ssl_verify_result", |call| number(proxy_verified(call))),
    variable("proxy_used",         |call| number(call.info.as_ref().is_some_and(|info| !info.route.proxies.is_empty()))),
    variable("redirect_url",       |call| text(call.redirect.as_ref())),
    variable("referer",            |call| text(call.referer.as_ref())),
    variable("remote_ip",          |call| text(Some(remote(call).map_or_else(String::new, |addr| addr.ip().to_string())))),
    variable("remote_port",        |call| number(remote(call).map_or(0, |addr| addr.port()))),
    variable("response_code",      code),
    variable("scheme",             |call| text(call.scheme.as_ref())),
    variable("size_download",      |call| number(call.body_bytes)),
    variable("size_header",        |call| number(call.first.head_bytes + call.head_bytes)),
    variable("size_upload",        |call| number(call.sent_bytes)),
    variable("speed_download",     |call| speed(call.body_bytes, call)),
    variable("speed_upload",       |call| speed(call.sent_bytes, call)),
    variable("ssl_verify_result",  |call| number(verified(call))),
    variable("time_appconnect",    |call| seconds(call.until(Phase::Tls))),
    variable("time_connect",       |call| seconds(call.until(Phase::Tcp))),
    variable("time_namelookup",    |call| seconds(call.until(Phase::Resolve))),
    variable("time_posttransfer",  |call| seconds(call.until(Phase::Send))),
    variable("time_pretransfer",   |call| seconds(call.until(Phase::Acquire))),
    variable("time_redirect",      |call| seconds(Some(call.started.saturating_duration_since(call.first.started)))),
    variable("time_starttransfer", |call| seconds(call.until(Phase::Wait))),
    variable("time_total",         |call| seconds(Some(call.time_total()))),
    variable("url",                |call| text(Some(&call.first.exact_url))),
    variable("url_effective",      |call| text(Some(&call.exact_url))),
    variable("urlnum",             |call| number(call.first.place as u64)),
    variable("xfer_id",            |call| number(call.call.0)),
];

fn text(value: Option<impl ToString>) -> Value {
    Value::Text(value.map(|value| value.to_string()))
}

fn number(value: impl Into<u64>) -> Value {
    Value::Number(value.into())
}

fn seconds(time: Option<Duration>) -> Value {
    Value::Seconds(time.unwrap_or_default())
}

fn code(call: &Outcome) -> Value {
    Value::Code(call.status.map_or(0, |status| status.as_u16()))
}

/// Bytes a second, over all of the time.
fn speed(bytes: u64, call: &Outcome) -> Value {
    let micros = call.time_total().as_micros().max(1);
    Value::Number(u64::try_from(u128::from(bytes) * 1_000_000 / micros).unwrap_or(u64::MAX))
}

fn tls(call: &Outcome) -> Option<&TlsInfo> {
    call.info.as_ref()?.tls.as_ref()
}

fn remote(call: &Outcome) -> Option<SocketAddr> {
    call.info.as_ref()?.remote.inet()
}

fn local(call: &Outcome) -> Option<SocketAddr> {
    call.info.as_ref()?.local_addr
}

/// As with curl, 0 for a verified peer; 1 if the certificate was rejected, or not verified.
fn verified(call: &Outcome) -> u8 {
    let unverified =
        call.info.as_ref().and_then(|info| info.tls.as_ref()).is_some_and(|tls| tls.trust != Trust::Verified);
    u8::from(unverified || is_refused(call, false))
}

/// The same of an `https` proxy, of any where there are several.
fn proxy_verified(call: &Outcome) -> u8 {
    u8::from(call.record.proxied.iter().any(Proxied::is_unverified) || is_refused(call, true))
}

/// Whether a certificate was rejected, that of a proxy or that of the origin.
fn is_refused(call: &Outcome, of_proxy: bool) -> bool {
    call.fault.as_ref().is_some_and(|fault| fault.kind == "certificate" && fault.is_of_proxy == of_proxy)
}

impl Value {
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Code(code) => json!(code),
            Self::Seconds(time) => json!(time.as_micros() as f64 / 1e6),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text.as_deref().unwrap_or_default()),
            Self::Number(number) => number.fmt(f),
            Self::Code(code) => write!(f, "{code:03}"),
            Self::Seconds(time) => write!(f, "{:.6}", time.as_secs_f64()),
        }
    }
}
