//! What is retried, how often, and the final error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{Method, Request, Response};
use skybridge_core::{
    BoxError, Cause, ConnInfo, ConnectError, ConnectOptions, Ctx, Delivery, Endpoint, Endpoints, Error, ErrorCode,
    Event, EventKind, Failed, GoAway, Key, Observe, Origin, OriginRef, Overloaded, Phase, Protocol, Replay, Replays,
    RequestOptions, Route, Target, TimedOut,
};
use skybridge_retry::{Budget, RetryLayer};
use skybridge_runtime::TokioRuntime;
use std::{
    collections::VecDeque,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

/// Fails as scripted, then answers. Counts its calls; panics when it is called unready. A clone starts unready.
struct Script {
    shared: Arc<Shared>,
    ready: bool,
}

#[derive(Default)]
struct Shared {
    failures: Mutex<VecDeque<Failure>>,
    calls: Mutex<Vec<Instant>>,
    /// What each call was asked to return: whether anything, and whether for any method.
    wanted: Mutex<Vec<Option<bool>>>,
}

type Failure = Box<dyn FnOnce(Request<()>) -> Failed<Request<()>> + Send>;

impl Script {
    fn new(failures: impl IntoIterator<Item = Failure>) -> Self {
        let shared = Shared { failures: Mutex::new(failures.into_iter().collect()), ..Shared::default() };
        Self { shared: Arc::new(shared), ready: false }
    }
}

impl Clone for Script {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), ready: false }
    }
}

impl Service<Request<()>> for Script {
    type Response = Response<()>;
    type Error = Failed<Request<()>>;
    type Future = Ready<Result<Response<()>, Failed<Request<()>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been ready");
        self.shared.calls.lock().unwrap().push(Instant::now());
        let wanted = Replays::<()>::wanted().map(|replays| replays.may_repeat(&Method::POST));
        self.shared.wanted.lock().unwrap().push(wanted);
        ready(match self.shared.failures.lock().unwrap().pop_front() {
            Some(failure) => Err(failure(request)),
            None => Ok(Response::new(())),
        })
    }
}

fn connection() -> Arc<ConnInfo> {
    connection_to(&[Endpoint::from(([127, 0, 0, 1], 80))])
}

/// By the first of these.
fn connection_to(endpoints: &[Endpoint]) -> Arc<ConnInfo> {
    let uri = "http://a.test/".parse().unwrap();
    let key = Key::<Origin>::new(OriginRef::of(&uri).unwrap().to_owned().unwrap(), ConnectOptions::default());
    let endpoint = endpoints[0].clone();
    let target = Target::new(key, Ctx::new(Arc::new(TokioRuntime::current())));
    let attempt = Route::direct(target, Endpoints::fixed(endpoints.to_vec())).attempt(endpoint.clone());
    ConnInfo::new(&attempt, None, endpoint).freeze(Protocol::Http1)
}

fn runtime() -> Arc<TokioRuntime> {
    Arc::new(TokioRuntime::current())
}

fn error(delivery: Delivery) -> Error {
    Error::new(delivery, Phase::Send, "broken")
}

fn gone(error: Error) -> Failure {
    Box::new(|_| Failed::lost(error))
}

fn back(error: Error) -> Failure {
    Box::new(|request| Failed::with(error, request))
}

/// A failure that returned the request, each from another connection.
fn dead(delivery: Delivery) -> Failure {
    back(error(delivery).on(&connection()))
}

fn post() -> Request<()> {
    Request::post("http://a.test/").body(()).unwrap()
}

fn get() -> Request<()> {
    Request::get("http://a.test/").body(()).unwrap()
}

async fn send(layer: &RetryLayer<()>, script: &Script, request: Request<()>) -> Result<Response<()>, Error> {
    layer.layer(script.clone()).oneshot(request).await
}

async fn tries(layer: &RetryLayer<()>, failures: impl IntoIterator<Item = Failure>, request: Request<()>) -> usize {
    let script = Script::new(failures);
    let _ = send(layer, &script, request).await;
    let calls = script.shared.calls.lock().unwrap();
    calls.len()
}

