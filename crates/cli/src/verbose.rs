//! `-v`: what happens, in curl's manner, on stderr.

use crate::{
    certificate,
    cookies::{Loaded, Noted},
    fault::{chain, in_one_line},
    head, proxied,
    secrets::Secrets,
    stderr,
};
use http::{HeaderMap, Request, Response, header};
use skybridge::{
    ConnInfo, Event, EventKind, Phase, RequestBody,
    types::{AddressSource, Attempt, EchStatus, ErrorCode, NotEnforced, Runtime, Search},
};
use skybridge_trace::{clean, iso8601};
use std::{fmt::Display, path::Path};

fn print(mark: char, text: impl Display) {
    let line = format!("{mark} {text}");
    stderr::print(format_args!("{}\n", clean(line.trim_end())));
}

pub(crate) fn dial(attempt: &Attempt) {
    print('*', format_args!("{}: trying {}", attempt.route, attempt.endpoint));
}

pub(crate) fn event(event: &Event<'_>, secrets: Secrets, runtime: &dyn Runtime) {
    match &event.kind {
        EventKind::PhaseFailed(phase, elapsed, error) if *phase <= Phase::Handshake => {
            print('*', format_args!("{} failed after {elapsed:.1?}: {}", name(*phase), innermost(*error)));
        }
        EventKind::PhaseFailed(Phase::Acquire, _, error) if event.connection.is_some() => {
            print('*', format_args!("connection {} ended before it was used: {}", id(event), in_one_line(*error)));
        }
        EventKind::PhaseEnded(Phase::Tcp, elapsed) => {
            let endpoint = event.report.map_or_else(String::new, |report| format!(" to {}", report.endpoint));
            print('*', format_args!("TCP connected{endpoint} after {elapsed:.1?}"));
        }
        EventKind::AtProxy(proxy) => print('*', format_args!("at the proxy {proxy}")),
        EventKind::ProxyStep(proxy, step) => {
            for (mark, line) in proxied::lines(proxy, step, secrets, runtime.wall_now()) {
                print(mark, line);
            }
        }
        EventKind::PhaseStarted(phase @ (Phase::Tunnel | Phase::Tls)) => {
            print('*', format_args!("{} started", name(*phase)));
        }
        EventKind::PhaseEnded(Phase::Tunnel, elapsed) => print('*', format_args!("tunnel there after {elapsed:.1?}")),
        EventKind::PhaseEnded(Phase::Tls, elapsed) => print('*', format_args!("TLS done after {elapsed:.1?}")),
        EventKind::AddressesFound { host, endpoints, more, source } if *source != AddressSource::Literal => {
            let addresses = endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
            print('*', format_args!("{host} has the addresses {addresses}{more}{}", from(*source)));
        }
        // It says no more than that the connection was closed, which is told.
        EventKind::GoAway { by_peer: false, code: ErrorCode(0), .. } => {}
        EventKind::GoAway { by_peer, code, last_stream, debug_data } => {
            let (id, who) = (id(event), if *by_peer { "the peer" } else { "this side" });
            let said = if debug_data.is_empty() { String::new() } else { format!(", saying \"{debug_data}\"") };
            print('*', format_args!("connection {id}: {who} sent GOAWAY ({code}, last stream {last_stream}){said}"));
        }
        EventKind::StreamReset { by_peer, code, stream } => {
            let (id, who) = (id(event), if *by_peer { "the peer" } else { "this side" });
            print('*', format_args!("connection {id}: {who} reset stream {stream} ({code})"));
        }
        EventKind::TlsUnverified { name } => {
            print('*', format_args!("NOT VERIFIED: whoever is on the path can be {name}"));
        }
        EventKind::TlsFallback { from, to, error } => {
            let why = error.reason().map_or_else(|| innermost(*error), str::to_owned);
            print('*', format_args!("TLS FALLBACK from {from} to {to}, on another connection: {why}"));
        }
        EventKind::PinsNotEnforced(told) => match told.why {
            NotEnforced::Expired(since) => print('*', format_args!("PINS: {told} (until {})", iso8601(since))),
            _ => print('*', format_args!("PINS: {told}")),
        },
        EventKind::LeftOut { addresses, limit } => {
            print('*', format_args!("{addresses} addresses left out: the limit is {limit}"));
        }
        EventKind::Postponed(endpoint, failure) => {
            print('*', format_args!("{endpoint} is tried last, as it failed recently: {failure}"));
        }
        EventKind::Searched(search) => searched(search),
        EventKind::Created(info) => created(info, runtime),
        EventKind::Acquired(how) => {
            let id = event.connection.map_or_else(String::new, |id| format!(" {id}"));
            print('*', format_args!("connection{id} acquired ({})", format!("{how:?}").to_lowercase()));
        }
        EventKind::Draining(reason) => {
            print('*', format_args!("connection {} takes no more requests: {}", id(event), reason.sentence()))
        }
        EventKind::Closed(reason) => print('*', format_args!("connection {} closed: {}", id(event), reason.sentence())),
        EventKind::RetryDecided { again, error, .. } => {
            let decision = if *again { "sending again" } else { "not sent again" };
            print('*', format_args!("{decision}: {}", in_one_line(*error)));
        }
        _ => {}
    }
}

