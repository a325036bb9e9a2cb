//! The time of a call, shared out among the phases that the HTTP Archive knows. Phases of one call overlap: a connect
//! goes on while the call waits on another connection. Each moment counts once, so that their sum is the call's time.

use crate::{
    json::JsonObject,
    rows::{How, Row, Rows},
};
use skybridge_core::Phase;
use std::time::Duration;

/// In microseconds; `None` for what there was none of.
pub(crate) struct HarTimings {
    blocked: u128,
    dns: Option<u128>,
    connect: Option<u128>,
    ssl: Option<u128>,
    send: u128,
    wait: u128,
    receive: u128,
}

/// What a moment may belong to. Of several it is the first: what the request itself does counts before what is done for
/// a connection.
#[derive(Clone, Copy)]
enum Part {
    Receive,
    Wait,
    Send,
    Dns,
    /// From the first attempt to the last.
    Connect,
    /// Within the connect.
    Ssl,
}

const PARTS: usize = 6;

/// Where parts begin and end, within the call.
struct Edges {
    began: Duration,
    total: u128,
    list: Vec<(u128, Part, i32)>,
}

impl HarTimings {
    pub(crate) fn of(rows: &Rows) -> Self {
        let mut edges = Edges { began: rows.begins_at(), total: rows.total().as_micros(), list: Vec::new() };
        let ends_at = rows.ends_at();
        let ended = |row: &Row| row.end.unwrap_or(ends_at);
        for row in &rows.list {
            let part = match row.phase {
                Some(Phase::Body) => Part::Receive,
                Some(Phase::Wait) => Part::Wait,
                Some(Phase::Send) => Part::Send,
                Some(Phase::Resolve) => Part::Dns,
                Some(Phase::Tls) => Part::Ssl,
                _ => continue,
            };
            edges.add(part, row.start, ended(row));
        }
        rows.heads.iter().for_each(|(from, to)| edges.add(Part::Send, *from, *to));
        let connecting = || rows.list.iter().filter(|row| row.phase.is_some_and(connects));
        let begin = connecting().map(|row| row.start).min();
        let end = connecting().filter(|row| row.how != How::Dropped).map(ended).max();
        if let Some((begin, end)) = begin.zip(end) {
            edges.add(Part::Connect, begin, end);
        }
        let [receive, wait, send, dns, connect, ssl] = edges.shares();
        let blocked = edges.total.saturating_sub(receive + wait + send + dns + connect);
        let any = |phase| rows.list.iter().any(|row| row.phase == Some(phase));
        Self {
            blocked,
            dns: any(Phase::Resolve).then_some(dns),
            connect: begin.map(|_| connect),
            ssl: any(Phase::Tls).then_some(ssl),
            send,
            wait,
            receive,
        }
    }

    pub(crate) fn json(&self) -> String {
        let mut timings = JsonObject::new();
        let maybe = |time: Option<u128>| time.map_or_else(|| "-1".into(), millis);
        timings.raw("blocked", millis(self.blocked));
        timings.raw("dns", maybe(self.dns));
        timings.raw("connect", maybe(self.connect));
        timings.raw("send", millis(self.send));
        timings.raw("wait", millis(self.wait));
        timings.raw("receive", millis(self.receive));
        timings.raw("ssl", maybe(self.ssl));
        timings.end()
    }
}

impl Edges {
    /// What lies outside of the call isn't added.
    fn add(&mut self, part: Part, from: Duration, to: Duration) {
        let within = |at: Duration| at.saturating_sub(self.began).as_micros().min(self.total);
        let (from, to) = (within(from), within(to));
        if from < to {
            self.list.extend([(from, part, 1), (to, part, -1)]);
        }
    }

    /// How much of the call each part has.
    fn shares(&mut self) -> [u128; PARTS] {
        self.list.sort_by_key(|(at, ..)| *at);
        let (mut shares, mut open, mut since) = ([0; PARTS], [0; PARTS], 0);
        for (at, part, change) in &self.list {
            let first = open.iter().position(|open| *open > 0).filter(|first| *first < Part::Ssl as usize);
            if let Some(first) = first {
                shares[first] += at - since;
                if first == Part::Connect as usize && open[Part::Ssl as usize] > 0 {
                    shares[Part::Ssl as usize] += at - since;
                }
            }
            open[*part as usize] += change;
            since = *at;
        }
        shares
    }
}

fn connects(phase: Phase) -> bool {
    matches!(phase, Phase::Tcp | Phase::Tunnel | Phase::Tls | Phase::Handshake)
}

/// Microseconds as milliseconds, as the format has them.
pub(crate) fn millis(micros: u128) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}