fn many(failure: impl Fn() -> Failure) -> Vec<Failure> {
    (0..100).map(|_| failure()).collect()
}

#[tokio::test(start_paused = true)]
async fn tries_by_delivery_method_and_what_came_back() {
    use Delivery::{Refused, Unknown, Unsent};
    let (unsent, safe) = (RetryLayer::unsent(), RetryLayer::safe());
    // (delivery, method, request returned, tries with unsent, with safe), if every try fails.
    let rows = [
        (Unsent, Method::POST, true, 17, 17),
        (Unsent, Method::POST, false, 1, 1),
        (Refused, Method::POST, true, 1, 4),
        (Refused, Method::GET, true, 1, 4),
        (Refused, Method::GET, false, 1, 1),
        (Unknown, Method::POST, true, 1, 1),
        (Unknown, Method::PATCH, true, 1, 1),
        (Unknown, Method::GET, true, 1, 3),
        (Unknown, Method::HEAD, true, 1, 3),
        (Unknown, Method::OPTIONS, true, 1, 3),
        (Unknown, Method::TRACE, true, 1, 3),
        (Unknown, Method::PUT, true, 1, 3),
        (Unknown, Method::DELETE, true, 1, 3),
        (Unknown, Method::GET, false, 1, 1),
    ];
    for (delivery, method, came_back, by_unsent, by_safe) in rows {
        for (layer, expected) in [(&unsent, by_unsent), (&safe, by_safe)] {
            let failures = many(|| match came_back {
                true => dead(delivery),
                false => gone(error(delivery).on(&connection())),
            });
            let request = Request::builder().method(&method).uri("http://a.test/").body(()).unwrap();
            assert_eq!(tries(layer, failures, request).await, expected, "{delivery:?} {method} {came_back}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connects_queues_timeouts_and_bad_requests_are_never_retried() {
    let limit = TimedOut { phase: Phase::Wait, limit: Duration::from_secs(1) };
    let causes: [fn() -> Cause; 5] = [
        || Cause::Connect(ConnectError::new(Phase::Tcp, "refused")),
        || Cause::Overloaded(Overloaded { what: "the queue", limit: 1 }),
        || Cause::Request(skybridge_core::RequestError::Method("BREW".into())),
        || Cause::Closed,
        || Cause::Connect(TimedOut { phase: Phase::Tcp, limit: Duration::ZERO }.into()),
    ];
    for cause in causes {
        for delivery in [Delivery::Unsent, Delivery::Refused, Delivery::Unknown] {
            let failure = back(Error::of(delivery, Phase::Acquire, cause()).on(&connection()));
            assert_eq!(tries(&RetryLayer::safe(), [failure], get()).await, 1, "{:?}", cause());
        }
    }
    let failure = back(Error::of(Delivery::Unknown, Phase::Wait, Cause::TimedOut(limit)).on(&connection()));
    assert_eq!(tries(&RetryLayer::safe(), [failure], get()).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_421_on_a_coalesced_connection_is_retried() {
    let misdirected = || back(Error::of(Delivery::Refused, Phase::Wait, Cause::Misdirected).on(&connection()));
    assert_eq!(tries(&RetryLayer::safe(), [misdirected()], post()).await, 2);
    assert_eq!(tries(&RetryLayer::safe(), many(misdirected), get()).await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_a_closing_connection_is_retried_at_once_and_once_for_each() {
    let going = |on: &Arc<ConnInfo>| {
        back(
            Error::of(
                Delivery::Refused,
                Phase::Wait,
                Cause::GoAway(GoAway::new(ErrorCode::NO_ERROR, "GOAWAY").after_a_response(true)),
            )
            .on(on),
        )
    };
    let start = Instant::now();
    // Each answers ten requests of fifty callers, say: the others are refused as often as luck has it.
    let often = || std::iter::repeat_with(|| going(&connection())).take(300);
    assert_eq!(tries(&RetryLayer::safe(), often(), post()).await, 256);
    assert_eq!(start.elapsed(), Duration::ZERO);
    let same = connection();
    assert_eq!(tries(&RetryLayer::safe(), many(|| going(&same)), get()).await, 2);
    assert_eq!(tries(&RetryLayer::unsent(), [going(&same)], get()).await, 1);
}

/// As many as a pool may be full of, whatever the budget; but not what isn't idempotent, nor the same one twice.
#[tokio::test(start_paused = true)]
async fn stale_connections_are_passed_without_pause_or_budget() {
    let stale = |on: &Arc<ConnInfo>| {
        back(
            Error::of(Delivery::Unknown, Phase::Wait, Cause::Stale(Box::new(Cause::NoResponse("closed".into()))))
                .on(on),
        )
    };
    let layer = RetryLayer::safe().budget(Budget::new(0, 0));
    let start = Instant::now();
    assert_eq!(tries(&layer, many(|| stale(&connection())), get()).await, 17);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(tries(&layer, many(|| stale(&connection())), post()).await, 1);
    assert_eq!(tries(&layer.clone().any_method(), many(|| stale(&connection())), post()).await, 17);
    assert_eq!(tries(&RetryLayer::unsent(), many(|| stale(&connection())), get()).await, 1);
    let same = connection();
    assert_eq!(tries(&layer, many(|| stale(&same)), get()).await, 2);
    // The origin itself is asked no more often than before.
    let dies = || std::iter::once(stale(&connection())).chain(many(|| dead(Delivery::Unknown)));
    assert_eq!(tries(&RetryLayer::safe(), dies(), get()).await, 4);
}

#[tokio::test(start_paused = true)]
async fn unsent_without_a_connection_is_final_and_one_connection_counts_once() {
    assert_eq!(tries(&RetryLayer::safe(), [back(error(Delivery::Unsent))], get()).await, 1);
    let same = connection();
    let failures = many(|| back(error(Delivery::Unsent).on(&same)));
    assert_eq!(tries(&RetryLayer::safe(), failures, get()).await, 2);
}

#[tokio::test(start_paused = true)]
async fn unknown_if_allows_retries_of_what_may_have_been_processed() {
    let keyed = RetryLayer::safe().unknown_if(|head| head.headers.contains_key("idempotency-key"));
    let mut request = post();
    assert_eq!(tries(&keyed, [dead(Delivery::Unknown)], post()).await, 1);
    request.headers_mut().insert("idempotency-key", "7".parse().unwrap());
    assert_eq!(tries(&keyed, [dead(Delivery::Unknown)], request).await, 2);
    assert_eq!(tries(&RetryLayer::safe().any_method(), [dead(Delivery::Unknown)], post()).await, 2);
    assert_eq!(tries(&RetryLayer::unsent().any_method(), [dead(Delivery::Unknown)], post()).await, 1);
}

/// A peer that never speaks on a new connection is as good as one that can't be connected to.
#[tokio::test(start_paused = true)]
async fn who_is_silent_from_the_start_is_not_asked_again_but_another_is() {
    let [one, other] = [1, 2].map(|last| Endpoint::from(([192, 0, 2, last], 80)));
    let rows = [
        (Phase::Handshake, vec![one.clone()], 1),
        (Phase::Handshake, vec![one.clone(), other], 3),
        // It has spoken before.
        (Phase::Wait, vec![one], 3),
    ];
    for (phase, endpoints, expected) in rows {
        let failure = || {
            let error = Error::of(Delivery::Unknown, phase, Cause::Unresponsive("silent".into()));
            back(error.on(&connection_to(&endpoints)))
        };
        assert_eq!(tries(&RetryLayer::safe(), many(failure), get()).await, expected, "{phase} {endpoints:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_retry_is_at_once_and_the_pauses_before_others_double() {
    let script = Script::new(many(|| dead(Delivery::Refused)));
    let start = Instant::now();
    send(&RetryLayer::safe(), &script, get()).await.unwrap_err();
    let calls = script.shared.calls.lock().unwrap();
    let pauses: Vec<_> = calls.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert_eq!(calls[0], start);
    // A timer fires up to a millisecond late.
    assert!(pauses[0] == 0 && (25..=51).contains(&pauses[1]) && (50..=101).contains(&pauses[2]), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn dead_connections_are_passed_without_pause_or_budget() {
    let layer = RetryLayer::safe().budget(Budget::new(0, 0));
    let script = Script::new((0..16).map(|_| dead(Delivery::Unsent)));
    let start = Instant::now();
    send(&layer, &script, post()).await.unwrap();
    assert_eq!(start, Instant::now());
}

/// A service that fails after a delay.
fn slow(
    took: Duration,
    failures: Vec<Failure>,
) -> (Script, impl Service<Request<()>, Response = Response<()>, Error = Failed<Request<()>>> + Clone) {
    let script = Script::new(failures);
    let inner = script.clone();
    let service = tower::service_fn(move |request| {
        let mut inner = inner.clone();
        async move {
            tokio::time::sleep(took).await;
            inner.ready().await?.call(request).await
        }
    });
    (script, service)
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_its_max_age_is_not_retried() {
    for (delivery, age, expected) in [
        (Delivery::Unsent, Duration::from_secs(10), 4),
        (Delivery::Refused, Duration::from_secs(10), 4),
        (Delivery::Refused, Duration::from_secs(4), 3),
        (Delivery::Refused, Duration::ZERO, 2),
    ] {
        let (script, service) = slow(Duration::from_millis(3_500), many(|| dead(delivery)));
        RetryLayer::safe().max_age(age).layer(service).oneshot(get()).await.unwrap_err();
        assert_eq!(script.shared.calls.lock().unwrap().len(), expected, "{delivery:?} {age:?}");
    }
}

/// The errors of a service of one's own name no connection, and so give no clock.
#[tokio::test(start_paused = true)]
async fn over_a_foreign_service_the_layers_own_runtime_is_used() {
    let layer = || RetryLayer::safe().runtime(runtime());
    let script = Script::new(many(|| back(error(Delivery::Refused))));
    send(&layer(), &script, get()).await.unwrap_err();
    let calls = std::mem::take(&mut *script.shared.calls.lock().unwrap());
    let pauses: Vec<_> = calls.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!(pauses[0] == 0 && (25..=51).contains(&pauses[1]) && (50..=101).contains(&pauses[2]), "{pauses:?}");

    for (age, expected) in [(Duration::from_secs(10), 4), (Duration::from_secs(4), 3), (Duration::ZERO, 2)] {
        let (script, service) = slow(Duration::from_millis(3_500), many(|| back(error(Delivery::Refused))));
        layer().max_age(age).layer(service).oneshot(get()).await.unwrap_err();
        assert_eq!(script.shared.calls.lock().unwrap().len(), expected, "{age:?}");
    }

    let observer = Arc::new(Decisions::default());
    tries(&layer().observer(observer.clone()), [back(error(Delivery::Unknown)), gone(error(Delivery::Unknown))], get())
        .await;
    assert_eq!(observer.0.lock().unwrap().len(), 2, "and decisions are told");
}

#[tokio::test(start_paused = true)]
async fn without_any_clock_nothing_is_retried() {
    for delivery in [Delivery::Unsent, Delivery::Refused, Delivery::Unknown] {
        assert_eq!(tries(&RetryLayer::safe(), [back(error(delivery))], get()).await, 1, "{delivery:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_layer_share_one_budget() {
    let layer = RetryLayer::safe().budget(Budget::new(0, 1));
    let other = layer.clone();
    for layer in [&layer, &other].into_iter().cycle().take(10) {
        assert_eq!(tries(layer, [dead(Delivery::Unknown)], get()).await, 2);
    }
    assert_eq!(tries(&layer, [dead(Delivery::Unknown)], get()).await, 1);
    assert_eq!(tries(&other, [dead(Delivery::Unknown)], get()).await, 1);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(tries(&other, [dead(Delivery::Unknown)], get()).await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_final_error_lists_all_tries_in_order() {
    let numbered = |delivery, n: &'static str| back(Error::new(delivery, Phase::Send, n).on(&connection()));
    let script = Script::new([
        numbered(Delivery::Unsent, "first"),
        numbered(Delivery::Refused, "second"),
        gone(Error::new(Delivery::Unknown, Phase::Wait, "third")),
    ]);
    let error = send(&RetryLayer::safe(), &script, post()).await.unwrap_err();
    let text = |error: &Error| std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    assert_eq!(error.earlier().iter().map(text).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!((text(&error), error.delivery()), ("third".into(), Delivery::Unknown));
}

/// The second try could not connect: it is unsent, but the request is not.
#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_processed_stays_so_whatever_fails_last() {
    let last = || ConnectError::new(Phase::Tcp, "refused");
    let rows: [(Delivery, fn() -> Error); 3] = [
        (Delivery::Unknown, || ConnectError::new(Phase::Tcp, "refused").into()),
        (Delivery::Refused, || Error::of(Delivery::Unsent, Phase::Acquire, Cause::Closed)),
        (Delivery::Unknown, || skybridge_core::RequestError::Method("BREW".into()).into()),
    ];
    for (first, last) in rows {
        let observer = Arc::new(Decisions::default());
        let layer = RetryLayer::safe().runtime(runtime()).observer(observer.clone());
        let error = send(&layer, &Script::new([dead(first), back(last())]), get()).await.unwrap_err();
        assert_eq!((error.delivery(), error.earlier().len()), (first, 1), "{error}");
        assert!(!error.to_string().contains("not sent") && !error.is_connect(), "{error}");
    }
    // The same with an observer.
    let observer = Arc::new(Decisions::default());
    let layer = RetryLayer::safe().observer(observer.clone());
    let script =
        Script::new([dead(Delivery::Unknown), dead(Delivery::Unsent), back(Error::from(last()).on(&connection()))]);
    send(&layer, &script, get()).await.unwrap_err();
    let told = std::mem::take(&mut *observer.0.lock().unwrap());
    assert_eq!(
        told.iter().map(|(_, again, delivery)| (*again, *delivery)).collect::<Vec<_>>(),
        [(true, Delivery::Unknown), (true, Delivery::Unknown), (false, Delivery::Unknown)]
    );
}

#[tokio::test(start_paused = true)]
async fn give_up_adds_the_earlier_errors() {
    let (_, service) = slow(Duration::from_secs(1), vec![dead(Delivery::Unknown)]);
    let mut retrying = std::pin::pin!(RetryLayer::safe().layer(service).ready().await.unwrap().call(get()));
    let limit = || Error::of(Delivery::Unsent, Phase::Call, Cause::Closed);
    assert!(tokio::time::timeout(Duration::from_millis(500), retrying.as_mut()).await.is_err());
    assert_eq!(retrying.as_mut().give_up(limit()).delivery(), Delivery::Unsent);
    assert!(tokio::time::timeout(Duration::from_secs(1), retrying.as_mut()).await.is_err());
    let error = retrying.as_mut().give_up(limit());
    assert_eq!((error.delivery(), error.earlier().len()), (Delivery::Unknown, 1));
}

#[derive(Default)]
struct Decisions(Mutex<Vec<(Option<u64>, bool, Delivery)>>);

impl Observe for Decisions {
    fn observe(&self, event: &Event<'_>) {
        if let EventKind::RetryDecided { again, delivery, .. } = event.kind {
            self.0.lock().unwrap().push((event.call.map(|call| call.0), again, delivery));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_decision_is_reported_to_the_requests_observer_or_the_layers() {
    let (general, own) = (Arc::new(Decisions::default()), Arc::new(Decisions::default()));
    let layer = RetryLayer::safe().observer(general.clone());
    let failures = || [dead(Delivery::Unsent), dead(Delivery::Unknown)];
    let told = |observer: &Decisions| std::mem::take(&mut *observer.0.lock().unwrap());

    tries(&layer, failures(), post()).await;
    assert_eq!(told(&general), [(None, true, Delivery::Unsent), (None, false, Delivery::Unknown)]);

    let mut request = post();
    request.extensions_mut().insert(RequestOptions::new().observer(own.clone()).call(skybridge_core::CallId(7)));
    tries(&layer, failures(), request).await;
    assert_eq!(told(&own), [(Some(7), true, Delivery::Unsent), (Some(7), false, Delivery::Unknown)]);
    assert_eq!(told(&general), []);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_become_ready_ends_with_the_earlier_errors() {
    #[derive(Clone)]
    struct Once(Option<Script>);
    impl Service<Request<()>> for Once {
        type Response = Response<()>;
        type Error = Failed<Request<()>>;
        type Future = Ready<Result<Response<()>, Self::Error>>;
        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            match &mut self.0 {
                Some(script) => script.poll_ready(cx),
                None => Poll::Ready(Err(Failed::lost(Error::from(BoxError::from("worn out"))))),
            }
        }
        fn call(&mut self, request: Request<()>) -> Self::Future {
            self.0.take().unwrap().call(request)
        }
    }
    let layer = RetryLayer::unsent();
    let service = layer.layer(Once(Some(Script::new([dead(Delivery::Unsent)]))));
    let error = service.oneshot(get()).await.unwrap_err();
    assert_eq!(error.earlier().len(), 1);
}

#[test]
fn the_future_is_hardly_larger_than_the_one_below() {
    type Below = Ready<Result<Response<()>, Failed<Request<()>>>>;
    let words = size_of::<skybridge_retry::Retrying<Script, ()>>() - size_of::<Below>() - size_of::<Script>();
    assert!(words <= 3 * size_of::<usize>(), "{words} bytes");
}

#[test]
fn it_is_send() {
    fn assert_send<T: Send>() {}
    assert_send::<skybridge_retry::Retrying<Script, ()>>();
}

/// This layer alone decides whether connections keep copies: it asks for what it will use, at each try, and through
/// layers in between.
#[tokio::test(start_paused = true)]
async fn it_asks_for_what_it_will_retry() {
    let key = |head: &skybridge_retry::Head<'_>| head.headers.contains_key("idempotency-key");
    let rows = [
        (RetryLayer::unsent(), None),
        (RetryLayer::safe(), Some(false)),
        (RetryLayer::replaying(<()>::replay), Some(false)),
        (RetryLayer::safe().any_method(), Some(true)),
        (RetryLayer::safe().unknown_if(key), Some(true)),
        (RetryLayer::unsent().any_method(), None),
        (RetryLayer::safe().max_tries(1), None),
        (RetryLayer::safe().max_tries(2), Some(false)),
    ];
    for (layer, wanted) in rows {
        let script = Script::new([dead(Delivery::Unsent)]);
        let _ = layer.layer(script.clone()).oneshot(get()).await;
        layer.layer(script.clone().map_response(|response| response)).oneshot(get()).await.unwrap();
        let seen = script.shared.wanted.lock().unwrap();
        assert!(seen.len() >= 2 && seen.iter().all(|seen| *seen == wanted), "{layer:?}: {seen:?}");
    }
    assert!(Replays::<()>::wanted().is_none());
}

/// Most services below start working when they are polled.
#[tokio::test(start_paused = true)]
async fn it_asks_while_it_polls() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = tower::service_fn(|_: Request<()>| {
        let seen = Arc::clone(&seen);
        async move {
            let wanted = || Replays::<()>::wanted().is_some();
            seen.lock().unwrap().push(wanted());
            tokio::time::sleep(Duration::from_secs(1)).await;
            seen.lock().unwrap().push(wanted());
            Ok::<_, Failed<Request<()>>>(Response::new(()))
        }
    });
    for (layer, wanted) in [(RetryLayer::safe(), true), (RetryLayer::unsent(), false)] {
        layer.layer(service).oneshot(get()).await.unwrap();
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [wanted; 2]);
    }
}
