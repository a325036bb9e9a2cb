//! Events with whatever text a peer can bring into them, drawn and written.

use http::{Method, StatusCode, Uri, Version};
use skybridge_core::{
    Acquired, CallId, CloseReason, ConnectionId, Delivery, Error, Event, EventKind, Observe, Phase, Proxy, ProxyKind,
    RedactedUri,
};
use skybridge_trace::Recorder;
use std::{
    str,
    time::{Duration, Instant, SystemTime},
};

const PHASES: [Phase; 10] = [
    Phase::Backoff,
    Phase::Resolve,
    Phase::Tcp,
    Phase::Tunnel,
    Phase::Tls,
    Phase::Handshake,
    Phase::Acquire,
    Phase::Send,
    Phase::Wait,
    Phase::Body,
];

/// Whatever is told, and in whatever order, a terminal gets nothing but lines of text, a picture is XML without
/// anything that runs or refers elsewhere, and an archive is JSON.
///
/// An input is lines: a letter that says what happens, one for the call, one for how much later, and text.
pub fn timeline(input: &[u8]) {
    let recorder = Recorder::with_capacity(500);
    let start = start();
    let mut now = start;
    for line in input.split(|byte| *byte == b'\n').take(400) {
        let [what, call, later, text @ ..] = line else { continue };
        let later = u64::from(*later);
        now += Duration::from_micros(later * later);
        let text = String::from_utf8_lossy(text);
        tell(&recorder, now, *what, *call, &text);
    }
    let timelines = recorder.timelines().until(now);
    let width = 40 + usize::from(*input.first().unwrap_or(&0));
    for drawn in [
        timelines.to_string(),
        timelines.clone().width(width).to_string(),
        recorder.timeline(CallId(1)).width(width).to_string(),
    ] {
        assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
        assert!(!drawn.contains('\u{202e}'), "{drawn:?}");
    }
    let svg = timelines.svg(&String::from_utf8_lossy(input));
    let document = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
    for node in document.descendants().filter(|node| node.is_element()) {
        let drawn = ["svg", "style", "defs", "pattern", "path", "rect", "g", "title", "text", "tspan"];
        assert!(drawn.contains(&node.tag_name().name()), "{svg}");
        let may = |name: &str| !name.starts_with("on") && !name.ends_with("href");
        assert!(node.attributes().all(|attribute| may(attribute.name())), "{svg}");
    }
    let har = timelines.har("1", (start, SystemTime::UNIX_EPOCH));
    let har: serde_json::Value = serde_json::from_str(&har).unwrap_or_else(|error| panic!("{error}: {har}"));
    assert!(har["log"]["entries"].is_array());
}

#[expect(clippy::disallowed_methods, reason = "only differences count")]
fn start() -> Instant {
    Instant::now()
}

fn tell(recorder: &Recorder, at: Instant, what: u8, call: u8, text: &str) {
    let phase = PHASES[usize::from(what >> 4) % PHASES.len()];
    let cause = std::io::Error::other(text.to_owned());
    let error = Error::new(Delivery::Unknown, phase, std::io::Error::other(text.to_owned()));
    let proxy = Proxy::new(ProxyKind::Http, text, 3128);
    let uri = text.parse::<Uri>().unwrap_or_default();
    let method = Method::from_bytes(text.as_bytes()).unwrap_or(Method::GET);
    let (status, version) = (StatusCode::OK, Version::HTTP_2);
    let kind = match what & 15 {
        0 => EventKind::CallStarted { method: &method, uri: RedactedUri(&uri) },
        1 => EventKind::CallEnded(Some(&error)),
        2 => EventKind::CallEnded(None),
        3 | 4 => EventKind::PhaseStarted(phase),
        5 => EventKind::PhaseEnded(phase, Duration::from_millis(1)),
        6 => EventKind::PhaseFailed(phase, Duration::ZERO, &cause),
        7 => EventKind::PhaseDropped(phase, Duration::MAX),
        8 => EventKind::AtProxy(&proxy),
        9 => EventKind::Acquired(Acquired::Reused),
        10 => EventKind::Closed(CloseReason::PeerFin),
        11 => EventKind::ResponseHead { status, version },
        12 => EventKind::RequestBody(Some(u64::MAX)),
        13 => EventKind::ResponseBody(text.len() as u64),
        14 => EventKind::RetryDecided { again: true, delivery: Delivery::Unsent, error: &error },
        _ => EventKind::Released,
    };
    let call = (call != b'-').then(|| CallId(u64::from(call % 4)));
    let connection = (call.is_none() || what > 0x60).then(|| ConnectionId(u64::from(what % 3)));
    recorder.observe(&Event::new(at, call, None, connection, kind));
}
