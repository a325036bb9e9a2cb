//! An HTTP Archive is as its specification has it, and of every entry the timings are the time, whatever overlaps.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and sets its clock")]

use http::{Method, Uri};
use proptest::prelude::*;
use serde_json::Value;
use skybridge_core::{Acquired, AttemptId, CallId, ConnectionId, Event, EventKind, Observe, Phase, RedactedUri};
use skybridge_trace::Recorder;
use std::{
    io,
    time::{Duration, Instant, SystemTime},
};

const PHASES: [Phase; 9] = [
    Phase::Acquire,
    Phase::Resolve,
    Phase::Tcp,
    Phase::Tunnel,
    Phase::Tls,
    Phase::Handshake,
    Phase::Send,
    Phase::Wait,
    Phase::Body,
];

/// What an observer may be told, in whatever order: a phase begins, or ends in one of three ways.
#[derive(Clone, Debug)]
struct Told {
    after: Duration,
    call: u64,
    attempt: Option<u32>,
    phase: Phase,
    what: u8,
}

fn told() -> impl Strategy<Value = Told> {
    let after = prop_oneof![2 => Just(0), 1 => 1..3_u64, 4 => 100..5_000_000_u64].prop_map(Duration::from_nanos);
    (after, 1..4_u64, proptest::option::of(1..3_u32), 0..PHASES.len(), 0..8_u8)
        .prop_map(|(after, call, attempt, phase, what)| Told { after, call, attempt, phase: PHASES[phase], what })
}

/// The archive of these calls.
fn archive(history: &[Told]) -> Value {
    let (recorder, start) = (Recorder::new(), Instant::now());
    let (mut at, uri) = (start, "http://a.test/".parse::<Uri>().unwrap());
    let failure = io::Error::other("it");
    let tell = |at, call, attempt: Option<u32>, kind: EventKind<'_>| {
        let attempt = attempt.map(AttemptId);
        recorder.observe(&Event::new(at, Some(CallId(call)), attempt, Some(ConnectionId(call)), kind));
    };
    for call in 1..4 {
        tell(at, call, None, EventKind::CallStarted { method: &Method::GET, uri: RedactedUri(&uri) });
    }
    let mut begun = Vec::new();
    for Told { after, call, attempt, phase, what } in history.iter().cloned() {
        at += after;
        let began = begun.iter().rposition(|(other, _)| *other == (call, attempt, phase));
        let kind = match (began, what) {
            (_, 0) => EventKind::CallEnded(None),
            (_, 1) => EventKind::Acquired(Acquired::Reused),
            (_, 2..=4) | (None, _) => {
                begun.push(((call, attempt, phase), at));
                EventKind::PhaseStarted(phase)
            }
            (Some(began), what) => {
                let took = at.saturating_duration_since(begun.remove(began).1);
                match what {
                    5 => EventKind::PhaseEnded(phase, took),
                    6 => EventKind::PhaseFailed(phase, took, &failure),
                    _ => EventKind::PhaseDropped(phase, took),
                }
            }
        };
        tell(at, call, attempt, kind);
    }
    serde_json::from_str(&recorder.timelines().har("1.2.3", (start, SystemTime::UNIX_EPOCH))).unwrap()
}

/// In microseconds, as it is written; `None` for -1.
fn micros(value: &Value) -> Option<u64> {
    let text = value.to_string();
    (text != "-1").then(|| (value.as_f64().unwrap() * 1000.0).round() as u64)
}

/// What an object of HAR 1.2 must have, and of which type (s is a text, n a number, a an array, o an object, t a time),
/// and what it may have besides.
const OBJECTS: [(&str, &str, &str); 7] = [
    ("/log", "version:s creator:o entries:a", "pages:a browser:o comment:s"),
    ("/log/creator", "name:s version:s", "comment:s"),
    (
        "/log/entries/*",
        "startedDateTime:t time:n request:o response:o cache:o timings:o",
        "pageref:s serverIPAddress:s connection:s comment:s",
    ),
    (
        "/log/entries/*/request",
        "method:s url:s httpVersion:s cookies:a headers:a queryString:a headersSize:n bodySize:n",
        "postData:o comment:s",
    ),
    (
        "/log/entries/*/response",
        "status:n statusText:s httpVersion:s cookies:a headers:a content:o redirectURL:s headersSize:n bodySize:n",
        "comment:s",
    ),
    ("/log/entries/*/response/content", "size:n mimeType:s", "compression:n text:s encoding:s comment:s"),
    ("/log/entries/*/timings", "send:n wait:n receive:n", "blocked:n dns:n connect:n ssl:n comment:s"),
];

/// All that is at a path, in which `*` is each element.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('/').skip(1).fold(vec![value], |found, name| match name {
        "*" => found.iter().flat_map(|list| list.as_array().unwrap()).collect(),
        name => found.iter().map(|object| object.get(name).unwrap_or(&Value::Null)).collect(),
    })
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "s" => value.is_string(),
        "n" => value.is_number(),
        "a" => value.is_array(),
        "o" => value.is_object(),
        // As 2009-07-24T19:20:30.45+01:00.
        _ => value.as_str().is_some_and(|time| {
            let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            shape.starts_with("0000-00-00T00:00:00") && shape.ends_with('Z')
        }),
    }
}

/// What is wrong with an archive. Fields that begin with `_` are anybody's.
fn faults(har: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, must, may) in OBJECTS {
        let typed = |list: &'static str| list.split(' ').map(|field| field.split_once(':').unwrap());
        for object in at(har, path) {
            for (name, _) in typed(must).filter(|(name, _)| object.get(name).is_none()) {
                faults.push(format!("{path} has no {name}"));
            }
            for (name, value) in object.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with('_')) {
                match typed(must).chain(typed(may)).find(|(known, _)| known == name) {
                    Some((_, kind)) if is_of(kind, value) => {}
                    _ => faults.push(format!("{path}/{name}: {value}")),
                }
            }
        }
    }
    faults
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_timings_of_every_entry_are_its_time(history in proptest::collection::vec(told(), 0..60)) {
        let har = archive(&history);
        prop_assert_eq!(faults(&har), Vec::<String>::new());
        for entry in har["log"]["entries"].as_array().unwrap() {
            let part = |name: &str| micros(&entry["timings"][name]);
            let parts = ["blocked", "dns", "connect", "send", "wait", "receive"];
            let sum: u64 = parts.iter().filter_map(|name| part(name)).sum();
            prop_assert_eq!(Some(sum), micros(&entry["time"]), "{}", entry);
            prop_assert!(part("ssl").unwrap_or(0) <= part("connect").unwrap_or(0), "{}", entry);
        }
    }
}

/// A call begins a connect, and gets a connection that another has opened: its own goes on while it waits.
#[test]
fn what_overlaps_counts_once_for_what_the_request_does() {
    let step = |after, phase, what| Told { after: Duration::from_millis(after), call: 1, attempt: None, phase, what };
    let har = archive(&[
        step(0, Phase::Resolve, 2),
        step(10, Phase::Wait, 2),
        step(20, Phase::Resolve, 5),
        step(0, Phase::Tcp, 2),
        step(5, Phase::Wait, 5),
        step(0, Phase::Body, 2),
        step(15, Phase::Body, 5),
        step(0, Phase::Tcp, 5),
        step(0, Phase::Body, 0),
    ]);
    let timings = &har["log"]["entries"][0]["timings"];
    let told = ["blocked", "dns", "connect", "wait", "receive"].map(|name| micros(&timings[name]).unwrap() / 1000);
    assert_eq!(told, [0, 10, 0, 25, 15], "{timings}");
}
