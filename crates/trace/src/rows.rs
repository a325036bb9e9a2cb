//! The events of one call as rows of a waterfall.

use crate::{Facts, Failure, Recorded, RecordedKind, clean::clean, json::acquired};
use http::{Method, Version};
use skybridge_core::{Acquired, AddressSource, AttemptId, CallId, ConnectionId, Delivery, Phase, Search};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// What the label says of a connection that is not acquired yet.
const OPENED: &str = "opened";

const GIVEN_UP: &str = "given up";

/// One bar.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) label: &'static str,
    /// The phase; `None` for an event without a duration.
    pub(crate) phase: Option<Phase>,
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) about: String,
    /// The start, counted from that of the call.
    pub(crate) start: Duration,
    /// `None` while it is running.
    pub(crate) end: Option<Duration>,
    pub(crate) how: How,
    pub(crate) note: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum How {
    Running,
    Done,
    Failed,
    Dropped,
    /// An event without a duration.
    Mark,
}

/// How the call ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// There are no events of calls, only of connects.
    Unknown,
    Running,
    ResponseResult,
    Failed(Failure),
    GivenUp,
}

/// The rows of a call, and its result.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) list: Vec<Row>,
    pub(crate) end: End,
    /// How it acquired its latest connection.
    pub(crate) on: Option<(&'static str, ConnectionId)>,
    pub(crate) attempts: u32,
    /// Method and URL, where its start was recorded.
    pub(crate) title: Option<Box<str>>,
    pub(crate) request: Option<(Method, Box<str>)>,
    /// The status of its latest response, and the version that it came by.
    pub(crate) status: Option<u16>,
    pub(crate) version: Option<Version>,
    /// The bytes of the request's body, where they are known, and those that were read of the response's.
    pub(crate) sent: Option<u64>,
    pub(crate) read: u64,
    /// When heads were sent that have no row, from and to, on the axis of the rows.
    pub(crate) heads: Vec<(Duration, Duration)>,
    pub(crate) call: CallId,
    pub(crate) began: Option<Instant>,
    /// Until when it is drawn if it is running: the latest event if nothing is said.
    until: Option<Duration>,
    /// Where it stands on an axis that it shares with others.
    offset: Duration,
    /// The proxies that attempts have come to.
    at_proxy: Vec<(Option<AttemptId>, Box<str>)>,
    /// Connections that it opened or used.
    used: Vec<ConnectionId>,
}

// === impl Rows ===

