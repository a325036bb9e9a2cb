//! The page and its JSON, of a client that has something to show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod facts;
mod hostile;

use axum::{body::to_bytes, http::HeaderMap};
use http::{Request, Response, StatusCode};
use serde_json::Value;
use skybridge::{Client, PoolConfig, inspect, tower::ServiceExt};
use skybridge_testkit::{executor::Executor, net::Network, origin::Origin};
use std::{future::pending, net::TcpListener, time::Duration};

async fn ask(client: &axum::Router, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
    let (head, body) = client.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    (head.status, head.headers, text)
}

fn app(client: &Client) -> axum::Router {
    axum::Router::new().nest_service("/inspect", inspect(client))
}

/// HTML without what XML doesn't know: the DOCTYPE's line.
fn text_of(page: &str) -> String {
    let xml = page.strip_prefix("<!DOCTYPE html>\n").expect("HTML");
    let document = roxmltree::Document::parse(xml).expect("well-formed");
    assert!(document.descendants().all(|node| !node.has_tag_name("script") && node.attribute("style").is_none()));
    let texts: Vec<_> = document.descendants().filter(|node| node.is_text()).filter_map(|node| node.text()).collect();
    texts.join(" ")
}

async fn json(app: &axum::Router) -> Value {
    serde_json::from_str(&ask(app, "GET", "/inspect/json").await.2).expect("JSON")
}

#[tokio::test]
async fn one_call_hangs_one_waits_one_route_failed_and_all_are_shown() {
    let origin = Origin::h1().handle(|_| async { pending::<Response<String>>().await }).start().await;
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder().pool(PoolConfig::new().max_per_origin(1)).keep_calls().build();
    let app = app(&client);
    let failed = client.get(format!("http://{refused}/secret?token=hunter2")).await;
    assert!(failed.is_err());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let call = client.get(origin.url("/hangs?token=hunter2"));
        calls.spawn(async move { call.await.map(drop) });
    }
    while client.stats().waiting < 1 || client.stats().active < 1 {
        tokio::task::yield_now().await;
    }

    let shown = json(&app).await;
    assert_eq!(shown["client"], "open");
    let all = shown["origins"].as_array().unwrap();
    let one = all.iter().find(|one| one["waiting_total"] == 1).expect("an origin that is waited for");
    assert_eq!(one["connections"][0]["state"], "in use");
    assert_eq!((&one["connections"][0]["streams"], &one["connections"][0]["max_streams"]), (&1.into(), &1.into()));
    assert_eq!((&one["waiting"][0]["call"], &one["waiting"][0]["for"]), (&3.into(), &"capacity".into()));
    assert!(shown["failed_routes"][0]["route"].as_str().unwrap().contains(&refused.to_string()), "{shown}");
    let states: Vec<_> = shown["calls"].as_array().unwrap().iter().map(|call| &call["state"]).collect();
    assert_eq!(states, ["running", "running", "failed"]);

    let (status, fields, page) = ask(&app, "GET", "/inspect").await;
    assert_eq!((status, fields["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    assert!(fields["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'; style-src 'sha256-"));
    let text = text_of(&page);
    for expected in ["in use", "what comes free", "call 3", "/hangs", &refused.to_string(), "The latest 3 of 3 calls"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (_, _, page) = ask(&app, "GET", "/inspect?call=1").await;
    assert!(text_of(&page).contains("call 1") && page.contains("<svg"));
    let (status, fields, svg) = ask(&app, "GET", "/inspect/calls/1.svg").await;
    assert_eq!((status, fields["content-type"].to_str().unwrap()), (StatusCode::OK, "image/svg+xml"));
    roxmltree::Document::parse(&svg).expect("well-formed");
    assert!(![page, svg, shown.to_string()].concat().contains("hunter2"));
}

#[tokio::test]
async fn a_client_that_keeps_no_calls_or_is_gone_is_not_shown_as_empty() {
    let client = Client::new();
    let app = app(&client);
    assert!(json(&app).await["calls"].is_null());
    assert!(text_of(&ask(&app, "GET", "/inspect").await.2).contains("Calls are not kept"));
    drop(client);
    assert_eq!(json(&app).await["client"], "gone");
    assert!(text_of(&ask(&app, "GET", "/inspect").await.2).contains("The client is gone"));
}

#[tokio::test]
async fn a_call_that_was_dropped_is_not_running_any_more() {
    let origin = Origin::h1().handle(|_| async { pending::<Response<String>>().await }).start().await;
    let client = Client::builder().keep_calls().build();
    let call = tokio::task::JoinSet::from_iter([client.get(origin.url("/"))]);
    while client.stats().active < 1 {
        tokio::task::yield_now().await;
    }
    let app = app(&client);
    assert_eq!(json(&app).await["calls"][0]["state"], "running");
    drop(call);
    while client.stats().active > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(json(&app).await["calls"][0]["state"], "given up");
    assert!(text_of(&ask(&app, "GET", "/inspect").await.2).contains("given up"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_has_taken_as_long_as_it_hangs() {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let _silent = net.listen("192.0.2.1:80".parse().unwrap());
    let builder = Client::builder().runtime(executor.runtime()).resolver(net.resolver()).dialer(net.dialer());
    let client = builder.keep_calls().build();
    let _call = tokio::task::JoinSet::from_iter([client.get("http://a.test/")]);
    tokio::time::sleep(Duration::from_secs(12)).await;
    let app = app(&client);
    assert_eq!(json(&app).await["calls"][0]["took_us"].as_u64().unwrap() / 1_000_000, 12);
    assert!(text_of(&ask(&app, "GET", "/inspect").await.2).contains("running 12"));
}

#[tokio::test]
async fn it_answers_get_and_head_alone() {
    let client = Client::builder().keep_calls().build();
    let app = app(&client);
    let (status, fields, _) = ask(&app, "POST", "/inspect").await;
    assert_eq!((status, fields["allow"].to_str().unwrap()), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    let (status, _, body) = ask(&app, "HEAD", "/inspect").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    for path in ["/inspect/calls/9.svg", "/inspect/calls/x.svg", "/inspect/other"] {
        assert_eq!(ask(&app, "GET", path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_latest_hundred_calls_are_kept_and_long_urls_are_cut() {
    let origin = Origin::h1().handle(|_| async { Response::new(String::new()) }).start().await;
    let client = Client::builder().keep_calls().build();
    for _ in 0..105 {
        client.get(origin.url(&format!("/{}", "a".repeat(2000)))).await.unwrap();
    }
    let shown = json(&app(&client)).await;
    let calls = shown["calls"].as_array().unwrap();
    assert_eq!((calls.len(), &shown["calls_began"], &calls[0]["call"]), (100, &105.into(), &105.into()));
    assert!(calls.iter().all(|call| call["title"].as_str().unwrap().len() < 540));
}
