//! Facts and errors as text.

use http::HeaderMap;
use skybridge::{ConnInfo, Error, Phase, Protocol, types::Acquired};
use std::{error::Error as StdError, time::Duration};

/// All that is known of an error.
pub(crate) fn report(error: &(dyn StdError + 'static)) -> String {
    match error.downcast_ref::<Error>() {
        Some(error) => error.report().to_string(),
        None => error.to_string(),
    }
}

pub(crate) fn acquired(how: Acquired) -> &'static str {
    match how {
        Acquired::New => "a new",
        Acquired::Reused => "a reused",
        Acquired::Joined => "a connection that somebody else had asked for, a new",
        Acquired::Coalesced => "another host's",
        _ => "a",
    }
}

/// `1, HTTP/1.1, 127.0.0.1:50000 -> 127.0.0.1:80`
pub(crate) fn connection(info: &ConnInfo) -> String {
    let id = info.id.map_or_else(|| "?".into(), |id| id.to_string());
    let protocol = match info.protocol {
        Some(Protocol::Http1) => "HTTP/1.1",
        Some(Protocol::Http2) => "HTTP/2",
        _ => "unknown protocol",
    };
    let local = info.local_addr.map_or_else(|| "?".into(), |addr| addr.to_string());
    format!("{id}, {protocol}, {local} -> {}", info.remote)
}

/// `tcp 0.10 ms, handshake 0.02 ms`
pub(crate) fn timings(info: &ConnInfo) -> String {
    let phases = [Phase::Resolve, Phase::Tcp, Phase::Tunnel, Phase::Tls, Phase::Handshake];
    let spans = phases.into_iter().filter_map(|phase| Some((phase, info.timings.get(phase)?)));
    let words: Vec<_> = spans.map(|(phase, span)| format!("{phase} {}", time(span.elapsed()))).collect();
    words.join(", ")
}

pub(crate) fn time(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1e3)
}

pub(crate) fn headers(headers: &HeaderMap) -> String {
    let lines = headers.iter().map(|(name, value)| format!("\n{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    lines.collect()
}