/// As it stands in a sentence.
fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Tcp => "TCP",
        Phase::Tls => "TLS",
        phase => phase.as_str(),
    }
}

/// Each connection that was passed over, and what came of it.
fn searched(search: &Search) {
    for passed in &search.passed_over {
        print('*', passed);
    }
    if search.more > 0 {
        print('*', format_args!("and {} more passed over", search.more));
    }
    print('*', search);
}

/// Where addresses come from, if it isn't the resolver.
fn from(source: AddressSource) -> &'static str {
    match source {
        AddressSource::Hints => ", as its HTTPS record hints",
        AddressSource::Overrides => ", as was given for it",
        AddressSource::Dial => ", as was given in its place",
        _ => "",
    }
}

fn id(event: &Event<'_>) -> String {
    event.connection.map_or_else(|| "?".to_owned(), |id| id.to_string())
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

fn created(info: &ConnInfo, runtime: &dyn Runtime) {
    print('*', format_args!("connected: {info}"));
    if let Some(local) = info.local_addr {
        print('*', format_args!("  from {local}"));
    }
    let Some(tls) = &info.tls else { return };
    print(
        '*',
        format_args!(
            "  TLS {}, {}{}{}{}{}{}{}",
            tls.version.unwrap_or("?"),
            tls.cipher.unwrap_or("?"),
            tls.group.map_or_else(String::new, |group| format!(", {group}")),
            tls.sni.as_ref().map_or_else(String::new, |sni| format!(", as {sni}")),
            hidden(tls.ech),
            if tls.resumed { ", resumed" } else { "" },
            if tls.is_stapled() { ", with a staple" } else { "" },
            tls.spec()
                .filter(|spec| *spec != "modern")
                .map_or_else(String::new, |spec| format!(", by the spec {spec}")),
        ),
    );
    let origin = info.route.target.origin();
    let host = tls.sni.as_deref().unwrap_or_else(|| origin.name());
    for line in certificate::lines(tls, host.trim_matches(['[', ']']), runtime.wall_now()) {
        print('*', format_args!("  {line}"));
    }
    for pin in &*tls.pins {
        print('*', format_args!("  key {pin}"));
    }
}

/// What was done about the name.
fn hidden(ech: EchStatus) -> &'static str {
    match ech {
        EchStatus::Accepted => " encrypted (ECH)",
        EchStatus::Rejected => " in the clear, as the server has no keys (ECH)",
        EchStatus::Grease => " in the clear, beside a decoy (ECH)",
        _ => "",
    }
}

/// The lines of a request, all but its version.
pub(crate) fn lines(request: &Request<RequestBody>, secrets: Secrets) -> Vec<String> {
    let uri = request.uri();
    let mut lines = vec![format!("{} {}", request.method(), secrets.target(uri))];
    if !request.headers().contains_key(header::HOST) {
        lines.push(format!("host: {}", uri.authority().map_or("", |authority| authority.as_str())));
    }
    let headers = request.headers().iter();
    lines.extend(headers.map(|(name, value)| format!("{name}: {}", secrets.header(name, value))));
    lines
}

pub(crate) fn request(version: &str, lines: &[String]) {
    let Some((first, headers)) = lines.split_first() else { return };
    print('>', format_args!("{first} HTTP/{version}"));
    headers.iter().for_each(|line| print('>', line));
    print('>', "");
}

pub(crate) fn response<B>(response: &Response<B>, version: &str, secrets: Secrets) {
    let reason = head::reason(response, version);
    print('<', format_args!("HTTP/{version} {} {}", response.status().as_u16(), String::from_utf8_lossy(reason)));
    fields(response.headers(), secrets);
    print('<', "");
}

/// A cookie that a server sets, whose value is not shown.
pub(crate) fn cookie(noted: &Noted) {
    match &noted.of {
        Ok(whom) => print('*', format_args!("cookie {} kept for {whom}", noted.name)),
        Err(why) => print('*', format_args!("cookie {} not kept: {why}", noted.name)),
    }
}

/// What isn't used of a file with cookies.
pub(crate) fn loaded(path: &Path, loaded: &Loaded) {
    let path = path.display();
    if !loaded.is_there {
        print('*', format_args!("there is no file {path}, and so no cookies of it"));
    }
    if let Some((line, why)) = loaded.passed_over {
        print('*', format_args!("{path}: the cookie in line {line} is passed over: {why}"));
    }
}

/// Of a head, or trailers.
pub(crate) fn fields(fields: &HeaderMap, secrets: Secrets) {
    for (name, value) in fields {
        print('<', format_args!("{name}: {}", secrets.header(name, value)));
    }
}
