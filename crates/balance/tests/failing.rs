//! Servers that fail in other ways than by refusing a connection, and what becomes of the requests for them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use skybridge::{
    Delivery, Error, Phase, RequestBody, RequestOptions,
    types::{BoxError, ConnectError, Failed},
};
use skybridge_testkit::{drop_walk::drop_walk, h1::Script, origin::Origin};
use std::{
    future::{Future, pending, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use support::{Stage, URL, endpoint, get, ip, server_of};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Each of them may be the one that is still asked when all fail, and each the one that comes back.
#[tokio::test(start_paused = true)]
async fn whichever_server_comes_back_first_is_found_after_a_long_time_without_any() {
    for back in 1..=3 {
        let stage = Stage::new([1, 2, 3]);
        for last in 1..=3 {
            stage.net.at((ip(last), 80).into()).refuse();
        }
        let client = stage.client();
        // Long enough for the longest backoff.
        for _ in 0..120 {
            assert!(get(&client).await.is_err());
            sleep(seconds(1)).await;
        }
        let before = stage.net.opened();
        for _ in 0..10 {
            assert!(get(&client).await.is_err());
        }
        // Requests without hope connect once each, not to all servers each.
        assert!(stage.net.opened() - before <= 12, "{}", stage.net.opened() - before);
        stage.net.at((ip(back), 80).into()).heal();
        let _server = stage.server(back);
        let mut failed = 0;
        while get(&client).await.is_err() {
            failed += 1;
            assert!(failed < 10, "{back}");
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(get(&client).await.unwrap(), endpoint(back));
    }
}

/// The end of its backoff is not noticed by anybody while the only request waits for another server.
#[tokio::test(start_paused = true)]
async fn a_request_goes_to_a_server_whose_backoff_ended_while_it_waited() {
    for _ in 0..8 {
        let stage = Stage::new([1, 2]);
        stage.net.at((ip(1), 80).into()).refuse();
        let two = stage.server(2);
        let client = stage.client();
        // Until the first one is left alone.
        while stage.layer.endpoints().iter().all(|state| state.left_alone.is_none()) {
            get(&client).await.unwrap();
        }
        stage.net.at((ip(1), 80).into()).heal();
        let _one = stage.server(1);
        drop(two);
        stage.net.at((ip(2), 80).into()).black_hole();
        assert_eq!(get(&client).await.unwrap(), endpoint(1));
    }
}

/// It answers each request, and no answer is whole.
#[tokio::test(start_paused = true)]
async fn a_server_whose_answers_end_early_is_left_alone_too() {
    let stage = Stage::new([1, 2]);
    let _one = stage.server(1);
    let bad = stage.net.listen((ip(2), 80).into());
    let _served = bad.serve(|_, conn| async move {
        let mut script = Script::new(conn);
        script.request().await;
        script.send("HTTP/1.1 200 OK\r\nserver: 2\r\ncontent-length: 100\r\n\r\nhalf").await;
    });
    let client = stage.client();
    let mut failed = 0;
    for _ in 0..200 {
        failed += usize::from(get(&client).await.is_err());
    }
    assert_eq!(failed, 3);
    let states = stage.layer.endpoints();
    let second = states.iter().find(|state| state.endpoint == endpoint(2)).unwrap();
    assert!(second.left_alone.is_some() && second.failures == 3 && second.reason.is_some(), "{second:?}");
}

/// Whoever has all of a body whose length is known asks for no more, and may keep the response.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_read_counts_no_longer_though_it_is_still_there() {
    let stage = Stage::new([1, 2]);
    let (_one, _two) = (stage.server(1), stage.server(2));
    let client = stage.client();
    let mut held = client.get(URL).await.unwrap();
    let frame = held.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "hello");
    let mut by_the_same = 0;
    for _ in 0..64 {
        by_the_same += usize::from(get(&client).await.unwrap() == server_of(&held));
    }
    assert!(by_the_same > 0);
}

/// Ready or not: once an error, and then again as ever.
#[derive(Clone)]
struct Below {
    fails: Arc<AtomicBool>,
    failed: Arc<AtomicUsize>,
}

impl Service<Request<RequestBody>> for Below {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.fails.load(Ordering::SeqCst) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            let error = Error::new(Delivery::Unsent, Phase::Acquire, "not ready");
            return Poll::Ready(Err(Failed::<Request<RequestBody>>::lost(error).into()));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        std::future::ready(Ok(Response::new(Full::from("fine"))))
    }
}

/// tower's balancer drops a service whose `poll_ready` fails: then there is none left, and requests wait for ever.
#[tokio::test(start_paused = true)]
async fn a_service_below_that_is_not_ready_fails_requests_and_loses_no_server() {
    let stage = Stage::new([1, 2]);
    let below = Below { fails: Arc::new(true.into()), failed: Arc::default() };
    let mut balanced = stage.layer.layer(below.clone());
    let mut call = async || {
        let request = Request::get(URL).body(RequestBody::default()).unwrap();
        let called = async { balanced.ready().await.unwrap().call(request).await };
        timeout(seconds(5), called).await.expect("no wait")
    };
    for _ in 0..4 {
        let failed = call().await.err().unwrap();
        assert_eq!(failed.error.delivery(), Delivery::Unsent);
        assert!(failed.error.to_string().contains("not ready"), "{}", failed.error);
    }
    below.fails.store(false, Ordering::SeqCst);
    let body = call().await.ok().unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "fine");
    assert_eq!(stage.layer.endpoints().len(), 2);
}

