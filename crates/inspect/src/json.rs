//! What the page shows, for programs. Times are microseconds.

use crate::{
    RecentCalls, Snapshot,
    calls::{KeptCall, Outcome},
    limits::{Limit, limits},
    text::{array, since},
    tls,
    view::View,
};
use skybridge_pool::{ConnectionSnapshot, ConnectionState, OriginSnapshot, PoolConfig};
use skybridge_route::FailedRoute;
use skybridge_trace::JsonObject;
use std::time::Instant;

pub(crate) fn json(snapshot: Option<Snapshot>, calls: Option<&RecentCalls>) -> String {
    let mut object = JsonObject::new();
    let now = snapshot.as_ref().map(|snapshot| snapshot.pool.at);
    object.raw("client", if snapshot.is_some() { "\"open\"" } else { "\"gone\"" });
    if let Some(Snapshot { pool, failed_routes }) = snapshot {
        object.raw("closed", pool.closed);
        object.raw("sockets", pool.sockets);
        object.maybe("descriptor_limit", pool.descriptor_limit);
        for (name, value) in [
            ("idle", pool.stats.idle),
            ("active", pool.stats.active),
            ("draining", pool.stats.draining),
            ("connecting", pool.stats.connecting),
            ("waiting", pool.stats.waiting),
        ] {
            object.raw(name, value);
        }
        object.raw("limits", of_pool(&pool.config));
        let view = View::new(pool.at, calls);
        object.raw("origins", array(pool.origins.iter().map(|one| origin(one, &view))));
        object.raw("more_origins", pool.more_origins);
        let failed = failed_routes.map(|list| array(list.iter().map(|one| failed_route(one, pool.at))));
        object.raw("failed_routes", failed.as_deref().unwrap_or("null"));
    }
    // Not kept is something else than none.
    let list = calls.map(|calls| array(calls.list().iter().map(|one| call(one, calls, now))));
    object.raw("calls", list.as_deref().unwrap_or("null"));
    object.maybe("calls_began", calls.map(RecentCalls::began));
    object.end()
}

/// No limit is `null`.
fn of_pool(config: &PoolConfig) -> String {
    let mut object = JsonObject::new();
    for (name, limit) in limits(config) {
        match limit {
            Limit::Number(Some(number)) => object.raw(name, number),
            Limit::Time(Some(time)) => object.micros(&format!("{name}_us"), time),
            Limit::Number(None) => object.raw(name, "null"),
            Limit::Time(None) => object.raw(&format!("{name}_us"), "null"),
            Limit::Does(does) => object.raw(name, does),
            Limit::Word(word) => object.text(name, word),
        }
    }
    object.end()
}

fn origin(origin: &OriginSnapshot, view: &View<'_>) -> String {
    let now = view.now;
    let mut object = JsonObject::new();
    object.text("origin", &origin.key.origin.to_string());
    let (connections, more) = View::first(&origin.connections);
    object.raw("connections", array(connections.iter().map(|one| connection(one, view))));
    object.raw("more_connections", more);
    object.raw("coalesced", array(origin.coalesced.iter().map(ToString::to_string)));
    let connects = origin.connects.iter().map(|connect| {
        let mut object = JsonObject::new();
        object.micros("age_us", since(connect.began, now));
        object.raw("waiting", connect.joined);
        object.raw("paused", connect.paused);
        object.end()
    });
    object.raw("connects", array(connects));
    let waiting = origin.waiting.iter().map(|waiting| {
        let mut object = JsonObject::new();
        object.micros("since_us", since(waiting.since, now));
        object.maybe("call", waiting.call);
        object.text("for", if waiting.joined { "connect" } else { "capacity" });
        object.end()
    });
    object.raw("waiting", array(waiting));
    object.raw("waiting_total", origin.waiting_total);
    object.raw("failures", origin.failures);
    object.end()
}

fn connection(connection: &ConnectionSnapshot, view: &View<'_>) -> String {
    let now = view.now;
    let mut object = JsonObject::new();
    object.maybe("connection", connection.info.id);
    object.text("facts", &connection.info.to_string());
    object.text("state", connection.state.as_str());
    match connection.state {
        ConnectionState::Idle(since_then) => object.micros("idle_us", since(since_then, now)),
        ConnectionState::Draining(reason) => object.text("reason", &reason.to_string()),
        _ => {}
    }
    object.raw("suspect", connection.suspect);
    object.raw("streams", connection.streams);
    object.maybe("max_streams", connection.max_streams);
    object.raw("carried", connection.carried);
    object.maybe("age_us", connection.opened.map(|opened| since(opened, now).as_micros()));
    let tls = connection.info.tls.as_ref().map(|tls| tls::json(tls, &view.certificates, now));
    object.raw("tls", tls.as_deref().unwrap_or("null"));
    let bodies = view.carried(&connection.info).map(|carried| {
        let mut object = JsonObject::new();
        object.raw("calls", carried.calls);
        object.raw("sent", carried.sent);
        object.raw("sent_undeclared", carried.undeclared);
        object.raw("read", carried.read);
        object.end()
    });
    // Not counted is something else than none.
    object.raw("body_bytes", bodies.as_deref().unwrap_or("null"));
    object.end()
}

fn failed_route(failed: &FailedRoute, now: Instant) -> String {
    let mut object = JsonObject::new();
    object.text("route", &failed.to_string());
    object.text("failure", &failed.failure.to_string());
    object.micros("since_us", since(failed.failure.at, now));
    object.micros("for_us", since(now, failed.until));
    object.end()
}

fn call(call: &KeptCall, calls: &RecentCalls, now: Option<Instant>) -> String {
    let mut object = JsonObject::new();
    object.raw("call", call.id);
    object.text("title", &call.title());
    match call.outcome() {
        Outcome::Running => object.text("state", "running"),
        Outcome::GivenUp => object.text("state", "given up"),
        Outcome::Over => object.text("state", "over"),
        Outcome::Answered(status) => {
            object.text("state", "answered");
            object.raw("status", status);
        }
        Outcome::Failed(error) => {
            object.text("state", "failed");
            object.text("error", &error);
        }
    }
    object.maybe("took_us", calls.timeline(call.id, now).map(|timeline| timeline.total().as_micros()));
    object.raw("events_left_out", call.left_out);
    object.end()
}
