use crate::{
    Facts, Recorded, RecordedKind,
    clean::{is_unsafe, json_escape},
    date::iso8601,
    facts::protocol_version,
};
use skybridge_core::{Acquired, Delivery, NotEnforced, Phase, Search};
use std::{
    fmt::{Display, Write},
    time::{Duration, Instant},
};

impl Recorded {
    /// The event as one JSON object, without a line break. Times are microseconds; `t_us` counts from `began`. Absent
    /// values are left out:
    ///
    /// ```json
    /// {"t_us":812,"call":1,"attempt":1,"event":"connect_start","endpoint":"192.0.2.1:443","route":"a.test"}
    /// {"t_us":905,"call":1,"attempt":1,"event":"connect_failed","elapsed_us":93,"error":"..."}
    /// ```
    ///
    /// `addresses_found` has `host`, `source` (`resolver`, `hints`, `overrides`, `literal`, `dial`), `addresses` and,
    /// if there are more, their number; `goaway_received` and `goaway_sent` have `code`, `last_stream` and
    /// `debug_data`,
    /// `reset_received` and `reset_sent` `code` and `stream`.
    /// `connection_acquired` has `acquired` (`new`, `reused`, `coalesced`, `joined`), `connection_closed` and
    /// `connection_draining` a `reason`, `retry_decision` has `again`, `delivery` and `error`, `addresses_left_out` has
    /// `addresses` and `limit`, `other_start` and its like have the name of the
    /// `phase` ([`Phase::other`]), `connection_search` has `found`, `text` and `passed_over`, each of which has
    /// `connection`, `origin`, `why` and `text`, `proxy_request`, `proxy_response` and `proxy_socks` have what is said
    /// to a proxy and by it in `step` or `status`, without header fields, and `connection_created` has the facts.
    pub fn json(&self, began: Instant) -> String {
        let mut object = JsonObject::new();
        object.micros("t_us", self.at.saturating_duration_since(began));
        object.maybe("call", self.call);
        object.maybe("attempt", self.attempt.map(|attempt| attempt.0));
        object.maybe("connection", self.connection);
        object.text("event", self.name);
        if let Some(endpoint) = &self.endpoint {
            object.text("endpoint", &endpoint.to_string());
        }
        if let Some(route) = &self.route {
            object.text("route", route);
        }
        details(&mut object, &self.kind);
        object.end()
    }
}

fn details(object: &mut JsonObject, kind: &RecordedKind) {
    if let RecordedKind::Started(Phase::Other(name))
    | RecordedKind::Ended(Phase::Other(name), _)
    | RecordedKind::Failed(Phase::Other(name), ..)
    | RecordedKind::Dropped(Phase::Other(name), _) = kind
    {
        object.text("phase", name.as_str());
    }
    match kind {
        RecordedKind::CallStarted { method, url } => {
            object.text("method", method.as_str());
            object.text("url", url);
        }
        RecordedKind::ResponseHead { status, version } => {
            object.raw("status", status.as_u16());
            object.text("version", protocol_version(*version));
        }
        RecordedKind::AtProxy(proxy) => object.text("proxy", proxy),
        RecordedKind::ProxyStep { proxy, text, status } => {
            object.text("proxy", proxy);
            if let Some(text) = text {
                object.text("step", text);
            }
            object.maybe("status", status.map(|status| status.as_u16()));
        }
        RecordedKind::RequestBody(bytes) => object.maybe("bytes", *bytes),
        RecordedKind::ResponseBody(bytes) => object.raw("bytes", bytes),
        RecordedKind::CallEnded(Some(failure)) => object.text("error", &failure.message),
        RecordedKind::Ended(_, elapsed) | RecordedKind::Dropped(_, elapsed) => object.micros("elapsed_us", *elapsed),
        RecordedKind::Failed(_, elapsed, failure) => {
            object.micros("elapsed_us", *elapsed);
            object.text("error", &failure.message);
        }
        RecordedKind::AddressesFound { host, endpoints, more, source } => {
            object.text("host", host);
            object.text("source", source.as_str());
            object.raw("addresses", texts(endpoints.iter().map(ToString::to_string)));
            if *more > 0 {
                object.raw("more", more);
            }
        }
        RecordedKind::GoAway { code, last_stream, debug_data, .. } => {
            object.text("code", &code.to_string());
            object.raw("last_stream", last_stream);
            if !debug_data.is_empty() {
                object.text("debug_data", debug_data);
            }
        }
        RecordedKind::StreamReset { code, stream, .. } => {
            object.text("code", &code.to_string());
            object.raw("stream", stream);
        }
        RecordedKind::TlsUnverified { name } => {
            object.text("name", name);
        }
        RecordedKind::TlsFallback { from, to, failure } => {
            object.text("from", from);
            object.text("to", to);
            object.text("error", &failure.message);
        }
        RecordedKind::PinsNotEnforced(told) => {
            object.text("host", &told.host);
            object.text("why", told.why.name());
            if let NotEnforced::Expired(since) = told.why {
                object.text("until", &iso8601(since));
            }
            object.raw("path", texts(told.path.iter().map(ToString::to_string)));
            object.raw("pinned", texts(told.pinned.iter().map(ToString::to_string)));
        }
        RecordedKind::LeftOut { addresses, limit } => {
            object.raw("addresses", addresses);
            object.raw("limit", limit);
        }
        RecordedKind::Postponed { endpoint, failure } => {
            object.text("endpoint", &endpoint.to_string());
            object.text("error", failure);
        }
        RecordedKind::Searched(of) => search(object, of),
        RecordedKind::Created(of) => facts(object, of),
        RecordedKind::Acquired(how) => object.text("acquired", acquired(*how)),
        RecordedKind::Draining(reason) | RecordedKind::Closed(reason) => object.text("reason", reason.as_str()),
        RecordedKind::Retry { again, delivery, failure } => {
            object.raw("again", again);
            object.text("delivery", word(*delivery));
            object.text("error", &failure.message);
        }
        _ => {}
    }
}

