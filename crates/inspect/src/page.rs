//! The page. It is HTML and well-formed XML at once, so that any parser can check it.

use crate::{
    RecentCalls, Snapshot,
    calls::{KeptCall, Outcome},
    limits::{Limit, limits},
    policy::STYLE,
    text::{count, escape, human, since},
    tls,
    view::View,
};
use skybridge_core::CallId;
use skybridge_pool::{ConnectionSnapshot, ConnectionState, OriginSnapshot, PoolConfig};
use skybridge_route::FailedRoute;
use skybridge_trace::{Timelines, size};
use std::time::Instant;

pub(crate) fn page(snapshot: Option<Snapshot>, calls: Option<&RecentCalls>, asked: Option<CallId>) -> String {
    let body = match &snapshot {
        None => "<p class=\"warn\">The client is gone: it was dropped, with all of its clones.</p>\n".to_owned(),
        Some(snapshot) => client(snapshot, calls),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width\"/><title>skybridge inspector</title>\
         <style>{STYLE}</style></head><body>\n<h1>skybridge inspector</h1>\n<p><a href=\"?\">Refresh</a></p>\n\
         {body}{}</body></html>\n",
        list_of_calls(calls, asked, snapshot.as_ref().map(|snapshot| snapshot.pool.at))
    )
}

fn client(Snapshot { pool, failed_routes }: &Snapshot, calls: Option<&RecentCalls>) -> String {
    let stats = &pool.stats;
    let mut page = format!(
        "<p>{}: {} idle, {} in use, {} draining; {} under way; {} waiting{}{}</p>\n{}<h2>Origins</h2>\n",
        count(stats.idle + stats.active + stats.draining, "connection"),
        stats.idle,
        stats.active,
        stats.draining,
        count(stats.connecting, "connect"),
        count(stats.waiting, "request"),
        pool.descriptor_limit.map(|n| format!("; out of descriptors at {}", count(n, "socket"))).unwrap_or_default(),
        if pool.closed { "; <span class=\"warn\">closed</span>" } else { "" },
        of_pool(&pool.config),
    );
    if pool.origins.is_empty() {
        page += "<p class=\"dim\">None.</p>\n";
    }
    let view = View::new(pool.at, calls);
    pool.origins.iter().for_each(|one| page += &origin(one, &view));
    if pool.more_origins > 0 {
        page += &format!("<p class=\"dim\">and {}</p>\n", count(pool.more_origins, "more origin"));
    }
    page += match calls {
        _ if pool.origins.is_empty() => "",
        Some(_) => {
            "<p class=\"dim\">Bytes are those of bodies that are over, or were given up: without heads, frames and TLS, \
             and without requests that have an observer of their own.</p>\n"
        }
        None => "<p class=\"dim\">Bytes are not counted: the client was built without <code>keep_calls</code>.</p>\n",
    };
    page + &routes(failed_routes.as_deref(), pool.at)
}

fn of_pool(config: &PoolConfig) -> String {
    let rows = limits(config).into_iter().map(|(name, limit)| {
        let value = match limit {
            Limit::Number(Some(number)) => number.to_string(),
            Limit::Time(Some(time)) => human(time),
            Limit::Number(None) | Limit::Time(None) => "no limit".to_owned(),
            Limit::Does(does) => if does { "yes" } else { "no" }.to_owned(),
            Limit::Word(word) => word.to_owned(),
        };
        vec![format!("<code>{name}</code>"), value]
    });
    let table = table(&["Setting", "Value"], &rows.collect::<Vec<_>>());
    format!("<details><summary>Limits of the pool</summary>\n{table}</details>\n")
}

fn origin(origin: &OriginSnapshot, view: &View<'_>) -> String {
    let now = view.now;
    let mut page = format!("<h3>{}</h3>\n", escape(&origin.key.origin.to_string()));
    let (connections, more) = View::first(&origin.connections);
    let rows: Vec<_> = connections.iter().map(|one| connection(one, view)).collect();
    page += &table(&["Connection", "State", "Age", "Streams", "Carried", "Bytes"], &rows);
    if more > 0 {
        page += &format!("<p class=\"dim\">and {}</p>\n", count(more, "more connection"));
    }
    if !origin.coalesced.is_empty() {
        let ids: Vec<_> = origin.coalesced.iter().map(ToString::to_string).collect();
        page += &format!("<p>uses connections of other origins: {}</p>\n", ids.join(", "));
    }
    for connect in &origin.connects {
        let paused = if connect.paused { ", paused" } else { "" };
        let (age, joined) = (human(since(connect.began, now)), count(connect.joined, "request"));
        page += &format!("<p>a connect for {age}{paused}: {joined} waiting for it</p>\n");
    }
    let rows = origin.waiting.iter().map(|waiting| {
        let call = waiting.call.map_or("a request".to_owned(), |call| format!("call {call}"));
        let what = if waiting.joined { "a connect" } else { "what comes free" };
        [call, what.to_owned(), human(since(waiting.since, now))].map(|text| escape(&text)).to_vec()
    });
    page += &table(&["Waiting", "For", "Since"], &rows.collect::<Vec<_>>());
    if let Some(more) = origin.waiting_total.checked_sub(origin.waiting.len()).filter(|more| *more > 0) {
        page += &format!("<p class=\"dim\">and {more} more waiting</p>\n");
    }
    if origin.failures > 0 {
        page += &format!("<p class=\"warn\">{} in a row</p>\n", count(origin.failures.into(), "failure"));
    }
    page
}

