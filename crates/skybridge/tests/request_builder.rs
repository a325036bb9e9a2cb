//! Requests that say more than a URL in one expression.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::{Cause, Client, Delivery, RequestError};
use skybridge_testkit::{executor::Executor, net::Network, origin::Origin};
use std::time::Duration;

#[tokio::test]
async fn method_body_and_header_arrive() {
    let (origin, client) = (Origin::h1().start().await, Client::new());
    let url = origin.url("/x");
    client.post(&url).header("x-id", "7").body("hello").await.unwrap();
    client.put(&url).await.unwrap();
    client.patch(&url).await.unwrap();
    client.delete(&url).await.unwrap();
    client.method(http::Method::GET, &url).header("x-id", "8").send().await.unwrap();
    let requests = origin.requests();
    let lines: Vec<_> = requests.iter().map(|request| request.line().replace(" HTTP/1.1", "")).collect();
    assert_eq!(lines, ["POST /x", "PUT /x", "PATCH /x", "DELETE /x", "GET /x"]);
    assert_eq!((requests[0].header("x-id"), requests[0].header("content-length")), (Some("7"), Some("5")));
    assert_eq!(requests[4].header("x-id"), Some("8"));
}

#[tokio::test(start_paused = true)]
async fn its_time_limit_is_of_that_call_alone() {
    let (net, executor) = (Network::new(), Executor::new());
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    // Nobody answers there.
    let _listener = net.listen("192.0.2.1:80".parse().unwrap());
    let builder = Client::builder().runtime(executor.runtime()).resolver(net.resolver()).dialer(net.dialer());
    let client = builder.timeouts(skybridge::Timeouts::new().call(Duration::from_secs(9))).build();
    for limit in [3, 9] {
        let begun = tokio::time::Instant::now();
        let request = client.post("http://a.test/");
        // Whichever is said first, and options that say nothing of time take no limit away.
        let request = if limit == 3 { request.timeout(Duration::from_secs(limit)) } else { request };
        let request = request.options(skybridge::RequestOptions::new());
        let error = request.await.unwrap_err();
        assert!(error.is_timeout() && error.phase() == skybridge::Phase::Call, "{error:?}");
        assert_eq!(begun.elapsed().as_secs(), limit);
    }
}

#[tokio::test]
async fn what_is_wrong_with_it_is_the_error_of_its_call_and_shows_no_value() {
    let client = Client::new();
    let wrong = |error: skybridge::Error| {
        assert_eq!(error.delivery(), Delivery::Unsent);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        match error.cause() {
            Cause::Request(error) => error.clone(),
            other => panic!("{other:?}"),
        }
    };
    let error = wrong(client.post("/x y").await.unwrap_err());
    assert!(matches!(error, RequestError::Origin(_) | RequestError::Uri(_)), "{error}");
    let error = wrong(client.post("http://a.test/").header("x-secret", "hunter2\r\n").body("x").await.unwrap_err());
    assert_eq!(error, RequestError::Header("x-secret".into(), "its value can't be written"));
    let error = wrong(client.post("http://a.test/").header("hunter2 x", "y").await.unwrap_err());
    assert!(matches!(error, RequestError::Header(..)), "{error}");
}

#[cfg(feature = "json")]
mod json {
    use super::*;
    use serde_json::{Value, json};
    use skybridge::TooLarge;
    use std::{collections::HashMap, error::Error};

    async fn echo() -> Origin {
        Origin::h1().handle(|request| async { http::Response::new(request.into_body()) }).start().await
    }

    #[tokio::test]
    async fn json_goes_out_and_comes_back() {
        let (origin, client) = (echo().await, Client::new());
        let sent = json!({ "name": "cat", "lives": [7, 9] });
        let response = client.post(origin.url("/")).json(&sent).await.unwrap();
        assert_eq!(response.into_body().json::<Value>().await.unwrap(), sent);
        assert_eq!(origin.requests()[0].header("content-type"), Some("application/json"));
        let response = client.post(origin.url("/")).header("content-type", "application/problem+json").json(&sent);
        response.await.unwrap();
        assert_eq!(origin.requests()[1].header("content-type"), Some("application/problem+json"));
        let request = client.post(origin.url("/")).json(&sent).header("content-type", "application/problem+json");
        let request = request.into_request().unwrap();
        let kinds: Vec<_> = request.headers().get_all("content-type").iter().collect();
        assert_eq!(kinds, ["application/problem+json"], "whichever comes first");
    }

    #[tokio::test]
    async fn forms_and_queries_are_percent_encoded() {
        let (origin, client) = (echo().await, Client::new());
        let form = client.post(origin.url("/")).form(&[("q", "cats & dogs"), ("ü", "=")]).await.unwrap();
        assert_eq!(form.into_body().text().await.unwrap(), "q=cats+%26+dogs&%C3%BC=%3D");
        assert_eq!(origin.requests()[0].header("content-type"), Some("application/x-www-form-urlencoded"));
        let uri = |url: &str, pairs: &[(&str, &str)]| {
            let request = client.method(http::Method::GET, url).query(pairs).into_request();
            request.unwrap().uri().to_string()
        };
        assert_eq!(uri("http://a.test", &[("a", "1 2")]), "http://a.test/?a=1+2");
        assert_eq!(uri("http://a.test/x?y", &[("a", "?"), ("b", "#")]), "http://a.test/x?y&a=%3F&b=%23");
        assert_eq!(uri("http://a.test/x?", &[("a", "1")]), "http://a.test/x?a=1");
        assert_eq!(uri("http://a.test/x", &[]), "http://a.test/x");
    }

    #[tokio::test]
    async fn what_is_no_json_is_an_error_with_serdes_as_its_source() {
        let (origin, client) = (echo().await, Client::new());
        let url = origin.url("/");
        let error = client.post(&url).body("nine lives").await.unwrap().into_body().json::<Value>().await.unwrap_err();
        let source = std::iter::successors(error.source(), |error| (*error).source());
        assert!(source.filter_map(|error| error.downcast_ref::<serde_json::Error>()).next().is_some(), "{error:?}");
        let response = client.post(&url).body("[1, 2, 3]").await.unwrap();
        let error = response.into_body().json_up_to::<Value>(8).await.unwrap_err();
        let source = std::iter::successors(error.source(), |error| (*error).source());
        assert!(source.filter_map(|error| error.downcast_ref::<TooLarge>()).next().is_some(), "{error:?}");
    }

    #[tokio::test]
    async fn a_value_that_cannot_be_written_fails_the_call_unsent() {
        let client = Client::new();
        let no_key = HashMap::from([(vec![1], 2)]);
        for call in [
            client.post("http://127.0.0.1:1/").json(&no_key).send(),
            client.post("http://127.0.0.1:1/").form(&[[1, 2], [3, 4]].map(|pair| (pair[0], pair))).send(),
            client.post("http://127.0.0.1:1/").query("text").send(),
        ] {
            let error = call.await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Request(RequestError::Value(_))), "{error:?}");
        }
    }
}
