//! What is a secret in a URL comes out of no error, event, timeline, picture, archive, span or line of JSON, whatever
//! becomes of the request.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{Request, Uri, header};
use proptest::prelude::*;
use skybridge::{
    Client, Error, Event, IntoUri, Observe, RequestBody,
    types::{CallId, Failed, OriginRef},
};
use skybridge_testkit::net::Conn;
use skybridge_tests::World;
use skybridge_trace::{JsonLines, Recorder, Spans};
use std::{
    error::Error as StdError,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::SystemTime,
};
use tokio::io::AsyncReadExt;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan, util::SubscriberInitExt};

const SECRET: &str = "hunter2";

fn secret() -> impl Strategy<Value = String> {
    let odd = || {
        prop_oneof![
            3 => "[/?#@:]{0,3}",
            1 => Just("://".to_owned()),
            2 => "[0-9a-z%&=+.!$,;~_-]{0,4}",
            1 => "[ <|\u{e9}\n]{0,1}",
        ]
    };
    (odd(), odd()).prop_map(|(before, after)| format!("{before}{SECRET}{after}"))
}

/// Text with a secret where secrets are.
fn url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![6 => Just("http://"), 1 => Just("https://"), 1 => Just(""), 1 => Just("ftp://")];
    let place = prop_oneof![
        2 => ("[a-z0-9.]{0,4}", secret()).prop_map(|(user, secret)| (format!("{user}:{secret}@"), String::new())),
        4 => secret().prop_map(|secret| (String::new(), format!("?{secret}"))),
        2 => secret().prop_map(|secret| (String::new(), format!("#{secret}"))),
        1 => (secret(), secret()).prop_map(|(user, token)| (format!("{user}@"), format!("?{token}#{token}"))),
    ];
    // One that answers, one that hangs up, one that refuses, one that nobody knows; and what is no host.
    let host = prop_oneof![
        3 => Just("a.test"), 3 => Just("a.test:81"), 1 => Just("a.test:82"),
        1 => Just("c.test"), 1 => Just("b\u{fc}cher.test"),
        1 => Just("a..test"), 1 => Just("a.test:x")
    ];
    let path = prop_oneof![Just(""), Just("/"), Just("/@x")];
    (scheme, place, host, path)
        .prop_map(|(scheme, (user, rest), host, path)| format!("{scheme}{user}{host}{path}{rest}"))
}

/// Text that was meant as userinfo may, to every parser, be the host or the path of a valid URL, or a path that begins
/// with a slash and has nothing before it. There it can't be hidden.
fn is_open(uri: &Uri) -> bool {
    let is_path = uri.scheme().is_none() && uri.authority().is_none() && !uri.path().starts_with("//");
    let valid = is_path || OriginRef::of(uri).and_then(OriginRef::to_owned).is_ok();
    valid && (uri.host().is_some_and(|host| host.contains(SECRET)) || uri.path().contains(SECRET))
}

/// Writes down all that a type can be made to say.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<String>>);

impl Diary {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push_str(text);
    }
}

impl Observe for Diary {
    fn observe(&self, event: &Event<'_>) {
        self.note(&format!("{event:?}\n"));
    }
}

impl Write for Diary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.note(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells all of them.
struct All(Vec<Arc<dyn Observe>>);

impl Observe for All {
    fn observe(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }
}

fn all_of(error: &(dyn StdError + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(|error| format!("{error} {error:?}\n")).collect()
}

async fn close_all(mut conn: Conn) {
    let _ = conn.read(&mut [0; 1024]).await;
}

/// By the door for text and by that for requests.
async fn send(client: &Client, text: &str, diary: &Diary) {
    let shown = |result: Result<_, Error>| match result {
        Ok(response) => format!("{response:?}"),
        Err(error) => all_of(&error) + &all_of(&Failed::<()>::lost(error)),
    };
    let call = client.get(text);
    diary.note(&format!("{call:?}"));
    diary.note(&shown(call.await));
    let Ok(uri) = text.into_uri() else { return };
    let mut request = Request::new(RequestBody::from(SECRET));
    *request.uri_mut() = uri;
    request.headers_mut().insert(header::AUTHORIZATION, SECRET.parse().unwrap());
    diary.note(&shown(client.request(request).await));
}

async fn shown(text: &str) -> String {
    let world = World::new();
    let [first, second] = [80, 81].map(|port| world.net.listen(([192, 0, 2, 1], port).into()));
    let _origin = skybridge_testkit::origin::Origin::h1().serve_on(first);
    let _hanging = second.serve(|_, conn| close_all(conn));
    let (diary, recorder) = (Diary::default(), Recorder::new());
    let observers = All(vec![
        Arc::new(diary.clone()),
        Arc::new(JsonLines::new(diary.clone())),
        Spans::new(),
        recorder.clone(),
        world.recorder.clone(),
    ]);
    let spans = diary.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("skybridge=trace"));
    let subscriber = subscriber.with_span_events(FmtSpan::FULL).with_writer(move || spans.clone()).finish();
    let _subscribed = subscriber.set_default();
    let client = world.builder().observer(Arc::new(observers)).build();
    let began = world.executor.runtime().now();
    send(&client, text, &diary).await;
    diary.note(&format!("{client:?} {:?}", world.recorder));
    (1..3).for_each(|call| diary.note(&recorder.timeline(CallId(call)).to_string()));
    let timelines = recorder.timelines();
    diary.note(&format!(
        "{timelines} {} {}",
        timelines.svg("a run"),
        timelines.har("1", (began, SystemTime::UNIX_EPOCH))
    ));
    diary.0.lock().unwrap().clone()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_shows_a_secret(text in url()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let shown = runtime.block_on(shown(&text));
        let open = text.parse().is_ok_and(|uri| is_open(&uri));
        prop_assert!(open || !shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_written_of_a_run_is_looked_at() {
    let shown = shown("http://a.test/").await;
    for kind in ["call_start", "skybridge::call", "http.request.method", "skybridge::phase", "<svg", "\"entries\"", "─"]
    {
        assert!(shown.contains(kind), "{kind}: {shown}");
    }
}
