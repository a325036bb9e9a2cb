//! What is shown of connections and of the pool: bytes, TLS, limits.

use crate::{app, ask, json, text_of};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use serde_json::{Value, json};
use skybridge::{Client, Event, Observe, PoolConfig, RequestBody, RequestOptions, Roots, TlsConfig, TlsLayer};
use skybridge_testkit::{certs::Ca, origin::Origin};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

fn connection(shown: &Value) -> &Value {
    &shown["origins"][0]["connections"][0]
}

/// A body that doesn't say how long it is.
struct OfNoLength(Full<Bytes>);

impl Body for OfNoLength {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

fn post(origin: &Origin, body: impl Into<RequestBody>) -> Request<RequestBody> {
    Request::post(origin.url("/")).body(body.into()).unwrap()
}

#[tokio::test]
async fn the_bytes_of_bodies_are_summed_up_for_each_connection() {
    let origin = Origin::h1().handle(|_| async { Response::new("x".repeat(1500)) }).start().await;
    let client = Client::builder().keep_calls().build();
    let app = app(&client);
    for body in ["a".repeat(700).into(), "a".repeat(700).into(), RequestBody::wrap(OfNoLength("abc".into()))] {
        client.request(post(&origin, body)).await.unwrap().into_body().bytes().await.unwrap();
    }
    let shown = json(&app).await;
    let expected = json!({ "calls": 3, "sent": 1400, "sent_undeclared": 1, "read": 4500 });
    assert_eq!(connection(&shown)["body_bytes"], expected);
    let text = text_of(&ask(&app, "GET", "/inspect").await.2);
    assert!(text.contains("1.4 kB sent, 4.5 kB read, 1 of no declared length"), "{text}");
    assert!(text.contains("without heads, frames and TLS") && !text.contains("(of "), "{text}");
}

struct Nobody;

impl Observe for Nobody {
    fn observe(&self, _: &Event<'_>) {}
}

#[tokio::test]
async fn what_others_observe_is_not_counted_and_the_page_says_of_how_many_requests_it_knows() {
    let origin = Origin::h1().handle(|_| async { Response::new("x".repeat(10)) }).start().await;
    let client = Client::builder().keep_calls().build();
    let app = app(&client);
    for observer in [Some(Arc::new(Nobody) as Arc<dyn Observe>), None] {
        let mut request = post(&origin, "abc");
        request
            .extensions_mut()
            .insert(observer.map_or(RequestOptions::new(), |it| RequestOptions::new().observer(it)));
        client.request(request).await.unwrap().into_body().bytes().await.unwrap();
    }
    let shown = json(&app).await;
    assert_eq!(connection(&shown)["carried"], 2);
    assert_eq!(connection(&shown)["body_bytes"], json!({ "calls": 1, "sent": 3, "sent_undeclared": 0, "read": 10 }));
    let text = text_of(&ask(&app, "GET", "/inspect").await.2);
    assert!(text.contains("3 bytes sent, 10 bytes read (of 1 request)"), "{text}");
}

#[tokio::test]
async fn without_kept_calls_no_bytes_are_counted_and_none_are_claimed() {
    let origin = Origin::h1().start().await;
    let client = Client::new();
    let app = app(&client);
    client.get(origin.url("/")).await.unwrap().into_body().bytes().await.unwrap();
    assert!(connection(&json(&app).await)["body_bytes"].is_null());
    let text = text_of(&ask(&app, "GET", "/inspect").await.2);
    assert!(text.contains("not counted") && !text.contains("bytes sent"), "{text}");
}

fn trusting(ca: &Ca) -> TlsLayer {
    TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap())
}

#[tokio::test]
async fn tls_is_shown_with_the_peers_names_and_their_end() {
    let ca = Ca::new("a root");
    let names: Vec<_> = std::iter::once("localhost".to_owned()).chain((1..=12).map(|n| format!("{n}.test"))).collect();
    let cert = ca.expiring(names.iter().map(String::as_str), Duration::from_secs(5 * 86_400 + 3600));
    let origin = Origin::h1().tls(&cert).start().await;
    let client = Client::builder().tls(trusting(&ca)).keep_calls().build();
    let app = app(&client);
    let url = format!("https://localhost:{}/", origin.addr().port());
    client.get(url).await.unwrap().into_body().bytes().await.unwrap();

    let shown = json(&app).await;
    let tls = &connection(&shown)["tls"];
    for (name, expected) in [("version", "1.3"), ("alpn", "http/1.1"), ("sni", "localhost"), ("ech", "none")] {
        assert_eq!(tls[name], expected, "{tls}");
    }
    assert!(tls["cipher"].as_str().unwrap().starts_with("TLS13_"), "{tls}");
    assert_eq!((&tls["resumed"], &tls["client_auth"], &tls["verified"]), (&false.into(), &false.into(), &true.into()));
    let left = Duration::from_micros(tls["valid_for_us"].as_u64().unwrap());
    assert_eq!(left.as_secs() / 86_400, 5);
    let certificate = &tls["certificate"];
    assert_eq!((certificate["names"].as_array().unwrap().len(), &certificate["more_names"]), (10, &3.into()));
    assert_eq!((&certificate["names"][0], &certificate["names"][9]), (&"localhost".into(), &"9.test".into()));
    assert_eq!(certificate["issuer"], "CN=a root");
    let until = certificate["not_after"].as_str().unwrap();

    let text = text_of(&ask(&app, "GET", "/inspect").await.2);
    for expected in [
        "TLS 1.3, TLS13_",
        ", ALPN http/1.1, name sent localhost",
        "certificate for localhost, 1.test, 2.test",
        "9.test and 3 more names, issued by CN=a root, until ",
        &until[..10],
        "; its path expires in 5 days",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("not verified"), "{text}");
}

#[tokio::test]
async fn each_limit_of_the_pool_is_shown_by_its_name() {
    let config = PoolConfig::new().max_per_origin(7).idle_timeout(Duration::from_secs(9));
    // As all of them are in its `Debug`.
    let debug = format!("{config:?}");
    let inner = debug.trim_start_matches("PoolConfig { ").trim_end_matches(" }");
    let expected: BTreeSet<_> = inner.split(", ").map(|field| field.split_once(':').unwrap().0.to_owned()).collect();
    assert!(expected.len() > 20, "{debug}");
    let client = Client::builder().pool(config).build();
    let app = app(&client);

    let shown = json(&app).await;
    let limits = shown["limits"].as_object().unwrap();
    let names: BTreeSet<_> = limits.keys().map(|name| name.trim_end_matches("_us").to_owned()).collect();
    assert_eq!(names, expected);
    assert_eq!((&limits["max_per_origin"], &limits["idle_timeout_us"]), (&7.into(), &9_000_000.into()));
    assert_eq!((&limits["max_age_us"], &limits["coalesce"]), (&Value::Null, &true.into()));
    assert_eq!((&limits["max_streams"], &limits["at_stream_limit"]), (&Value::Null, &"open another".into()));

    let page = ask(&app, "GET", "/inspect").await.2;
    for name in expected {
        assert!(page.contains(&format!("<td><code>{name}</code></td>")), "{name}: {page}");
    }
    let row = |name: &str, value: &str| page.contains(&format!("<td><code>{name}</code></td><td>{value}</td>"));
    assert!(row("max_per_origin", "7") && row("idle_timeout", "9.0 s") && row("max_age", "no limit"), "{page}");
}