/// Refuses the first request that it gets, and then isn't ready until it is opened.
#[derive(Clone, Default)]
struct OnceRefusing(Arc<(AtomicUsize, AtomicBool, Mutex<Vec<Waker>>)>);

impl OnceRefusing {
    fn open(&self) {
        self.0.1.store(true, Ordering::SeqCst);
        self.0.2.lock().unwrap().drain(..).for_each(Waker::wake);
    }
}

impl Service<Request<RequestBody>> for OnceRefusing {
    type Response = Response<Empty<Bytes>>;
    type Error = Failed<Request<RequestBody>>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.0.0.load(Ordering::SeqCst) == 0 || self.0.1.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        self.0.2.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let is_first = self.0.0.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move {
            if !is_first {
                return Ok(Response::new(Empty::new()));
            }
            let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
            Err(Failed::with(Error::from(ConnectError::new(Phase::Tcp, refused)), request))
        })
    }
}

/// It avoids the server that it was at while another is looked for, and that server is told when it is avoided no more.
#[tokio::test(start_paused = true)]
async fn one_that_comes_back_when_no_server_is_ready_is_not_polled_without_end() {
    let (stage, below) = (Stage::new([1, 2]), OnceRefusing::default());
    let balanced = skybridge::RetryLayer::unsent().layer(stage.layer.layer(below.clone()));
    let mut call = Box::pin(balanced.oneshot(Request::get(URL).body(RequestBody::default()).unwrap()));
    let mut polls = 0;
    let mut calls = JoinSet::new();
    calls.spawn(poll_fn(move |cx| {
        polls += 1;
        assert!(polls < 100, "polled without end");
        call.as_mut().poll(cx).map(|answer| answer.unwrap().status())
    }));
    sleep(seconds(60)).await;
    assert!(calls.try_join_next().is_none());
    below.open();
    assert_eq!(timeout(seconds(60), calls.join_next()).await.unwrap().unwrap().unwrap(), 200);
}

/// A limit below is of all servers together: what one of them has reserved of it is missing to the others.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_left_alone_reserves_nothing() {
    for _ in 0..16 {
        let stage = Stage::new([1, 2]);
        let works = Arc::new(AtomicUsize::new(0));
        let below = {
            let works = Arc::clone(&works);
            tower::service_fn(move |request: Request<RequestBody>| {
                let works = Arc::clone(&works);
                async move {
                    let options = request.extensions().get::<RequestOptions>().unwrap();
                    if format!("{:?}", options.connect_options.dial).contains("192.0.2.2") {
                        works.fetch_add(1, Ordering::SeqCst);
                        pending::<()>().await;
                    }
                    sleep(Duration::from_millis(10)).await;
                    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
                    let refused = Error::from(ConnectError::new(Phase::Tcp, refused));
                    Err::<Response<Empty<Bytes>>, _>(Failed::with(refused, request))
                }
            })
        };
        let balanced = stage.layer.layer(ConcurrencyLimitLayer::new(2).layer(below));
        let mut calls = JoinSet::new();
        for _ in 0..3 {
            let request = Request::get(URL).body(RequestBody::default()).unwrap();
            calls.spawn(balanced.clone().oneshot(request));
        }
        // Less than the shortest backoff.
        sleep(Duration::from_millis(500)).await;
        assert_eq!(works.load(Ordering::SeqCst), 2);
    }
}

/// Whatever the others have to do: who fails at once has always less to do.
#[tokio::test(start_paused = true)]
async fn a_request_that_comes_back_goes_to_another_server_though_that_has_more_to_do() {
    let stage = Stage::new([1, 2]);
    let _one = stage.server(1);
    let busy = || Response::builder().status(503).header("retry-after", "0").body(String::new()).unwrap();
    let two = Origin::h1().handle(move |_| async move { busy() });
    let two = two.serve_on(stage.net.listen((ip(2), 80).into()));
    let client = stage.client();
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(client.get(URL).await.unwrap());
        assert_eq!(held.last().unwrap().status(), 200);
    }
    assert!(two.requests().len() > 1);
}

/// And to the same one if there is no other.
#[tokio::test(start_paused = true)]
async fn a_request_that_comes_back_goes_to_the_same_server_if_it_is_the_only_one() {
    let stage = Stage::new([1]);
    let connections = AtomicUsize::new(0);
    let _served = stage.net.listen((ip(1), 80).into()).serve(move |_, conn| {
        let busy = connections.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let mut script = Script::new(conn);
            script.request().await;
            let head = if busy { "503 Busy\r\nretry-after: 0" } else { "200 OK" };
            script.send(format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")).await;
        }
    });
    let client = stage.client();
    let answered = timeout(seconds(1), client.get(URL)).await.expect("no wait").unwrap();
    assert_eq!(answered.status(), 200);
}

