//! Answers that wait for their requests, what happens to sockets on the way, and requests that are taken.
#![allow(clippy::unwrap_used, reason = "tests")]

use skybridge::{Client, ConnectOptions, HttpVersions, RequestBody, RetryLayer, Timeouts};
use skybridge_testkit::{
    net::Network,
    origin::{Answer, Builder, Origin, SocketEffect},
};
use std::{error::Error as StdError, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// A client of a network that sends nothing again, and gives up after five seconds of silence.
fn client(net: &Network, http2: bool) -> Client {
    let timeouts = Timeouts::default().response_head(5 * SECOND).read_idle(5 * SECOND).connect(5 * SECOND);
    let versions = if http2 { HttpVersions::Http2 } else { HttpVersions::Http1 };
    let options = ConnectOptions::new().http_versions(versions);
    let builder =
        Client::builder().resolver(net.resolver()).dialer(net.dialer()).retry(RetryLayer::unsent().max_tries(1));
    builder.timeouts(timeouts).connect_options(options).build()
}

async fn text(client: &Client, url: &str) -> Result<String, skybridge::Error> {
    client.get(url).await?.into_body().text().await
}

async fn post(client: &Client, url: &str, body: &'static str) -> Result<String, skybridge::Error> {
    let request = http::Request::post(url).body(RequestBody::from(body)).unwrap();
    client.request(request).await?.into_body().text().await
}

fn origins() -> [(bool, Builder); 2] {
    [(false, Origin::h1()), (true, Origin::h2c())]
}

/// The words of an error and of those below it.
fn words(error: &dyn StdError) -> String {
    let mut words = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        words += &format!(": {error}");
        below = error.source();
    }
    words
}

