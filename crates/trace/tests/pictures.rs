//! What is written of a run for other programs: SVG and HAR, read by parsers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use http::{Method, StatusCode, Uri, Version};
use serde_json::{Value, json};
use skybridge_core::{Acquired, CallId, CloseReason, ConnectionId, Event, EventKind, Observe, Phase, RedactedUri};
use skybridge_testkit::executor::Executor;
use skybridge_trace::{HarHeads, Recorder};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A recorder, and a clock that a test sets.
struct Told {
    recorder: Arc<Recorder>,
    start: Instant,
}

impl Told {
    fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, start: Executor::new().runtime().now() }
    }

    fn tell(&self, at: u64, call: u64, connection: Option<u64>, kind: EventKind<'_>) {
        let event = Event::new(self.start + ms(at), Some(CallId(call)), None, connection.map(ConnectionId), kind);
        self.recorder.observe(&event);
    }

    fn start(&self, at: u64, call: u64, uri: &str) {
        let uri: Uri = uri.parse().unwrap();
        self.tell(at, call, None, EventKind::CallStarted { method: &Method::POST, uri: RedactedUri(&uri) });
    }

    /// A call of 100 ms on this connection: 40 to get it, 10 each to send and to wait, 35 for the body.
    fn call(&self, at: u64, call: u64, connection: u64, how: Acquired) {
        self.start(at, call, "http://a.test/path?token=SECRET");
        let on = Some(connection);
        self.tell(at, call, None, EventKind::PhaseStarted(Phase::Acquire));
        if how == Acquired::New {
            self.tell(at + 5, call, None, EventKind::PhaseStarted(Phase::Resolve));
            self.tell(at + 10, call, None, EventKind::PhaseEnded(Phase::Resolve, ms(5)));
            self.tell(at + 10, call, None, EventKind::PhaseStarted(Phase::Tcp));
            self.tell(at + 20, call, None, EventKind::PhaseEnded(Phase::Tcp, ms(10)));
            self.tell(at + 20, call, None, EventKind::PhaseStarted(Phase::Tls));
            self.tell(at + 40, call, None, EventKind::PhaseEnded(Phase::Tls, ms(20)));
        }
        self.tell(at + 40, call, on, EventKind::Acquired(how));
        self.tell(at + 40, call, on, EventKind::PhaseEnded(Phase::Acquire, ms(40)));
        self.tell(at + 45, call, on, EventKind::PhaseStarted(Phase::Send));
        self.tell(at + 55, call, on, EventKind::RequestBody(Some(1234)));
        self.tell(at + 55, call, on, EventKind::PhaseEnded(Phase::Send, ms(10)));
        self.tell(at + 55, call, on, EventKind::PhaseStarted(Phase::Wait));
        let (status, version) = (StatusCode::CREATED, Version::HTTP_11);
        self.tell(at + 65, call, on, EventKind::ResponseHead { status, version });
        self.tell(at + 65, call, on, EventKind::PhaseEnded(Phase::Wait, ms(10)));
        self.tell(at + 65, call, on, EventKind::PhaseStarted(Phase::Body));
        self.tell(at + 100, call, on, EventKind::ResponseBody(5));
        self.tell(at + 100, call, on, EventKind::PhaseEnded(Phase::Body, ms(35)));
        self.tell(at + 100, call, on, EventKind::Released);
        self.tell(at + 100, call, None, EventKind::CallEnded(None));
    }

    fn fail(&self, at: u64, call: u64, error: &str) {
        self.start(at, call, "http://b.test/");
        self.tell(at, call, None, EventKind::PhaseStarted(Phase::Acquire));
        let cause = std::io::Error::other(error.to_owned());
        self.tell(at + 7, call, None, EventKind::PhaseFailed(Phase::Acquire, ms(7), &cause));
        let error = skybridge_core::Error::new(skybridge_core::Delivery::Unsent, Phase::Acquire, cause);
        self.tell(at + 7, call, None, EventKind::CallEnded(Some(&error)));
    }
}