impl Rows {
    pub(crate) fn of<'a>(call: CallId, events: impl Iterator<Item = &'a Recorded>) -> Self {
        let mut rows = Self::new(call);
        for event in events {
            if rows.concerns(event) {
                rows.add(event);
            }
        }
        rows.finish();
        rows
    }

    pub(crate) fn new(call: CallId) -> Self {
        Self {
            list: Vec::new(),
            end: End::Unknown,
            on: None,
            attempts: 0,
            title: None,
            request: None,
            status: None,
            version: None,
            sent: Some(0),
            read: 0,
            heads: Vec::new(),
            call,
            began: None,
            until: None,
            offset: Duration::ZERO,
            at_proxy: Vec::new(),
            used: Vec::new(),
        }
    }

    /// All events were added.
    pub(crate) fn finish(&mut self) {
        self.mark_timeout();
        self.leave_out_heads();
    }

    /// Events of a connection are reported for the call that opened it, and concern all that used it.
    pub(crate) fn concerns(&self, event: &Recorded) -> bool {
        let used = || event.connection.is_some_and(|id| self.used.contains(&id));
        event.call == Some(self.call) || (event.is_of_connection() && used())
    }

    pub(crate) fn add(&mut self, event: &Recorded) {
        let began = *self.began.get_or_insert(event.at);
        let at = event.at.saturating_duration_since(began);
        match &event.kind {
            RecordedKind::CallStarted { method, url } => {
                self.end = End::Running;
                self.title = Some(format!("{method} {url}").into());
                self.request = Some((method.clone(), url.clone()));
            }
            RecordedKind::CallEnded(None) => self.end = End::ResponseResult,
            RecordedKind::CallEnded(Some(failure)) => self.end = End::Failed(failure.clone()),
            RecordedKind::Dropped(Phase::Call, _) => self.end = End::GivenUp,
            RecordedKind::AtProxy(proxy) => {
                self.at_proxy.retain(|(attempt, _)| *attempt != event.attempt);
                self.at_proxy.push((event.attempt, proxy.clone()));
            }
            RecordedKind::Started(phase) => self.open(event, *phase, at),
            RecordedKind::Ended(phase, took) => self.close(event, *phase, (at, *took), How::Done, ""),
            RecordedKind::Failed(phase, took, failure) => {
                self.close(event, *phase, (at, *took), How::Failed, &failure.cause);
            }
            RecordedKind::Dropped(phase, took) => {
                self.close(event, *phase, (at, *took), How::Dropped, self.why_dropped(*phase));
            }
            RecordedKind::Created(facts) => self.created(event, facts),
            RecordedKind::ResponseHead { status, version } => {
                (self.status, self.version) = (Some(status.as_u16()), Some(*version));
            }
            RecordedKind::Acquired(how) => self.acquired(event, *how),
            RecordedKind::RequestBody(bytes) => {
                self.sent = *bytes;
                self.carried(Phase::Send, *bytes);
            }
            RecordedKind::ResponseBody(bytes) => {
                self.read = *bytes;
                self.carried(Phase::Body, Some(*bytes));
            }
            RecordedKind::Retry { again, delivery, failure } => {
                let note = format!("{}: {} ({})", sent(*again), clean(&failure.cause), may(*delivery));
                self.mark("retry", String::new(), at, note);
            }
            RecordedKind::AddressesFound { host, endpoints, more, source } => {
                self.addresses_found(host, at, endpoints.len() + more, *source);
            }
            RecordedKind::GoAway { by_peer, code, last_stream, debug_data } => {
                let said = if debug_data.is_empty() { String::new() } else { format!(", {}", clean(debug_data)) };
                let note = format!("{} {code}, last stream {last_stream}{said}", sender(*by_peer));
                self.mark("goaway", connection(event), at, note);
            }
            RecordedKind::StreamReset { by_peer, code, stream } => {
                self.mark("reset", connection(event), at, format!("{} stream {stream}, {code}", sender(*by_peer)));
            }
            RecordedKind::TlsUnverified { name } => {
                self.mark("tls unverified", String::new(), at, clean(name).to_string());
            }
            RecordedKind::TlsFallback { from, to, failure } => {
                let note = format!("from {} to {}: {}", clean(from), clean(to), clean(&failure.cause));
                self.mark("tls fallback", String::new(), at, note);
            }
            RecordedKind::PinsNotEnforced(told) => {
                self.mark("pins", String::new(), at, clean(&told.to_string()).to_string());
            }
            RecordedKind::LeftOut { addresses, limit } => {
                self.mark("left out", String::new(), at, format!("{addresses} addresses beyond the limit of {limit}"));
            }
            RecordedKind::Postponed { endpoint, failure } => {
                self.mark(
                    "tried last",
                    String::new(),
                    at,
                    format!("{}: {}", clean(&endpoint.to_string()), clean(failure)),
                );
            }
            RecordedKind::Searched(search) => self.searched(search, at),
            RecordedKind::Draining(reason) => {
                self.mark("draining", connection(event), at, reason.sentence().to_owned())
            }
            RecordedKind::Closed(reason) => self.mark("closed", connection(event), at, reason.sentence().to_owned()),
            _ => {}
        }
    }

    fn open(&mut self, event: &Recorded, phase: Phase, at: Duration) {
        self.attempts = self.attempts.max(event.attempt.map_or(0, |attempt| attempt.0));
        let at_proxy = || self.at_proxy.iter().find(|(attempt, _)| *attempt == event.attempt);
        let route = event.route.as_deref().map(|route| route.split_once(" via ").unwrap_or((route, "")));
        let about = match phase {
            Phase::Tcp => event.endpoint.as_ref().map(ToString::to_string),
            Phase::Tls => at_proxy().map(|(_, proxy)| proxy.to_string()).or(route.map(|(origin, _)| origin.to_owned())),
            Phase::Tunnel => at_proxy().map(|(_, proxy)| proxy.to_string()).or(route.map(|(_, via)| via.to_owned())),
            _ => None,
        };
        self.list.push(Row {
            label: phase.as_str(),
            phase: Some(phase),
            attempt: event.attempt,
            about: clean(&about.unwrap_or_default()).into_owned(),
            start: at,
            end: None,
            how: How::Running,
            note: String::new(),
        });
    }

    fn close(&mut self, event: &Recorded, phase: Phase, (at, took): (Duration, Duration), how: How, note: &str) {
        if phase == Phase::Tunnel && how == How::Done {
            // What is beyond is told by itself.
            self.at_proxy.retain(|(attempt, _)| *attempt != event.attempt);
        }
        let same = |row: &Row| row.end.is_none() && row.phase == Some(phase) && row.attempt == event.attempt;
        // Two connects of one call number their attempts alike: it is the one that began then.
        let began = |row: &Row| row.start.checked_add(took) == Some(at);
        let place = self.list.iter().rposition(|row| same(row) && began(row));
        let place = place.or_else(|| self.list.iter().rposition(same));
        let note = clean(note);
        let repeated = phase == Phase::Acquire && self.list.iter().any(|row| row.note == note && !note.is_empty());
        if let Some(row) = place.and_then(|place| self.list.get_mut(place)) {
            (row.end, row.how) = (Some(at), how);
            // One that succeeds may have its note already; one that doesn't has carried what its note says, and no
            // more.
            if how != How::Done {
                let note = if repeated { "no connection".into() } else { note.into_owned() };
                let carried = (phase == Phase::Body && !row.note.is_empty()).then_some(&row.note);
                row.note = carried.map_or_else(|| note.clone(), |carried| format!("{carried}, {note}"));
            }
        }
    }

    fn why_dropped(&self, phase: Phase) -> &'static str {
        let won = |row: &Row| row.phase == Some(Phase::Tcp) && row.how == How::Done;
        match phase {
            Phase::Tcp if self.list.iter().any(won) => "lost the race",
            Phase::Body => "not read to its end",
            _ => GIVEN_UP,
        }
    }

    /// An attempt that was dropped while the search went on without another attempt was ended by its timeout, of which
    /// there is no event.
    fn mark_timeout(&mut self) {
        let went_on = |row: &Row| match row.phase {
            Some(Phase::Tcp) => row.how == How::Done,
            Some(Phase::Acquire) => row.how == How::Failed,
            _ => false,
        };
        if self.list.iter().any(went_on) {
            let given_up = |row: &&mut Row| row.phase == Some(Phase::Tcp) && row.note == GIVEN_UP;
            self.list.iter_mut().filter(given_up).for_each(|row| row.note = "out of time".into());
        }
    }

    /// The first of those that were passed over, and what came of it.
    fn searched(&mut self, search: &Search, at: Duration) {
        const MOST: usize = 4;
        for passed in search.passed_over.iter().take(MOST) {
            self.mark("passed over", String::new(), at, clean(&passed.to_string()).into_owned());
        }
        match search.passed_over.len().saturating_sub(MOST) + search.more {
            0 => {}
            more => self.mark("passed over", String::new(), at, format!("and {more} more")),
        }
        self.mark("search", String::new(), at, clean(&search.to_string()).into_owned());
    }

    fn created(&mut self, event: &Recorded, facts: &Facts) {
        self.used.extend(event.connection);
        // Another may have been free sooner.
        let has_one = self.on.is_some_and(|(how, _)| how != OPENED);
        self.on = self.on.filter(|_| has_one).or(event.connection.map(|id| (OPENED, id))).or(self.on);
        let row = |phase| move |row: &&mut Row| row.phase == Some(phase) && row.attempt == event.attempt;
        if let (Some(tls), Some(row)) = (&facts.tls, self.list.iter_mut().rfind(row(Phase::Tls))) {
            row.note = tls.to_string();
        }
        if let (Some(protocol), Some(row)) = (facts.protocol(), self.list.iter_mut().rfind(row(Phase::Handshake))) {
            row.note = protocol.into();
        }
    }

    fn acquired(&mut self, event: &Recorded, how: Acquired) {
        self.used.extend(event.connection);
        self.on = event.connection.map(|id| (acquired(how), id));
        if let Some(row) = self.list.iter_mut().rfind(|row| row.phase == Some(Phase::Acquire)) {
            row.note = format!("{} {}", acquired(how), connection(event));
        }
    }

    /// The row of the look-up that is about to end says how much it has found. Which these are, the rows of attempts
    /// say; and so they do of addresses that nobody looked up, and of a single one.
    fn addresses_found(&mut self, host: &str, at: Duration, addresses: usize, source: AddressSource) {
        let is_plain = source == AddressSource::Resolver && addresses < 2;
        if is_plain || matches!(source, AddressSource::Literal | AddressSource::Dial) {
            return;
        }
        let note = found(addresses, source);
        let looks_up = |row: &&mut Row| row.phase == Some(Phase::Resolve) && row.end.is_none();
        match self.list.iter_mut().rfind(looks_up) {
            Some(row) => row.note = note,
            None => self.mark("addresses", clean(host).into_owned(), at, note),
        }
    }

    /// How much a phase that is about to end has carried.
    fn carried(&mut self, phase: Phase, bytes: Option<u64>) {
        if let Some(row) = self.list.iter_mut().rfind(|row| row.phase == Some(phase) && row.end.is_none()) {
            row.note = bytes.map_or_else(|| "of no declared length".into(), size);
        }
    }

    /// A head alone is sent in no time: a row of its own would say nothing.
    fn leave_out_heads(&mut self) {
        let total = self.total();
        let is_head = |row: &Row| {
            let short = row.end.is_some_and(|end| end.saturating_sub(row.start) * 100 <= total);
            row.phase == Some(Phase::Send) && row.how == How::Done && row.note.is_empty() && short
        };
        let heads = self.list.iter().filter(|row| is_head(row));
        self.heads = heads.map(|row| (row.start, row.end.unwrap_or(row.start))).collect();
        self.list.retain(|row| !is_head(row));
    }

    fn mark(&mut self, label: &'static str, about: String, at: Duration, note: String) {
        let (phase, attempt, how) = (None, None, How::Mark);
        self.list.push(Row { label, phase, attempt, about, start: at, end: Some(at), how, note });
    }

    /// It is drawn until then, if it is running.
    pub(crate) fn extend(&mut self, until: Instant) {
        self.until = self.began.map(|began| until.saturating_duration_since(began));
    }

    /// Whether it is drawn until a time that was given.
    pub(crate) fn is_extended(&self) -> bool {
        self.until.is_some()
    }

    /// Counts its times from then, instead of its own beginning.
    pub(crate) fn count_from(&mut self, began: Instant) {
        let from = self.began.map_or(Duration::ZERO, |own| own.saturating_duration_since(began));
        for row in &mut self.list {
            row.start = row.start.saturating_sub(self.offset) + from;
            row.end = row.end.map(|end| end.saturating_sub(self.offset) + from);
        }
        for (start, end) in &mut self.heads {
            *start = start.saturating_sub(self.offset) + from;
            *end = end.saturating_sub(self.offset) + from;
        }
        self.offset = from;
    }

    /// Where it begins on the axis of its rows.
    pub(crate) fn begins_at(&self) -> Duration {
        self.offset
    }

    /// How long the call took. What goes on after it doesn't count.
    pub(crate) fn total(&self) -> Duration {
        self.ends_at().saturating_sub(self.offset)
    }

    /// When the call ended, on the axis of its rows.
    pub(crate) fn ends_at(&self) -> Duration {
        let own = |row: &&Row| row.phase.is_some_and(|phase| phase >= Phase::Acquire) || row.label == "retry";
        let last = |row: &Row| row.end.unwrap_or(row.start);
        let latest = self.list.iter().map(last).max();
        // While a call is running, all events so far count.
        let running = self.list.iter().filter(own).any(|row| row.end.is_none());
        let ended = self.list.iter().filter(own).map(last).max();
        let until = self.until.map(|until| until + self.offset);
        (if running { latest.max(until) } else { ended.or(latest) }).unwrap_or(self.offset)
    }
}

