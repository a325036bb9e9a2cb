//! Events as JSON lines, without secrets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::Request;
use skybridge::tower::util::AndThenLayer;
use skybridge::{
    Client, ConnInfo, RequestBody, RequestOptions,
    types::{
        AddressSource, CallId, CertificateScope, ConnectError, Endpoint, ErrorCode, EventKind, Found, Link,
        NotCoalesced, NotEnforced, NotUsed, Observe, Phase, PinsNotEnforced, Protocol, Proxy, ProxyAuth, ProxyKind,
        ProxyRequest, RecentFailure, Search, TlsInfo,
    },
};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    fixtures,
    net::Network,
    origin::Origin,
};
use skybridge_trace::{JsonLines, Observers, Recorder};
use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

/// A writer whose text can be read.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn addr() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}

fn client(net: &Network, executor: &Executor, observer: Arc<dyn Observe>) -> Client {
    let builder = Client::builder().runtime(executor.runtime()).observer(observer);
    builder.resolver(net.resolver()).dialer(net.dialer()).build()
}

#[tokio::test(start_paused = true)]
async fn a_phase_of_a_layer_of_ones_own_is_told_by_its_name_everywhere() {
    const NAME: &str = "proxy_protocol";
    let (net, executor, paper) = (Network::new(), Executor::new(), Paper::default());
    net.host("a.test", [addr().ip()]);
    let _origin = Origin::h1().serve_on(net.listen(addr()));
    let recorder = Recorder::new();
    let both = Observers::new().and(Arc::new(JsonLines::new(paper.clone()))).and(recorder.clone());
    let fails = Arc::new(AtomicBool::new(false));
    let greet = {
        let fails = Arc::clone(&fails);
        move |link: Link<_>| {
            let fails = fails.load(Relaxed);
            async move {
                let phase = link.phase(Phase::other(NAME));
                tokio::time::sleep(Duration::from_millis(7)).await;
                if fails {
                    return Err(phase.fail(io::Error::other("it was not welcome")));
                }
                let _ = phase.done();
                Ok::<_, ConnectError>(link)
            }
        }
    };
    let builder = Client::builder().runtime(executor.runtime()).observer(Arc::new(both));
    let builder = builder.resolver(net.resolver()).dialer(net.dialer());
    let client = builder.above_race(AndThenLayer::new(greet)).build();
    client.get("http://a.test/").await.unwrap().into_body().text().await.unwrap();
    let text = paper.text();
    assert!(
        text.contains(r#""event":"other_start","endpoint":"192.0.2.1:80","route":"a.test","phase":"proxy_protocol"}"#)
    );
    assert!(text.contains(r#""phase":"proxy_protocol","elapsed_us":7000}"#), "{text}");
    let timeline = recorder.timeline(CallId(1)).to_string();
    let row = timeline.lines().find(|line| line.contains(NAME)).unwrap();
    assert!(row.starts_with("    proxy_protocol ") && row.contains("0.000  7.000  "), "{timeline}");

    client.evict_all();
    fails.store(true, Relaxed);
    let error = client.get("http://a.test/").await.unwrap_err().to_string();
    assert!(error.contains("proxy_protocol to 192.0.2.1:80 failed: it was not welcome"), "{error}");
    assert!(paper.text().contains(r#""event":"other_failed""#));
}

#[tokio::test(start_paused = true)]
async fn each_event_is_a_line_as_it_happens() {
    let (net, executor, paper) = (Network::new(), Executor::new(), Paper::default());
    net.host("a.test", [addr().ip()]).latency(Duration::from_millis(2));
    let _origin = Origin::h1().serve_on(net.listen(addr()));
    let recorder = Recorder::new();
    let both = Observers::new().and(Arc::new(JsonLines::new(paper.clone()))).and(recorder.clone());
    let client = client(&net, &executor, Arc::new(both));
    client.get("http://a.test/").await.unwrap().into_body().text().await.unwrap();
    run_until_idle().await;
    let expected = r#"
{"t_us":0,"call":1,"event":"call_start","method":"GET","url":"http://a.test/"}
{"t_us":0,"call":1,"event":"acquire_start"}
{"t_us":0,"call":1,"event":"resolve_start"}
{"t_us":2000,"call":1,"event":"addresses_found","host":"a.test","source":"resolver","addresses":["192.0.2.1:80"]}
{"t_us":2000,"call":1,"event":"resolve_end","elapsed_us":2000}
{"t_us":2000,"call":1,"attempt":1,"event":"connect_start","endpoint":"192.0.2.1:80","route":"a.test"}
{"t_us":2000,"call":1,"attempt":1,"event":"connect_end","endpoint":"192.0.2.1:80","route":"a.test","elapsed_us":0}
{"t_us":2000,"call":1,"attempt":1,"event":"handshake_start","endpoint":"192.0.2.1:80","route":"a.test"}
{"t_us":2000,"call":1,"attempt":1,"event":"handshake_end","endpoint":"192.0.2.1:80","route":"a.test","elapsed_us":0}
{"t_us":2000,"call":1,"attempt":1,"connection":1,"event":"connection_created","endpoint":"192.0.2.1:80","route":"a.test","origin":"a.test","protocol":"h1","remote_addr":"192.0.2.1:80","local_addr":"127.0.0.1:49152"}
{"t_us":2000,"call":1,"connection":1,"event":"connection_acquired","acquired":"new"}
{"t_us":2000,"call":1,"connection":1,"event":"acquire_end","elapsed_us":2000}
{"t_us":2000,"call":1,"connection":1,"event":"send_start"}
{"t_us":2000,"call":1,"connection":1,"event":"send_end","elapsed_us":0}
{"t_us":2000,"call":1,"connection":1,"event":"wait_start"}
{"t_us":2000,"call":1,"connection":1,"event":"response_head","status":200,"version":"1.1"}
{"t_us":2000,"call":1,"connection":1,"event":"wait_end","elapsed_us":0}
{"t_us":2000,"call":1,"connection":1,"event":"body_start"}
{"t_us":2000,"call":1,"connection":1,"event":"response_body","bytes":5}
{"t_us":2000,"call":1,"connection":1,"event":"body_end","elapsed_us":0}
{"t_us":2000,"call":1,"connection":1,"event":"connection_released"}
{"t_us":2000,"call":1,"event":"call_end"}
"#;
    assert_eq!(paper.text(), expected.trim_start(), "{}", paper.text());
    assert_eq!(recorder.json_lines(), paper.text());
}

#[tokio::test(start_paused = true)]
async fn failures_have_their_error_and_no_text_breaks_the_line() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().observer(Some(recorder.clone()));
    let error = io::Error::other("a \"quoted\\\" line\n\x1b[2Jand \u{9b}31m more");
    ctx.emit(None, None, EventKind::PhaseFailed(Phase::Tls, Duration::from_millis(3), &error));
    let expected = r#"{"t_us":0,"event":"tls_failed","elapsed_us":3000,"error":"a \"quoted\\\" line\u000a\u001b[2Jand \u009b31m more"}"#;
    assert_eq!(recorder.json_lines().trim_end(), expected);
    assert_eq!(recorder.json_lines().lines().count(), 1);
    let drawn = recorder.timeline(CallId(1)).titled("\x1b[2J").to_string();
    assert!(!drawn.replace('\n', "").contains(char::is_control), "{drawn:?}");
}

#[tokio::test(start_paused = true)]
async fn addresses_and_codes_of_http2_are_told_within_bounds() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let endpoints: Vec<Endpoint> = (1..=20).map(|last| SocketAddr::from(([192, 0, 2, last], 80)).into()).collect();
    ctx.emit(None, None, EventKind::addresses_found("a\u{1b}.test", &endpoints, AddressSource::Hints));
    let (code, debug_data) = (ErrorCode(11), "calm\n\u{202e}down");
    ctx.emit(None, None, EventKind::GoAway { by_peer: true, code, last_stream: 7, debug_data });
    ctx.emit(None, None, EventKind::StreamReset { by_peer: false, code: ErrorCode(8), stream: 9 });
    let (told, more) = (endpoints.iter().take(16), r#"],"more":4}"#);
    let told = told.map(|endpoint| format!("\"{endpoint}\"")).collect::<Vec<_>>().join(",");
    let rest = r#"{"t_us":0,"call":1,"event":"goaway_received","code":"ENHANCE_YOUR_CALM","last_stream":7,"debug_data":"calm\u000a\u202edown"}
{"t_us":0,"call":1,"event":"reset_sent","code":"CANCEL","stream":9}"#;
    let head = r#"{"t_us":0,"call":1,"event":"addresses_found","host":"a\u001b.test","source":"hints","addresses":["#;
    assert_eq!(recorder.json_lines().trim_end(), format!("{head}{told}{more}\n{rest}"));
    let drawn = recorder.timeline(CallId(1)).width(200).to_string();
    for row in ["20 addresses (hints)", "by the peer: ENHANCE_YOUR_CALM", "by us: stream 9, CANCEL"] {
        assert!(drawn.contains(row), "{row}: {drawn}");
    }
    assert!(!drawn.replace('\n', "").contains(char::is_control), "{drawn:?}");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_addresses_left_out_is_reported() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    ctx.emit(None, None, EventKind::LeftOut { addresses: 36, limit: 64 });
    let expected = r#"{"t_us":0,"call":1,"event":"addresses_left_out","addresses":36,"limit":64}"#;
    assert_eq!(recorder.json_lines().trim_end(), expected);
    let drawn = recorder.timeline(CallId(1)).to_string();
    assert!(drawn.contains("36 addresses beyond the limit of 64"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_of_tls_is_reported_with_both_specs_and_the_error() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let error = ConnectError::new(Phase::Tls, io::Error::other("refused"));
    ctx.emit(None, None, EventKind::TlsFallback { from: "restricted", to: "modern", error: &error });
    let expected = r#"{"t_us":0,"call":1,"event":"tls_fallback","from":"restricted","to":"modern","error":"#;
    let line = recorder.json_lines();
    assert!(line.starts_with(expected) && line.contains("refused"), "{line}");
    let drawn = recorder.timeline(CallId(1)).to_string();
    assert!(drawn.contains("tls fallback") && drawn.contains("from restricted to modern: refused"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn pins_that_were_not_enforced_are_reported_with_the_path() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    for why in [NotEnforced::Expired(until), NotEnforced::ReportOnly] {
        let told = PinsNotEnforced::new("a.test", why, &["sha256/x".into()], &["sha256/y".into(), "sha256/z".into()]);
        ctx.emit(None, None, EventKind::PinsNotEnforced(&told));
    }
    let pins = r#""path":["sha256/x"],"pinned":["sha256/y","sha256/z"]}"#;
    let event = r#"{"t_us":0,"call":1,"event":"pins_not_enforced","host":"a.test","why":"#;
    let expired = format!(r#"{event}"expired","until":"1970-01-02T00:00:00.000Z",{pins}"#);
    let lines = recorder.json_lines();
    assert_eq!(lines.lines().collect::<Vec<_>>(), [expired, format!(r#"{event}"report_only",{pins}"#)]);
    let drawn = recorder.timeline(CallId(1)).to_string();
    assert!(drawn.contains("the pins of a.test have expired"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn why_an_address_is_tried_last_is_reported() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let failure = RecentFailure::new(Phase::Tcp, ctx.runtime().now(), &io::Error::other("refused"));
    ctx.emit(None, None, EventKind::Postponed(&fixtures::endpoint("192.0.2.1:80"), &failure));
    let expected =
        r#"{"t_us":0,"call":1,"event":"address_postponed","endpoint":"192.0.2.1:80","error":"tcp failed: refused"}"#;
    assert_eq!(recorder.json_lines().trim_end(), expected);
    let drawn = recorder.timeline(CallId(1)).to_string();
    assert!(drawn.contains("192.0.2.1:80: tcp failed: refused"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn why_a_connection_was_passed_over_is_reported() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let route = fixtures::route("https://a.test", ["192.0.2.1:443"], ctx.clone());
    let endpoint = fixtures::endpoint("192.0.2.1:443");
    let info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint).freeze(Protocol::Http2);
    let wanted = fixtures::key("https://b.test").origin;
    let mut search = Search::new(wanted, Found::Opens { open: 2, limit: Some(6) });
    search.pass_over(&info, NotUsed::Coalesced(NotCoalesced::NotCovered));
    ctx.emit(None, None, EventKind::Searched(&search));
    let expected = concat!(
        r#"{"t_us":0,"call":1,"event":"connection_search","origin":"b.test","found":"opens","#,
        r#""text":"a new connection is opened: 2 of 6 to b.test","passed_over":[{"connection":1,"origin":"a.test","#,
        r#""why":"coalesce_not_covered","text":"its certificate does not cover b.test"}]}"#
    );
    assert_eq!(recorder.json_lines().trim_end(), expected);
    let drawn = recorder.timeline(CallId(1)).to_string();
    assert!(drawn.contains("connection 1 to a.test passed over:"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn a_peers_text_moves_no_cursor_in_a_timeline() {
    let (recorder, executor) = (Recorder::new(), Executor::new());
    let ctx = executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    let error = io::Error::other("bad\n\x1b[2J");
    ctx.emit(None, None, EventKind::PhaseStarted(Phase::Wait));
    ctx.emit(None, None, EventKind::PhaseFailed(Phase::Wait, Duration::ZERO, &error));
    let drawn = recorder.timeline(CallId(1)).to_string();
    assert!(drawn.contains(r"bad\n\u{1b}[2J"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn the_facts_of_a_connection_are_in_its_line() {
    let (net, executor, recorder) = (Network::new(), Executor::new(), Recorder::new());
    let _listener = net.listen(addr());
    let mut route =
        fixtures::route("https://a.test", ["192.0.2.1:80"], executor.ctx().observer(Some(recorder.clone())));
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128)].into();
    let mut link = skybridge::types::Connector::connect(&mut net.connector(), route.clone()).await.unwrap();
    let mut tls = fixtures::tls(Some(Protocol::Http2), ["a.test"]);
    (tls.version, tls.cipher, tls.sni) = (Some("1.3"), Some("TLS13_AES_128_GCM_SHA256"), Some("a.test".into()));
    link.info.tls = Some(tls);
    let info = link.info.freeze(Protocol::Http2);
    route.ctx().emit(Some(info.attempt), info.id, EventKind::Created(&info));
    let lines = recorder.json_lines();
    assert_eq!(
        lines.lines().last().unwrap(),
        concat!(
            r#"{"t_us":0,"attempt":1,"connection":1,"event":"connection_created","endpoint":"192.0.2.1:80","#,
            r#""route":"a.test via http://proxy.test:3128","origin":"a.test","protocol":"h2","remote_addr":"192.0.2.1:80","#,
            r#""local_addr":"127.0.0.1:49152","proxy":"http://proxy.test:3128","#,
            r#""tls":{"version":"1.3","cipher":"TLS13_AES_128_GCM_SHA256","sni":"a.test","resumed":false}}"#
        )
    );
}

/// Of settings that can be replaced, and a peer that has stapled.
struct Third;
impl CertificateScope for Third {
    fn covers(&self, _: &skybridge::types::Origin) -> bool {
        false
    }

    fn spec(&self) -> Option<&str> {
        Some("modern")
    }

    fn generation(&self) -> Option<u64> {
        Some(3)
    }

    fn is_stapled(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn the_generation_and_the_staple_of_a_connection_are_in_its_line() {
    let (executor, recorder) = (Executor::new(), Recorder::new());
    let route = fixtures::route("https://a.test", ["192.0.2.1:80"], executor.ctx().observer(Some(recorder.clone())));
    let endpoint = fixtures::endpoint("192.0.2.1:80");
    let mut info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint);
    info.tls = Some(TlsInfo::new(Arc::new(Third)));
    let info = info.freeze(Protocol::Http2);
    route.ctx().emit(Some(info.attempt), info.id, EventKind::Created(&info));
    let lines = recorder.json_lines();
    let expected = r#""tls":{"resumed":false,"spec":"modern","stapled":true,"generation":3}}"#;
    assert!(lines.lines().last().unwrap().ends_with(expected), "{lines}");
}

/// Credentials of a proxy.
struct Password;

impl ProxyAuth for Password {
    fn identity(&self) -> &[u8] {
        b"SECRET-identity"
    }
    fn authorize(&self, _: &ProxyRequest<'_>, _: Option<&http::HeaderMap>) -> Option<http::HeaderValue> {
        Some(http::HeaderValue::from_static("Basic SECRET-basic"))
    }
    fn user_password(&self) -> Option<(&str, &str)> {
        Some(("SECRET-user", "SECRET-password"))
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_anything_that_is_written() {
    let (net, executor, recorder) = (Network::new(), Executor::new(), Recorder::new());
    net.host("a.test", [addr().ip()]);
    net.host("proxy.test", ["192.0.2.9".parse().unwrap()]);
    let origin = Origin::h1().serve_on(net.listen(addr()));
    let client = client(&net, &executor, recorder.clone());
    let request = |url: &str| {
        Request::post(url)
            .header("authorization", "Bearer SECRET-token")
            .header("cookie", "session=SECRET-cookie")
            .header("proxy-authorization", "Basic SECRET-header")
            .body(RequestBody::from("SECRET-body"))
            .unwrap()
    };
    // A request that succeeds, one with an invalid URL, one with an unreachable proxy, one that breaks off.
    client.request(request("http://a.test/path?token=SECRET-query")).await.unwrap();
    client.request(request("http://user:SECRET-userinfo@a.test/")).await.unwrap_err();
    let mut proxied = request("http://a.test/path");
    let proxies = [Proxy::new(ProxyKind::Socks5h, "proxy.test", 1080).auth(Password)];
    proxied.extensions_mut().insert(RequestOptions::new().proxies(proxies));
    client.request(proxied).await.unwrap_err();
    origin.close_all();
    run_until_idle().await;
    drop(origin);
    client.request(request("http://a.test/path")).await.unwrap_err();

    let mut all = recorder.json_lines() + &format!("{:?} {recorder:?}", recorder.events());
    for call in 1..=4 {
        let timeline = recorder.timeline(CallId(call));
        all += &format!("{timeline} {timeline:?}");
    }
    assert!(all.contains("call_failed") && all.contains("socks5h://proxy.test:1080"), "{all}");
    assert!(!all.contains("SECRET"), "{all}");
}