fn told() -> Told {
    Told::new(Recorder::new())
}

/// Its texts, one a line, tooltips left out.
fn texts(svg: &str) -> String {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    let text = |node: roxmltree::Node<'_, '_>| {
        let parts =
            node.descendants().filter(|part| part.is_text() && !part.ancestors().any(|of| of.has_tag_name("title")));
        parts.filter_map(|part| part.text()).collect::<String>()
    };
    texts.map(text).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_picture_has_a_group_for_each_call_and_a_lane_for_each_connection() {
    let told = told();
    told.call(0, 1, 1, Acquired::New);
    told.call(70, 2, 1, Acquired::Reused);
    told.fail(30, 3, "no route to host");
    told.tell(180, 1, Some(1), EventKind::Closed(CloseReason::Idle));
    let svg = told.recorder.timelines().svg("versions and a date");
    let texts = texts(&svg);
    for told in [
        "3 calls in 170 ms on 1 connection, 1 failed",
        "versions and a date",
        "POST http://a.test/path?[hidden]   201  100 ms  on new connection 1",
        "10.0 ms  1.2 kB",
        "FAILED after 7.0 ms",
        "\u{2717} ",
        "no route to host",
        "Connections",
        "connection 1   2 calls",
        "call 2  reused",
    ] {
        assert!(texts.contains(told), "{told}: {texts}");
    }
    assert!(!svg.contains("SECRET"), "{svg}");
    let document = roxmltree::Document::parse(&svg).unwrap();
    let classes = |class: &str| {
        let has = |node: &roxmltree::Node<'_, '_>| {
            node.attribute("class").is_some_and(|of| of.split(' ').any(|own| own == class))
        };
        document.descendants().filter(has).count()
    };
    // A row and a lane for each of two calls; and the legend.
    assert_eq!((classes("send"), classes("failed")), (5, 2));
    assert!(document.descendants().filter(|node| node.has_tag_name("title")).count() > 15, "tooltips");
}

/// Each phase has its own colour, and what only waits, what failed and what was given up are drawn in other ways.
#[tokio::test(start_paused = true)]
async fn each_row_is_drawn_as_what_it_was() {
    let told = told();
    told.call(0, 1, 1, Acquired::New);
    told.fail(30, 2, "no route to host");
    let svg = told.recorder.timelines().svg("");
    let document = roxmltree::Document::parse(&svg).unwrap();
    let bar = |group: roxmltree::Node<'_, '_>| {
        let child = |name: &str| group.children().find(|node| node.has_tag_name(name));
        let title = child("title")?.text()?;
        Some(format!("{} | {}", title.split(':').next()?.trim(), child("rect")?.attribute("class")?))
    };
    let bars: Vec<_> = document.descendants().filter(|node| node.has_tag_name("g")).filter_map(bar).collect();
    let rows = [
        "acquire | queue hollow",
        "resolve | resolve",
        "tcp | tcp",
        "tls | tls",
        "send | send",
        "wait | wait hollow",
        "body | body",
        "acquire  (failed) | failed",
    ];
    let lane = ["queue hollow", "send", "wait hollow", "body"].map(|class| format!("call 1  POST http | {class}"));
    assert_eq!(bars, [&rows.map(str::to_owned)[..], &lane].concat());
}

/// One file, which runs nothing and asks nobody.
#[tokio::test(start_paused = true)]
async fn a_picture_refers_to_nothing_and_text_of_peers_stays_text() {
    let told = told();
    let hostile =
        "</text><script>alert(1)</script><image href='http://evil.test/x'/>]]>&\u{1b}[2J\u{202e}\u{ffff}\0\r\n";
    told.fail(0, 1, hostile);
    told.fail(0, 2, &"<&".repeat(100_000));
    let svg = told.recorder.timelines().svg(hostile);
    let document = roxmltree::Document::parse(&svg).unwrap();
    for node in document.descendants().filter(|node| node.is_element()) {
        let name = node.tag_name().name();
        let drawn = ["svg", "style", "defs", "pattern", "path", "rect", "g", "title", "text", "tspan"];
        assert!(drawn.contains(&name), "{name}");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "href" && !value.contains("://"), "{name}={value}");
        }
    }
    let style = document.descendants().find(|node| node.has_tag_name("style")).unwrap();
    let style = style.text().unwrap();
    assert!(
        style.contains("prefers-color-scheme") && !style.contains("@import") && !style.contains("url(h"),
        "{style}"
    );
    assert!(svg.len() < 40_000, "{}", svg.len());
    assert!(svg.contains("&lt;script&gt;alert(1)"));
}