/// Those that are not there have always less to do, and while one keeps it waiting the other's backoff ends: it would
/// be sent to them in turns.
#[tokio::test(start_paused = true)]
async fn a_request_is_tried_at_each_server_once_and_so_finds_the_one_that_works() {
    let stage = Stage::new([1, 2, 3]);
    for last in [1, 2] {
        stage.net.at((ip(last), 80).into()).black_hole();
    }
    let _three = stage.server(3);
    let client = stage.client();
    // From then on it has more to do than the others.
    let _held = client.get(URL).await.unwrap();
    for round in 1..20 {
        sleep(seconds(40)).await;
        assert_eq!(get(&client).await.unwrap(), endpoint(3));
        let failures: Vec<_> = stage.layer.endpoints().iter().map(|state| state.failures).collect();
        assert!(failures.iter().all(|failures| *failures <= 1 + round), "{round}: {failures:?}");
    }
}

/// A body that can be sent once is there for the next server, as nothing of it was taken by one that wasn't reached.
#[tokio::test(start_paused = true)]
async fn a_body_that_can_be_sent_once_goes_to_the_server_that_is_reached() {
    for _ in 0..4 {
        let stage = Stage::new([1, 2, 3]);
        for last in [1, 2] {
            stage.net.at((ip(last), 80).into()).refuse();
        }
        let three = Origin::h1().serve_on(stage.net.listen((ip(3), 80).into()));
        let once = RequestBody::wrap(Full::new(Bytes::from("once")));
        let request = Request::post(URL).body(once).unwrap();
        assert_eq!(stage.client().request(request).await.unwrap().status(), 200);
        assert_eq!(three.requests()[0].body, "once");
    }
}

/// And once a server has begun to read it, no other gets it.
#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_processed_goes_to_no_other_server() {
    let stage = Stage::new([1, 2]);
    let mut serving = Vec::new();
    let requests = Arc::new(AtomicUsize::new(0));
    for last in [1, 2] {
        let requests = Arc::clone(&requests);
        serving.push(stage.net.listen((ip(last), 80).into()).serve(move |_, conn| {
            let requests = Arc::clone(&requests);
            async move {
                let mut script = Script::new(conn);
                script.request().await;
                requests.fetch_add(1, Ordering::SeqCst);
            }
        }));
    }
    let request = Request::post(URL).body(RequestBody::from("pay")).unwrap();
    let error = stage.client().request(request).await.unwrap_err();
    assert_eq!((error.delivery(), requests.load(Ordering::SeqCst)), (Delivery::Unknown, 1), "{error:?}");
}

/// Reading its body as well, and a server that isn't there among others.
#[tokio::test(start_paused = true)]
async fn whenever_a_request_is_dropped_nothing_counts_any_more() {
    let build = async || {
        let stage = Stage::new([]);
        stage.net.host("api.test", [ip(1)]).then(Duration::from_millis(5), [ip(2), ip(3)]);
        for last in 1..=3 {
            stage.net.at((ip(last), 80).into()).latency(Duration::from_millis(3));
        }
        let (servers, client) = ([1, 2, 3].map(|last| stage.server(last)), stage.client());
        let scenario = {
            let client = client.clone();
            async move {
                for _ in 0..2 {
                    get(&client).await.unwrap();
                }
            }
        };
        ((stage, servers, client), scenario)
    };
    let walk = drop_walk(build, async |(_stage, _servers, client), _| {
        // One that still counted would get none as long as the others have nothing to do.
        sleep(seconds(1)).await;
        let mut seen = Vec::new();
        for _ in 0..60 {
            let from = get(&client).await.unwrap();
            if !seen.contains(&from) {
                seen.push(from);
            }
        }
        assert_eq!(seen.len(), 3);
    })
    .await;
    assert!(walk.polls > 3);
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_fails_balanced_requests_and_leaves_no_server_alone() {
    let stage = Stage::new([1, 2]);
    let (_one, _two) = (stage.server(1), stage.server(2));
    let client = stage.client();
    get(&client).await.unwrap();
    client.close();
    for _ in 0..8 {
        let error = timeout(seconds(1), get(&client)).await.expect("no wait").unwrap_err();
        assert_eq!(error.delivery(), Delivery::Unsent, "{error:?}");
    }
    assert!(stage.layer.endpoints().iter().all(|state| state.failures == 0 && state.left_alone.is_none()));
    drop(client);
    stage.executor.assert_idle().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_counts_nothing() {
    let stage = Stage::new([1, 2]);
    let below = tower::service_fn(|_: Request<RequestBody>| async {
        Ok::<_, BoxError>(Response::builder().status(204).body(Empty::<Bytes>::new()).unwrap())
    });
    let mut balanced = stage.layer.layer(below);
    let mut held = Vec::new();
    for _ in 0..16 {
        let request = Request::get(URL).body(RequestBody::default()).unwrap();
        let response = balanced.ready().await.unwrap().call(request).await.unwrap();
        assert!(format!("{:?}", response.body()).contains("counts: false"));
        held.push(response);
    }
}