fn connection(connection: &ConnectionSnapshot, view: &View<'_>) -> Vec<String> {
    let now = view.now;
    let mut state = match connection.state {
        ConnectionState::Idle(then) => format!("idle for {}", human(since(then, now))),
        ConnectionState::Draining(reason) => format!("draining: {reason}"),
        _ => "in use".to_owned(),
    };
    if connection.suspect {
        state += ", suspect";
    }
    let most = connection.max_streams.map(|most| format!(" of {most}")).unwrap_or_default();
    let age = connection.opened.map_or("not known".to_owned(), |opened| human(since(opened, now)));
    let streams = format!("{}{most}", connection.streams);
    let mut facts = escape(&connection.info.to_string());
    for line in connection.info.tls.iter().flat_map(|tls| tls::lines(tls, &view.certificates, now)) {
        facts += &format!("<div class=\"dim\">{}</div>", escape(&line));
    }
    let mut cells = vec![facts];
    cells.extend(
        [state, age, streams, connection.carried.to_string(), bytes(connection, view)].map(|text| escape(&text)),
    );
    cells
}

fn bytes(connection: &ConnectionSnapshot, view: &View<'_>) -> String {
    let Some(carried) = view.carried(&connection.info) else { return "not counted".to_owned() };
    let mut text = format!("{} sent, {} read", size(carried.sent), size(carried.read));
    if carried.undeclared > 0 {
        text += &format!(", {} of no declared length", carried.undeclared);
    }
    if carried.calls < connection.carried {
        let calls = carried.calls;
        text += &format!(" (of {calls} request{})", if calls == 1 { "" } else { "s" });
    }
    text
}

fn routes(failed: Option<&[FailedRoute]>, now: Instant) -> String {
    let list = match failed {
        None => "<p class=\"dim\">Not known: the client has no route layer of ours.</p>\n".to_owned(),
        Some([]) => "<p class=\"dim\">None.</p>\n".to_owned(),
        Some(list) => {
            let row = |one: &FailedRoute| {
                let left = human(since(now, one.until));
                [one.to_string(), one.failure.to_string(), left].map(|text| escape(&text)).to_vec()
            };
            table(&["Route", "Failure", "Comes last for"], &list.iter().map(row).collect::<Vec<_>>())
        }
    };
    format!("<h2>Routes that failed</h2>\n{list}")
}

fn list_of_calls(calls: Option<&RecentCalls>, asked: Option<CallId>, now: Option<Instant>) -> String {
    let Some(calls) = calls else {
        return "<h2>Calls</h2>\n<p class=\"warn\">Calls are not kept: the client was built without \
                <code>keep_calls</code>.</p>\n"
            .to_owned();
    };
    let list = calls.list();
    let mut page = format!("<h2>The latest {} of {} calls</h2>\n", list.len(), calls.began());
    page += "<p class=\"dim\">Without requests that have an observer of their own.</p>\n";
    if let Some(id) = asked {
        page += &match calls.timeline(id, now) {
            Some(timeline) => Timelines::from(timeline).svg(&format!("call {id}")),
            None => format!("<p class=\"warn\">Call {id} is not kept any more.</p>\n"),
        };
    }
    page + &table(
        &["Call", "Request", "Result", "Took"],
        &list.iter().map(|one| call(one, calls, now)).collect::<Vec<_>>(),
    )
}

fn call(call: &KeptCall, calls: &RecentCalls, now: Option<Instant>) -> Vec<String> {
    let result = match call.outcome() {
        Outcome::Running => "running".to_owned(),
        Outcome::GivenUp => "given up".to_owned(),
        Outcome::Over => "over".to_owned(),
        Outcome::Answered(status) => status.to_string(),
        Outcome::Failed(error) => format!("<span class=\"warn\">{}</span>", escape(&error)),
    };
    let took = calls.timeline(call.id, now).map(|timeline| human(timeline.total())).unwrap_or_default();
    let id = call.id;
    vec![format!("<a href=\"?call={id}\">{id}</a>"), escape(&call.title()), result, took]
}

/// Of cells that are escaped already; nothing where there are no rows.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    let row = |row: &Vec<String>| {
        let cells: String = row.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    format!(
        "<table><thead><tr>{heads}</tr></thead><tbody>\n{}</tbody></table>\n",
        rows.iter().map(row).collect::<String>()
    )
}