#[tokio::test(start_paused = true)]
async fn answers_are_given_in_order_then_the_handler_answers() {
    for (http2, origin) in origins() {
        let net = Network::new();
        let origin = origin.enqueue("one").enqueue(Answer::new("two").status(404)).serve_at(&net, "a.test");
        let client = client(&net, http2);
        assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "one");
        let second = client.get(origin.url("/")).await.unwrap();
        assert_eq!((second.status().as_u16(), second.into_body().text().await.unwrap()), (404, "two".into()));
        assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "hello");
        origin.enqueue(Answer::new("late").header("x-a", "1").chunked());
        let last = client.get(origin.url("/")).await.unwrap();
        assert_eq!(
            (&last.headers()["x-a"], last.headers().contains_key("content-length")),
            (&"1".parse().unwrap(), false)
        );
        assert_eq!(last.into_body().text().await.unwrap(), "late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_taken_once_with_its_body_and_where_it_came() {
    for (http2, origin) in origins() {
        let net = Network::new();
        let origin = origin.serve_at(&net, "a.test");
        let client = client(&net, http2);
        let url = origin.url("/p");
        let (taken, answer) = tokio::join!(origin.take_request(), post(&client, &url, "a body"));
        assert_eq!(answer.unwrap(), "hello");
        assert_eq!((taken.method.as_str(), taken.uri.path(), &*taken.body), ("POST", "/p", &b"a body"[..]));
        text(&client, &url).await.unwrap();
        let taken = origin.take_request().await;
        assert_eq!((taken.method.as_str(), taken.connection, taken.exchange), ("GET", 0, 1));
        let none = tokio::time::timeout(SECOND, origin.take_request()).await;
        assert!(none.is_err(), "{none:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_handler_answers_is_taken_too() {
    let net = Network::new();
    let origin = Origin::h1().handle(|_| async { http::Response::new("mine".to_owned()) }).serve_at(&net, "a.test");
    assert_eq!(text(&client(&net, false), &origin.url("/")).await.unwrap(), "mine");
    assert_eq!(origin.take_request().await.name(), "c0e0");
}

/// How far a request gets, by where its socket is closed.
#[tokio::test(start_paused = true)]
async fn a_socket_ends_at_each_point_of_an_exchange() {
    type Put = fn(Answer, SocketEffect) -> Answer;
    let points: [(Put, Option<&str>); 5] = [
        (Answer::on_request_start, None),
        (Answer::on_request_body, None),
        (Answer::on_response_start, None),
        (Answer::on_response_body, Some("half")),
        (Answer::on_response_end, Some("halfhalf")),
    ];
    for effect in [SocketEffect::Close, SocketEffect::Reset] {
        for (http2, origin) in origins() {
            for (i, (put, read)) in points.into_iter().enumerate() {
                let at = format!("{effect:?} at {i}, HTTP/2 {http2}");
                let net = Network::new();
                let origin = origin.clone().enqueue(put(Answer::new("halfhalf"), effect)).serve_at(&net, "a.test");
                let client = client(&net, http2);
                let request = http::Request::post(origin.url("/")).body(RequestBody::from("abc")).unwrap();
                let answered = client.request(request).await;
                // What is in flight is lost by a reset.
                let may_be_lost = effect == SocketEffect::Reset && answered.is_err();
                assert!(answered.is_ok() == read.is_some() || may_be_lost, "{at}: {answered:?}");
                if let Err(error) = &answered {
                    let is_reset = words(error).contains("connection reset");
                    assert_eq!(is_reset, effect == SocketEffect::Reset, "{at}: {}", words(error));
                }
                if let Ok(mut response) = answered {
                    let mut body = Vec::new();
                    while let Some(Ok(frame)) = http_body_util::BodyExt::frame(response.body_mut()).await {
                        body.extend_from_slice(frame.data_ref().unwrap());
                    }
                    let expected = read.unwrap().as_bytes();
                    assert!(body == expected || effect == SocketEffect::Reset && expected.starts_with(&body), "{at}");
                }
                origin.until_open(0).await;
                assert_eq!(origin.requests().len(), 1, "{at}");
                assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "hello", "{at}");
                assert_eq!(origin.connections(), 2, "{at}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_end_before_it_is_asked_for_anything() {
    for effect in [SocketEffect::Close, SocketEffect::Reset] {
        for (http2, origin) in origins() {
            let net = Network::new();
            let origin = origin.enqueue("next").enqueue(Answer::new("").on_connect(effect)).serve_at(&net, "a.test");
            let client = client(&net, http2);
            assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "next");
            client.evict_all();
            // It may notice before it sends anything, and then connects again.
            let _ = text(&client, &origin.url("/")).await;
            assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "hello");
            assert!(origin.requests().iter().all(|request| request.connection != 1), "{:?}", origin.exchanges());
            assert_eq!(origin.connections(), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_stalls_is_silent_and_open() {
    type Put = fn(Answer, SocketEffect) -> Answer;
    let points: [Put; 4] =
        [Answer::on_connect, Answer::on_request_start, Answer::on_response_start, Answer::on_response_body];
    for (http2, origin) in origins() {
        for put in points {
            let net = Network::new();
            let stalled = put(Answer::new("halfhalf"), SocketEffect::Stall);
            let origin = origin.clone().enqueue(stalled).serve_at(&net, "a.test");
            let began = tokio::time::Instant::now();
            let error = text(&client(&net, http2), &origin.url("/")).await.unwrap_err();
            assert_eq!((error.is_timeout(), began.elapsed(), origin.open()), (true, 5 * SECOND, 1), "{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_its_time() {
    let paced = Answer::new("abcdef").delay(SECOND).body_delay(2 * SECOND).throttle(2, SECOND);
    for (http2, origin) in origins() {
        let net = Network::new();
        let origin = origin.enqueue(paced.clone()).serve_at(&net, "a.test");
        let began = tokio::time::Instant::now();
        let response = client(&net, http2).get(origin.url("/")).await.unwrap();
        assert_eq!(began.elapsed(), SECOND);
        assert_eq!(response.into_body().text().await.unwrap(), "abcdef");
        assert_eq!(began.elapsed(), 5 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_reset_by_its_code_and_the_connection_goes_on() {
    type Put = fn(Answer, SocketEffect) -> Answer;
    for put in [Answer::on_request_start as Put, Answer::on_response_start, Answer::on_response_body] {
        let net = Network::new();
        let answer = put(Answer::new("halfhalf"), SocketEffect::CloseStream(11));
        let origin = Origin::h2c().enqueue(answer).serve_at(&net, "a.test");
        let client = client(&net, true);
        let error = text(&client, &origin.url("/")).await.unwrap_err();
        assert!(words(&error).contains("ENHANCE_YOUR_CALM"), "{}", words(&error));
        assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drained_connection_takes_no_other_request() {
    for (http2, origin) in origins() {
        let net = Network::new();
        let origin = origin.enqueue(Answer::new("last").on_request_start(SocketEffect::Drain)).serve_at(&net, "a.test");
        let client = client(&net, http2);
        for body in ["last", "hello"] {
            assert_eq!(text(&client, &origin.url("/")).await.unwrap(), body);
        }
        assert_eq!(origin.exchanges(), ["c0e0", "c1e0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_follow_the_body_for_those_who_take_them() {
    for (http2, origin) in origins() {
        let net = Network::new();
        let origin = origin.enqueue(Answer::new("body").trailer("sum", "4")).serve_at(&net, "a.test");
        let request = http::Request::get(origin.url("/")).header("te", "trailers").header("connection", "te");
        let response = client(&net, http2).request(request.body(RequestBody::empty()).unwrap()).await.unwrap();
        let read = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(read.trailers().unwrap()["sum"], "4");
    }
}

#[tokio::test]
async fn on_real_sockets_and_over_tls_too() {
    for (http2, origin) in origins() {
        for effect in [SocketEffect::Close, SocketEffect::Reset] {
            let cut = Answer::new("halfhalf").on_response_body(effect);
            let origin = origin.clone().https([]).enqueue(cut).start().await;
            let roots = skybridge::Roots::Given(vec![origin.root()]);
            let tls = skybridge::TlsLayer::new(skybridge::TlsConfig::builder().roots(roots).build().unwrap());
            let client = Client::builder().tls(tls).build();
            let response = client.get(origin.url("/")).await.unwrap();
            response.into_body().text().await.unwrap_err();
            assert_eq!(text(&client, &origin.url("/")).await.unwrap(), "hello");
            assert_eq!(origin.handshakes()[0].alpn.as_deref(), Some(if http2 { "h2" } else { "http/1.1" }));
        }
    }
}
