//! A recording as an HTTP Archive, which browsers open in their network panels.

use crate::{
    Facts, HarHeads, Timeline, Timelines,
    date::iso8601,
    har_heads::fields,
    har_timings::{HarTimings, millis},
    json::{JsonObject, array},
    rows::{End, Rows},
};
use http::{StatusCode, Version};
use skybridge_core::{CallId, Endpoint, Protocol};
use std::time::{Instant, SystemTime};

impl Timelines {
    /// All calls as an [HTTP Archive 1.2](http://www.softwareishard.com/blog/har-12-spec/), as JSON. `version` is that
    /// of the program that writes it, `clock` one moment on the runtime's clock and on the wall's. It has no headers
    /// ([`har_with`](Self::har_with) has) and no bodies; URLs are without secrets. A call without an answer has the
    /// status 0, and `_error` says why.
    ///
    /// `blocked` is all that is none of the other phases: waiting for a connection, also for one that another call
    /// opens, and tries that failed. `connect` is from the first attempt to a connection that speaks HTTP, tunnels and
    /// `ssl` included. What overlaps counts once, for what the request itself does: the timings of an entry but `ssl`,
    /// which is a part of `connect`, are its `time`.
    pub fn har(&self, version: &str, clock: (Instant, SystemTime)) -> String {
        self.har_with(version, clock, |_| None)
    }

    /// The same with the heads of those calls of which they are known: no event has them.
    pub fn har_with(
        &self,
        version: &str,
        clock: (Instant, SystemTime),
        heads: impl Fn(CallId) -> Option<HarHeads>,
    ) -> String {
        let mut creator = JsonObject::new();
        creator.text("name", "skybridge");
        creator.text("version", version);
        let entries = self.list.iter().map(|timeline| {
            let heads = heads(timeline.call()).unwrap_or_default();
            self.entry(timeline, clock, &heads)
        });
        let mut log = JsonObject::new();
        log.text("version", "1.2");
        log.raw("creator", creator.end());
        log.raw("pages", "[]");
        log.raw("entries", array(entries));
        if self.not_kept() > 0 {
            log.text("comment", &format!("{} earlier calls were not kept", self.not_kept()));
        }
        let mut har = JsonObject::new();
        har.raw("log", log.end());
        har.end() + "\n"
    }

    fn entry(&self, timeline: &Timeline, (instant, wall): (Instant, SystemTime), heads: &HarHeads) -> String {
        let rows = &timeline.rows;
        let started = rows.began.map_or(wall, |began| match began.checked_duration_since(instant) {
            Some(later) => wall.checked_add(later).unwrap_or(wall),
            None => wall.checked_sub(instant.saturating_duration_since(began)).unwrap_or(wall),
        });
        let facts = rows.on.and_then(|(_, id)| self.lanes.iter().find(|lane| lane.id == id)?.facts.as_deref());
        let mut entry = JsonObject::new();
        entry.text("startedDateTime", &iso8601(started));
        entry.raw("time", millis(rows.total().as_micros()));
        entry.raw("request", request(rows, version(rows, facts), heads));
        entry.raw("response", response(rows, version(rows, facts), heads));
        entry.raw("cache", "{}");
        entry.raw("timings", HarTimings::of(rows).json());
        if let Some(Endpoint::Inet(address)) = facts.map(|facts| &facts.remote) {
            entry.text("serverIPAddress", &address.ip().to_string());
        }
        if let Some((_, id)) = rows.on {
            entry.text("connection", &id.to_string());
        }
        if let Some(facts) = facts {
            entry.text("comment", &about(rows, facts));
        }
        entry.end()
    }
}

fn about(rows: &Rows, facts: &Facts) -> String {
    let how = rows.on.map_or("", |(how, _)| how);
    format!("call {}: {how} connection, {facts}", rows.call)
}

/// Of the answer, or without one of the connection. The format wants one where there was neither; browsers say so.
fn version(rows: &Rows, facts: Option<&Facts>) -> &'static str {
    match (rows.version, facts.and_then(|facts| facts.protocol)) {
        (Some(Version::HTTP_2), _) | (None, Some(Protocol::Http2)) => "HTTP/2",
        (Some(Version::HTTP_10), _) => "HTTP/1.0",
        (Some(_), _) | (None, Some(_)) => "HTTP/1.1",
        (None, None) => "unknown",
    }
}

fn request(rows: &Rows, version: &str, heads: &HarHeads) -> String {
    let (method, url) = rows.request.as_ref().map_or(("", ""), |(method, url)| (method.as_str(), url));
    let url = heads.url.as_deref().unwrap_or(url);
    let mut request = JsonObject::new();
    request.text("method", method);
    request.text("url", url);
    request.text("httpVersion", version);
    request.raw("cookies", "[]");
    request.raw("headers", fields(&heads.request));
    request.raw("queryString", "[]");
    request.raw("headersSize", -1);
    request.raw("bodySize", rows.sent.map_or("-1".into(), |bytes| bytes.to_string()));
    request.end()
}

fn response(rows: &Rows, version: &str, heads: &HarHeads) -> String {
    let status = rows.status.and_then(|status| StatusCode::from_u16(status).ok());
    let mut content = JsonObject::new();
    content.raw("size", rows.read);
    content.text("mimeType", heads.answered("content-type"));
    let mut response = JsonObject::new();
    response.raw("status", rows.status.unwrap_or(0));
    response.text("statusText", status.and_then(|status| status.canonical_reason()).unwrap_or_default());
    response.text("httpVersion", version);
    response.raw("cookies", "[]");
    response.raw("headers", fields(&heads.response));
    response.raw("content", content.end());
    response.text("redirectURL", heads.answered("location"));
    response.raw("headersSize", -1);
    response.raw("bodySize", rows.read);
    match &rows.end {
        End::Failed(failure) => response.text("_error", &failure.message),
        End::GivenUp => response.text("_error", "given up"),
        End::Running => response.text("_error", "still running"),
        End::Unknown | End::ResponseResult => {}
    }
    response.end()
}