fn search(object: &mut JsonObject, search: &Search) {
    object.text("origin", &search.wanted.authority());
    object.text("found", search.found.name());
    object.text("text", &search.to_string());
    let passed = search.passed_over.iter().map(|passed| {
        let mut inner = JsonObject::new();
        inner.maybe("connection", passed.connection);
        inner.text("origin", &passed.opened_for.authority());
        inner.text("why", passed.why.name());
        inner.text("text", &passed.reason());
        inner.end()
    });
    object.raw("passed_over", array(passed));
    object.maybe("more", (search.more > 0).then_some(search.more));
}

fn facts(object: &mut JsonObject, facts: &Facts) {
    object.text("origin", &facts.origin);
    if let Some(protocol) = facts.protocol() {
        object.text("protocol", protocol);
    }
    object.text("remote_addr", &facts.remote.to_string());
    if let Some(local) = facts.local_addr {
        object.text("local_addr", &local.to_string());
    }
    if !facts.proxies.is_empty() {
        object.text("proxy", &facts.proxies.join(", "));
    }
    if let Some(tls) = &facts.tls {
        let mut inner = JsonObject::new();
        let fields = [("version", tls.version), ("cipher", tls.cipher), ("sni", tls.sni.as_deref())];
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            inner.text(name, value);
        }
        inner.raw("resumed", tls.resumed);
        if tls.ech != skybridge_core::EchStatus::None {
            inner.text("ech", tls.ech.name());
        }
        if let Some(spec) = &tls.spec {
            inner.text("spec", spec);
        }
        if tls.stapled {
            inner.raw("stapled", true);
        }
        if let Some(generation) = tls.generation {
            inner.raw("generation", generation);
        }
        object.raw("tls", inner.end());
    }
}

/// How a connection was acquired, in one word.
pub(crate) fn acquired(how: Acquired) -> &'static str {
    match how {
        Acquired::New => "new",
        Acquired::Reused => "reused",
        Acquired::Coalesced => "coalesced",
        Acquired::Joined => "joined",
        _ => "acquired",
    }
}

fn word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Unsent => "unsent",
        Delivery::Refused => "refused",
        _ => "unknown",
    }
}

/// Values as a JSON array.
pub(crate) fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

/// Texts as a JSON array.
fn texts(values: impl Iterator<Item = String>) -> String {
    array(values.map(|value| JsonObject::quoted(&value)))
}

/// A JSON object that is being written. Names need no escaping.
/// Writes a JSON object, whose fields stand in the order in which they come.
#[derive(Debug)]
pub struct JsonObject(String);

impl JsonObject {
    /// Without fields.
    #[allow(clippy::new_without_default, reason = "nobody needs an empty one by default")]
    pub fn new() -> Self {
        Self("{".into())
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.raw_text(name);
        self.0.push(':');
    }

    /// A value that is JSON already: a number, `true`, `null`, an object, an array.
    pub fn raw(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing to a string doesn't fail.
        let _ = write!(self.0, "{value}");
    }

    /// A value that is JSON already, or no field.
    pub fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.raw(name, value);
        }
    }

    /// A time, in microseconds.
    pub fn micros(&mut self, name: &str, time: Duration) {
        self.raw(name, time.as_micros());
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.raw_text(value);
    }

    /// Escapes as RFC 8259, section 7 says, and what a terminal would interpret too.
    fn raw_text(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                c if is_unsafe(c) => self.0.push_str(&json_escape(c)),
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    /// A text by itself, in quotes.
    pub fn quoted(text: &str) -> String {
        let mut quoted = Self(String::new());
        quoted.raw_text(text);
        quoted.0
    }

    /// The object as text.
    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
