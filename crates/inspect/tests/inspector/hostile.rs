//! What peers, URLs and errors say is text on the page, in its JSON and in its pictures, whatever it is; and a secret
//! is in none of them.

use crate::{ask, text_of};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;
use skybridge::{
    Cause, ConnectError, Delivery, Endpoint, Error, Event, EventKind, H1, H2, NegotiateLayer, Observe, Phase,
    PoolLayer, Proxy, RaceLayer, RequestBody, RouteLayer, System, Tcp, TokioRuntime,
    tower::{ServiceBuilder, ServiceExt},
    types::{
        AddressSource, AttemptId, CallId, Certificate, CertificateScope, ConnectionId, ErrorCode, Origin as CoreOrigin,
        ProxyKind, ProxyStep, RedactedUri, SocksStep, SubjectName, TlsInfo,
    },
};
use skybridge_inspect::{Inspector, RecentCalls, Snapshot, Source};
use skybridge_route::FailedRoutes;
use skybridge_testkit::origin::Origin;
use std::{
    collections::BTreeSet,
    net::TcpListener,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

const SECRET: &str = "hunter2";
const SECOND: Duration = Duration::from_secs(1);

/// What would be markup, end a string or a line, move a cursor, or turn a line around.
const PIECES: [&str; 22] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"",
    "'",
    "&",
    "&lt;",
    "&#60;",
    "]]>",
    "-->",
    "<!--",
    "\" onload=\"x",
    "\\",
    "\\u003c",
    "\u{202e}",
    "\u{200b}",
    "\u{2028}",
    "\u{1b}[2J",
    "\r\n",
    "\0",
    "\u{9b}",
    "\u{fffe}",
    "\u{feff}",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z]{1,3}",
    ];
    vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// Says the same of each connection, and knows a peer with such names.
struct Shown(Snapshot);

impl Source for Shown {
    fn snapshot(&self, _: usize) -> Option<Snapshot> {
        Some(self.0.clone())
    }
}

struct Names(String);

impl CertificateScope for Names {
    fn covers(&self, _: &CoreOrigin) -> bool {
        false
    }

    fn certificates(&self) -> Vec<Certificate> {
        let mut certificate = Certificate::unread(b"");
        certificate.subject = Some(of("subject", &self.0).into());
        certificate.issuer = Some(of("issuer", &self.0).into());
        // A page names whose certificate it is where that has no names.
        let has_names = self.0.len().is_multiple_of(2);
        certificate.names = has_names.then(|| [SubjectName::Dns(of("dns", &self.0).into())].into());
        vec![certificate]
    }
}

/// A text that says where it was given.
fn of(place: &str, text: &str) -> String {
    format!("~{place}{text}")
}

/// A connection and a failed route that really were.
static REAL: LazyLock<Snapshot> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let origin = Origin::h1().handle(|_| async { Response::new(String::new()) }).start().await;
        let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let failed_routes = FailedRoutes::new();
        let pool = ServiceBuilder::new()
            .layer(PoolLayer::new(TokioRuntime::current()))
            .layer(RouteLayer::new(System::new()).failed_routes(failed_routes.clone()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(RaceLayer::happy_eyeballs())
            .service(Tcp::new());
        let get = |url: String| Request::get(url).body(RequestBody::empty()).unwrap();
        assert!(pool.clone().oneshot(get(format!("http://{refused}/"))).await.is_err());
        let response = pool.clone().oneshot(get(origin.url("/"))).await.unwrap();
        response.into_body().collect().await.unwrap();
        let snapshot = pool.snapshot(10);
        Snapshot { failed_routes: failed_routes.list(snapshot.at), pool: snapshot }
    })
});

fn snapshot(text: &str) -> Snapshot {
    let mut snapshot = REAL.clone();
    let connections = snapshot.pool.origins.iter_mut().flat_map(|origin| &mut origin.connections);
    for connection in connections {
        let mut info = (*connection.info).clone();
        info.remote = Endpoint::Unix(Path::new(&of("endpoint", text)).into());
        let mut tls = TlsInfo::new(Arc::new(Names(text.to_owned())));
        tls.sni = Some(of("sni", text).into());
        info.tls = Some(tls);
        connection.info = Arc::new(info);
    }
    for failed in snapshot.failed_routes.iter_mut().flatten() {
        failed.endpoint = Some(Endpoint::Unix(Path::new(&of("route", text)).into()));
        failed.failure.reason = of("failure", text).into();
        failed.proxies = [proxy(text)].into();
    }
    snapshot
}

/// A proxy with a secret, of a name that no URL could have.
fn proxy(text: &str) -> Proxy {
    let with_secret = Proxy::parse(&format!("http://me:{SECRET}@a.test")).unwrap();
    let mut proxy = Proxy::new(ProxyKind::Http, of("proxy", text), 80);
    proxy.auth = with_secret.auth;
    proxy
}

/// The path that a URL may have that is nearest to the text.
fn uri(text: &str) -> Uri {
    let secrets = format!("?token={SECRET}#{SECRET}");
    let path = |text: &str| format!("http://me:{SECRET}@a.test/{}{secrets}", of("path", text)).parse();
    let kept: String = text.chars().filter(|c| path(&c.to_string()).is_ok() && !"?#".contains(*c)).collect();
    path(&kept).unwrap()
}