/// A run of a million calls fills neither the memory nor the picture.
#[tokio::test(start_paused = true)]
async fn what_is_kept_and_drawn_is_bounded_and_says_so() {
    let told = Told::new(Recorder::with_capacity(16_000));
    for call in 1..=3_000 {
        told.call(call, call, call, Acquired::New);
    }
    let timelines = told.recorder.timelines();
    let kept = timelines.calls().len() as u64;
    assert_eq!((timelines.not_kept() + kept, kept < 1000), (3_000, true));
    assert!(timelines.to_string().starts_with(&format!("the latest {kept} of 3000 calls\n")));
    let har: Value = serde_json::from_str(&timelines.har("1", (told.start, SystemTime::UNIX_EPOCH))).unwrap();
    assert_eq!(har["log"]["comment"], format!("{} earlier calls were not kept", timelines.not_kept()));
    let svg = timelines.svg("");
    let texts = texts(&svg);
    assert!(texts.contains(&format!("{} earlier calls were not kept", timelines.not_kept())), "{}", &texts[..300]);
    assert!(texts.contains(&format!("and {} more calls", kept - 300)));
    assert!(svg.len() < 4_000_000, "{}", svg.len());
}

#[tokio::test(start_paused = true)]
async fn an_archive_has_all_that_the_format_asks_for() {
    let told = told();
    told.call(0, 1, 1, Acquired::New);
    told.call(70, 2, 1, Acquired::Reused);
    told.fail(30, 3, "no \"route\" to\u{202e} host");
    told.start(150, 4, "http://c.test/");
    let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_857_255_123);
    let har = told.recorder.timelines().har("1.2.3", (told.start, wall));
    let har: Value = serde_json::from_str(&har).unwrap();
    let log = &har["log"];
    assert_eq!((log["version"].as_str(), log["creator"]["name"].as_str()), (Some("1.2"), Some("skybridge")));
    assert_eq!((log["creator"]["version"].as_str(), log["pages"].as_array().map(Vec::len)), (Some("1.2.3"), Some(0)));
    assert!(log["comment"].is_null(), "all were kept");
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        // What isn't known, in the words of the format.
        for (what, name) in [("request", "headersSize"), ("response", "headersSize")] {
            assert_eq!(entry[what][name], -1, "{entry}");
        }
        let unknown = [&entry["response"]["content"]["mimeType"], &entry["response"]["redirectURL"]];
        assert_eq!(unknown, ["", ""], "{entry}");
        let number = |value: &Value| value.as_f64().unwrap();
        for (what, texts, lists, numbers) in [
            (
                "request",
                &["method", "url", "httpVersion"][..],
                &["cookies", "headers", "queryString"][..],
                &["headersSize", "bodySize"][..],
            ),
            (
                "response",
                &["statusText", "httpVersion", "redirectURL"],
                &["cookies", "headers"],
                &["status", "headersSize", "bodySize"],
            ),
        ] {
            texts.iter().for_each(|name| assert!(entry[what][name].is_string(), "{what}.{name}: {entry}"));
            lists.iter().for_each(|name| assert!(entry[what][name].is_array(), "{what}.{name}: {entry}"));
            numbers.iter().for_each(|name| assert!(entry[what][name].is_i64(), "{what}.{name}: {entry}"));
        }
        assert!(entry["cache"].is_object() && entry["response"]["content"]["size"].is_u64());
        assert!(entry["response"]["content"]["mimeType"].is_string());
        assert!(entry["startedDateTime"].as_str().unwrap().starts_with("2026-11-28T09:14:15."), "{entry}");
        let timings = &entry["timings"];
        let part = |name: &str| number(&timings[name]).max(0.0);
        let sum: f64 = ["blocked", "dns", "connect", "send", "wait", "receive"].map(part).iter().sum();
        assert!((sum - number(&entry["time"])).abs() < 0.01, "{entry}");
        assert!(part("ssl") <= part("connect"));
        assert!(["send", "wait", "receive"].iter().all(|name| number(&timings[name]) >= 0.0), "these are no options");
    }
    let timings = |entry: &Value| {
        ["blocked", "dns", "connect", "ssl", "send", "wait", "receive"]
            .map(|name| entry["timings"][name].as_f64().unwrap())
    };
    assert_eq!(timings(&entries[0]), [10.0, 5.0, 30.0, 20.0, 10.0, 10.0, 35.0]);
    assert_eq!(timings(&entries[1]), [45.0, -1.0, -1.0, -1.0, 10.0, 10.0, 35.0]);
    assert_eq!(entries[1]["startedDateTime"], "2026-11-28T09:14:15.193Z");
    assert_eq!(
        (entries[0]["response"]["status"].as_u64(), entries[0]["request"]["bodySize"].as_u64()),
        (Some(201), Some(1234))
    );
    assert_eq!(
        (entries[0]["connection"].as_str(), entries[0]["request"]["method"].as_str()),
        (Some("1"), Some("POST"))
    );
    let versions: Vec<_> = entries.iter().map(|entry| [&entry["request"], &entry["response"]]).collect();
    let versions: Vec<_> = versions.iter().map(|of| of.map(|of| of["httpVersion"].as_str().unwrap())).collect();
    // Neither of the last two has a connection.
    assert_eq!(versions, [["HTTP/1.1"; 2], ["HTTP/1.1"; 2], ["unknown"; 2], ["unknown"; 2]]);
    let sizes = entries.iter().map(|entry| entry["request"]["bodySize"].as_i64().unwrap());
    assert_eq!(sizes.collect::<Vec<_>>(), [1234, 1234, 0, 0]);
    let errors: Vec<_> = entries.iter().map(|entry| entry["response"]["_error"].as_str().unwrap_or_default()).collect();
    assert!(errors[2].contains("no \"route\" to") && errors[3] == "still running", "{errors:?}");
    assert!(!har.to_string().contains("SECRET"));
}

