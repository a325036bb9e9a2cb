//! What a subscriber of `tracing` is told: lines for people, spans with OpenTelemetry's names.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Paper, World, begin};
use http::Request;
use skybridge::types::{CallId, Event, EventKind, Observe};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    origin::Origin,
};
use skybridge_trace::Spans;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    sync::{Arc, Mutex},
};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// Keeps each span with its path and attributes, in the order in which they end.
#[derive(Clone, Default)]
struct Ended(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Attributed(BTreeMap<&'static str, String>);

impl Visit for Attributed {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ended {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut attributed = Attributed::default();
        attributes.record(&mut attributed);
        ctx.span(id).unwrap().extensions_mut().insert(attributed);
    }
    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        values.record(ctx.span(id).unwrap().extensions_mut().get_mut::<Attributed>().unwrap());
    }
    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let span = ctx.span(&id).unwrap();
        let path: Vec<_> = span.scope().from_root().map(|span| span.name()).collect();
        let mut line = path.join(" > ");
        for (name, value) in &span.extensions().get::<Attributed>().unwrap().0 {
            write!(line, " {name}={value}").unwrap();
        }
        self.0.lock().unwrap().push(line);
    }
}

impl Ended {
    fn subscribe(&self, filter: &str) -> DefaultGuard {
        set_default(tracing_subscriber::registry().with(EnvFilter::new(filter)).with(self.clone()))
    }
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn to_text(paper: &Paper, filter: &str) -> DefaultGuard {
    let paper = paper.clone();
    let format = tracing_subscriber::fmt().without_time().with_ansi(false).with_env_filter(EnvFilter::new(filter));
    set_default(format.with_writer(move || paper.clone()).finish())
}

#[tokio::test(start_paused = true)]
async fn a_line_for_each_call_and_each_connection() {
    let (paper, world) = (Paper::default(), World::new());
    let _guard = to_text(&paper, "skybridge=debug");
    let client = world.client(Spans::new());
    let origin = Origin::h1().serve_on(world.listen());
    for url in ["http://a.test/?token=hunter2", "http://a.test/x"] {
        client.get(url).await.unwrap().into_body().text().await.unwrap();
    }
    drop(origin);
    run_until_idle().await;
    world.refuse();
    client.get("http://me:hunter2@a.test/").await.unwrap_err();
    client.get("http://a.test/").await.unwrap_err();
    let text = paper.text();
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    assert_eq!(
        lines[..4],
        [
            "DEBUG skybridge::connection: connection 1 to a.test: h1, 192.0.2.1:80",
            "DEBUG skybridge::call: GET http://a.test/?[hidden]: 200 in 2.0 ms, HTTP/1.1 on connection 1 (new)",
            "DEBUG skybridge::call: GET http://a.test/x: 200 in 0.0 ms, HTTP/1.1 on connection 1 (reused)",
            "DEBUG skybridge::connection: connection 1 closed: its peer has closed it (peer_fin)",
        ],
        "{text}"
    );
    assert!(lines.last().unwrap().starts_with("DEBUG skybridge::call: GET http://a.test/ failed after "), "{text}");
    assert!(text.contains("onnection refused") && !text.contains("hunter2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn spans_have_the_names_of_opentelemetry_and_lie_in_the_current_one() {
    let (ended, world) = (Ended::default(), World::new());
    let _guard = ended.subscribe("debug");
    let client = world.client(Spans::new());
    let _origin = Origin::h1().serve_on(world.listen());
    {
        let outer = tracing::info_span!("outer");
        let _entered = outer.enter();
        let request = Request::builder().method("BREW").uri("http://a.test/?token=hunter2").body("").unwrap();
        let response = client.request(request);
        drop(_entered);
        response.await.unwrap().into_body().text().await.unwrap();
    }
    run_until_idle().await;
    let lines = ended.lines();
    let of = |start: &str| lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{lines:#?}"));
    let resolve = of("outer > http request > resolve");
    assert!(!resolve.contains("error"), "{resolve}");
    assert_eq!(of("outer > http request > attempt > tcp"), "outer > http request > attempt > tcp");
    assert_eq!(
        of("outer > http request > attempt attempt"),
        "outer > http request > attempt attempt=1 network.peer.address=192.0.2.1:80 route=a.test"
    );
    assert_eq!(
        of("outer > http request http"),
        "outer > http request http.request.method=_OTHER http.response.status_code=200 \
         network.peer.address=192.0.2.1 network.peer.port=80 network.protocol.version=1.1 otel.kind=client \
         otel.name=_OTHER server.address=a.test server.port=80 url.full=http://a.test/?[hidden]"
    );
}

#[tokio::test(start_paused = true)]
async fn what_fails_and_what_is_dropped_says_so() {
    let (ended, world) = (Ended::default(), World::new());
    let _guard = ended.subscribe("debug");
    let client = world.client(Spans::new());
    world.refuse();
    client.get("http://a.test/").await.unwrap_err();
    let lines = ended.lines();
    let has = |start: &str, what: &str| lines.iter().any(|line| line.starts_with(start) && line.contains(what));
    assert!(has("http request > attempt > tcp", "error.type=tcp otel.status_code=ERROR"), "{lines:#?}");
    assert!(has("http request > attempt attempt", "error.type=tcp"), "{lines:#?}");
    assert!(has("http request error.type=tcp", "otel.status_code=ERROR"), "{lines:#?}");

    let call = begin(client.get("http://silent.test/")).await;
    run_until_idle().await;
    drop(call);
    run_until_idle().await;
    let lines = ended.lines();
    assert!(lines.iter().any(|line| line.starts_with("http request error.type=cancelled")), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_a_call_that_nobody_wants_to_see() {
    let (ended, world, spans) = (Ended::default(), World::new(), Spans::new());
    let client = world.client(spans.clone());
    for (filter, kept) in [("skybridge=warn", 0), ("skybridge=info", 1)] {
        let _guard = ended.subscribe(filter);
        let call = begin(client.get("http://silent.test/")).await;
        run_until_idle().await;
        assert!(format!("{spans:?}").contains(&format!("calls: {kept}")), "{spans:?}");
        drop(call);
        run_until_idle().await;
    }
    assert!(format!("{spans:?}").contains("calls: 0"), "{spans:?}");
    // At this level there is a span for the call, and none for what it does.
    assert_eq!(ended.lines().len(), 1, "{:?}", ended.lines());
}

/// As one does that sends what it is told over the client that it observes.
#[derive(Clone)]
struct Asks(Arc<Spans>);

impl<S: Subscriber> Layer<S> for Asks {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.ask();
    }
    fn on_close(&self, _: Id, _: Context<'_, S>) {
        self.ask();
    }
}

impl Asks {
    fn ask(&self) {
        self.0.observe(&Event::new(Executor::new().runtime().now(), Some(CallId(99)), None, None, EventKind::Released));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_may_make_calls_of_its_own() {
    let (world, spans) = (World::new(), Spans::new());
    let _guard = set_default(tracing_subscriber::registry().with(Asks(spans.clone())));
    let client = world.client(spans);
    let _origin = Origin::h1().serve_on(world.listen());
    assert_eq!(client.get("http://a.test/").await.unwrap().status(), 200);
}

/// The targets of the table in the documentation are all there are, each at the levels that it says.
#[test]
fn the_documented_targets_are_those_of_the_code() {
    let source = include_str!("../src/spans.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("/// | `skybridge::"));
    let documented: BTreeSet<_> = rows
        .map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            (cells.next().unwrap().to_owned(), cells.next().unwrap().to_ascii_lowercase())
        })
        .collect();
    // A macro's name has the level; its target comes first.
    let macros = source.split("tracing::").skip(1).filter_map(|rest| {
        let (name, arguments) = rest.split_once('!')?;
        let level = name.strip_suffix("_span").unwrap_or(name);
        let level = match level {
            "enabled" => arguments.split_once("Level::")?.1.split(')').next()?,
            level => level,
        };
        let target = arguments.split_once("target: \"skybridge::")?.1.split('"').next()?;
        Some((target.to_owned(), level.to_ascii_lowercase()))
    });
    assert_eq!(macros.collect::<BTreeSet<_>>(), documented);
    assert_eq!(documented.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_span_of_a_look_up_has_the_name_and_the_addresses() {
    let (ended, world) = (Ended::default(), World::new());
    let _guard = ended.subscribe("skybridge=debug");
    let _origin = Origin::h1().serve_on(world.listen());
    world.client(Spans::new()).get("http://a.test/").await.unwrap();
    let lines = ended.lines();
    let resolve = lines.iter().find(|line| line.contains("> resolve")).unwrap();
    assert!(resolve.ends_with("dns.answers=[192.0.2.1] dns.question.name=a.test"), "{resolve}");
}