/// A call of which each event says it.
fn calls(text: &str) -> Arc<RecentCalls> {
    let calls = RecentCalls::new();
    let (uri, proxy, id) = (uri(text), proxy(text), ConnectionId(1));
    // A method is a token (RFC 9110, section 9.1).
    let method = Method::from_bytes(b"X-'&").unwrap();
    let failed = ConnectError::new(Phase::Tcp, of("error", text));
    let target = of("target", text);
    let host = of("host", text);
    let endpoint = [Endpoint::Unix(Path::new(&of("endpoint", text)).into())];
    let ended =
        Error::of(Delivery::Unsent, Phase::Tcp, Cause::Connect(ConnectError::new(Phase::Tcp, of("error", text))));
    let at = REAL.pool.at;
    for kind in [
        EventKind::CallStarted { method: &method, uri: RedactedUri(&uri) },
        EventKind::PhaseStarted(Phase::Acquire),
        EventKind::AddressesFound { host: &host, endpoints: &endpoint, more: 0, source: AddressSource::Hints },
        EventKind::AtProxy(&proxy),
        EventKind::PhaseStarted(Phase::Tunnel),
        EventKind::ProxyStep(&proxy, ProxyStep::Socks(SocksStep::Asked { target: &target })),
        EventKind::PhaseFailed(Phase::Tunnel, SECOND, &failed),
        EventKind::GoAway { by_peer: true, code: ErrorCode(11), last_stream: 1, debug_data: &of("debug", text) },
        EventKind::CallEnded(Some(&ended)),
    ] {
        calls.observe(&Event::new(at, Some(CallId(1)), Some(AttemptId(1)), Some(id), kind));
    }
    calls
}

/// The tags of a document with their attributes, and to where its links lead.
fn markup(document: &str) -> BTreeSet<(String, String)> {
    let xml = document.trim_start_matches("<!DOCTYPE html>\n");
    let parsed = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {document}"));
    let of = |node: roxmltree::Node<'_, '_>| {
        assert!(!node.is_comment() && !node.is_pi(), "{document}");
        let name = node.tag_name().name().to_owned();
        let attributes = node.attributes().map(|one| match one.name() {
            "href" | "class" | "id" => format!("{}={}", one.name(), one.value()),
            name => name.to_owned(),
        });
        let all: Vec<_> = attributes.map(|attribute| (name.clone(), attribute)).collect();
        all.into_iter().chain([(name, String::new())]).collect::<Vec<_>>()
    };
    parsed.descendants().filter(roxmltree::Node::is_element).flat_map(of).collect()
}

/// Nothing moves a cursor, is not seen, or turns a line around, and nothing is a secret.
fn check_characters(text: &str) {
    let odd = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    assert!(!text.contains(odd), "{text:?}");
    assert!(!text.contains(SECRET), "{text}");
}

fn shown(text: &str) -> [String; 4] {
    let app = axum::Router::new().nest_service("/inspect", Inspector::new(Shown(snapshot(text)), Some(calls(text))));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    ["/inspect", "/inspect?call=1", "/inspect/calls/1.svg", "/inspect/json"].map(|path| {
        let (status, _, body) = runtime.block_on(ask(&app, "GET", path));
        assert_eq!(status, StatusCode::OK, "{path}");
        body
    })
}

/// The markup of the page and its pictures where nobody means harm.
static HARMLESS: LazyLock<[BTreeSet<(String, String)>; 3]> = LazyLock::new(|| {
    let [page, with_call, picture, _] = shown("ab");
    [page, with_call, picture].map(|document| markup(&document))
});

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_others_say_is_text_and_no_secret_is_shown(text in hostile()) {
        let [page, with_call, picture, json] = shown(&text);
        for (document, harmless) in [&page, &with_call, &picture].into_iter().zip(&*HARMLESS) {
            let odd: Vec<_> = markup(document).difference(harmless).cloned().collect();
            assert!(odd.is_empty(), "{odd:?}: {document}");
            check_characters(document);
        }
        check_characters(&json);
        assert!(!json.contains('\n'), "{json:?}");
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["failed_routes"][0]["failure"], format!("tcp failed: {}", of("failure", &text)));
        // The origin that refused has none.
        let connections = read["origins"].as_array().unwrap().iter().flat_map(|one| one["connections"].as_array().unwrap());
        assert!(connections.map(|one| &one["tls"]["sni"]).eq([&Value::from(of("sni", &text))]), "{json}");
    }
}

#[test]
fn all_that_others_say_is_looked_at() {
    let [page, with_call, picture, json] = shown("ab");
    let on_page = ["endpoint", "sni", "dns", "issuer", "route", "failure", "proxy", "path", "error"];
    for place in on_page {
        assert!(text_of(&page).contains(&of(place, "ab")), "{place}: {page}");
        assert!(json.contains(&of(place, "ab")), "{place}: {json}");
    }
    for place in ["path", "host", "proxy", "error", "debug"] {
        assert!(with_call.contains(&of(place, "ab")) && picture.contains(&of(place, "ab")), "{place}: {picture}");
    }
    // Whose certificate it is, where that has no names.
    assert!(text_of(&shown("a")[0]).contains("~subjecta"));
}