/// So many bytes, for people: `5 bytes`, `1.2 kB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") };
    }
    let mut size = bytes as f64 / 1e3;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while size >= 999.95
        && let Some(next) = units.next()
    {
        (size, unit) = (size / 1e3, Some(next));
    }
    format!("{size:.1} {}", unit.unwrap_or(&"TB"))
}

fn connection(event: &Recorded) -> String {
    event.connection.map_or_else(|| "connection".into(), |id| format!("connection {id}"))
}

/// `3 addresses (hints)`.
fn found(addresses: usize, source: AddressSource) -> String {
    let number = if addresses == 1 { "1 address".into() } else { format!("{addresses} addresses") };
    if source == AddressSource::Resolver { number } else { format!("{number} ({source})") }
}

fn sender(by_peer: bool) -> &'static str {
    if by_peer { "by the peer:" } else { "by us:" }
}

fn sent(again: bool) -> &'static str {
    if again { "sent again" } else { "not sent again" }
}

fn may(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Unsent => "it was not sent",
        Delivery::Refused => "it was refused unprocessed",
        _ => "it may have been processed",
    }
}

/// The description of the connection in the header.
pub(crate) fn on(rows: &Rows, facts: Option<Arc<Facts>>) -> Option<String> {
    let (how, id) = rows.on?;
    let facts = facts.map(|facts| format!(": {}", clean(&facts.to_string()))).unwrap_or_default();
    let on = if how == OPENED { "" } else { "on " };
    Some(format!("{on}{how} connection {id}{facts}"))
}