#[tokio::test(start_paused = true)]
async fn an_archive_has_the_heads_that_it_is_given() {
    let told = told();
    told.call(0, 1, 1, Acquired::New);
    told.call(70, 2, 1, Acquired::Reused);
    let heads = |call: CallId| {
        (call == CallId(2)).then(|| {
            let mut heads = HarHeads::default();
            heads.url = Some("http://a.test/?all".into());
            heads.request = vec![("accept".into(), "*/*".into())];
            heads.response = ["1", "2"].map(|value| ("X-A".into(), value.into())).into();
            heads.response.push(("Content-Type".into(), "text/\"plain\"".into()));
            heads
        })
    };
    let har = told.recorder.timelines().har_with("1", (told.start, SystemTime::UNIX_EPOCH), heads);
    let har: Value = serde_json::from_str(&har).unwrap();
    let entries = &har["log"]["entries"];
    assert_eq!(entries[0]["request"]["headers"], json!([]));
    assert_eq!(entries[1]["request"]["url"], "http://a.test/?all");
    assert_eq!(entries[1]["request"]["headers"], json!([{"name": "accept", "value": "*/*"}]));
    assert_eq!(entries[1]["response"]["headers"][1], json!({"name": "X-A", "value": "2"}));
    assert_eq!(entries[1]["response"]["content"]["mimeType"], "text/\"plain\"");
}
