//! Layers of a user's own in a client that the builder makes: at every place, seen in order, and the client stays a
//! `Client`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{Request, Response};
use http_body_util::BodyExt;
use skybridge::{
    Body, CacheLayer, Client, Endpoint, RequestBody, ResolvedBy, ResponseExt, Timeouts,
    seams::{ClientStack, InPlace},
    types::{Attempt, ConnInfo, ConnectError, Delivery, Failed, Link, Query, Resolver, Route, Target},
};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    net::{Names, Network},
    observe::Recorder,
    origin::Origin,
};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tower::{
    Layer, Service, ServiceBuilder,
    layer::layer_fn,
    limit::ConcurrencyLimitLayer,
    util::{MapRequestLayer, MapResponseLayer},
};

const ADDR: &str = "192.0.2.1:80";

type Builder<L = skybridge::seams::Seams> = skybridge::ClientBuilder<Names, skybridge_testkit::net::Dialer, L>;

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A layer that notes what goes through it.
    fn layer(&self, place: &'static str) -> NoteLayer {
        NoteLayer { seen: self.clone(), place }
    }
}

#[derive(Clone)]
struct NoteLayer {
    seen: Seen,
    place: &'static str,
}

#[derive(Clone)]
struct Note<S> {
    inner: S,
    seen: Seen,
    place: &'static str,
}

impl<S> Layer<S> for NoteLayer {
    type Service = Note<S>;

    fn layer(&self, inner: S) -> Note<S> {
        Note { inner, seen: self.seen.clone(), place: self.place }
    }
}

/// What goes down through a layer.
trait Question {
    fn tell(&self) -> String;
}

impl Question for Request<RequestBody> {
    fn tell(&self) -> String {
        format!("{}", self.uri())
    }
}

impl Question for Target {
    fn tell(&self) -> String {
        format!("target {}", self.key.origin)
    }
}

impl Question for Route {
    fn tell(&self) -> String {
        format!("route {}", self.target.key.origin)
    }
}

impl Question for Attempt {
    fn tell(&self) -> String {
        format!("attempt {}", self.endpoint)
    }
}

impl<S, Q> Service<Q> for Note<S>
where
    S: Service<Q>,
    S::Future: Send + 'static,
    Q: Question,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, question: Q) -> Self::Future {
        self.seen.note(format!("{}: {}", self.place, question.tell()));
        let (future, seen, place) = (self.inner.call(question), self.seen.clone(), self.place);
        Box::pin(async move {
            let answer = future.await;
            seen.note(format!("{place}: {}", if answer.is_ok() { "done" } else { "failed" }));
            answer
        })
    }
}

struct Stage {
    net: Network,
    executor: Executor,
    seen: Seen,
    origin: Origin,
}

impl Stage {
    fn new() -> Self {
        let net = Network::new();
        net.host("a.test", ["192.0.2.1".parse().unwrap()]);
        let origin = Origin::h1().serve_on(net.listen(ADDR.parse().unwrap()));
        Self { net, executor: Executor::new(), seen: Seen::default(), origin }
    }

    fn builder(&self) -> Builder {
        Client::builder().runtime(self.executor.runtime()).resolver(self.net.resolver()).dialer(self.net.dialer())
    }
}

const URL: &str = "http://a.test/";

async fn text<S: ClientStack>(client: &Client<S>) -> String {
    client.get(URL).await.unwrap().into_body().text().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_layer_at_each_place_sees_what_belongs_there_in_order() {
    let stage = Stage::new();
    let seen = &stage.seen;
    let client = stage
        .builder()
        // In any order: each knows its place.
        .above_dialer(seen.layer("dialer"))
        .above_tunnel(seen.layer("tunnel"))
        .above_retry(seen.layer("retry"))
        .above_route(seen.layer("route"))
        .above_pool(seen.layer("pool"))
        .above_race(seen.layer("race"))
        .above_tls(seen.layer("tls"))
        .above_negotiate(seen.layer("negotiate"))
        .build();
    assert_eq!(text(&client).await, "hello");
    let down = [
        "retry: http://a.test/",
        "pool: http://a.test/",
        "route: target http://a.test",
        // A plan is made before any socket.
        "route: done",
        "negotiate: route http://a.test",
        "tls: route http://a.test",
        "tunnel: route http://a.test",
        "race: route http://a.test",
        "dialer: attempt 192.0.2.1:80",
    ];
    let up = ["dialer", "race", "tunnel", "tls", "negotiate", "pool", "retry"].map(|place| format!("{place}: done"));
    assert_eq!(seen.take(), down.map(str::to_owned).into_iter().chain(up).collect::<Vec<_>>());
    // On a pooled connection nobody below the pool is asked.
    assert_eq!(text(&client).await, "hello");
    assert_eq!(seen.take(), ["retry: http://a.test/", "pool: http://a.test/", "pool: done", "retry: done"]);
    assert_eq!((client.stats().idle, stage.origin.connections()), (1, 1));
    client.evict_all();
    assert_eq!(client.stats().idle, 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_layers_at_one_place_the_first_is_the_outer_one() {
    let stage = Stage::new();
    let seen = &stage.seen;
    let client = stage
        .builder()
        .above_race(seen.layer("outer"))
        .above_race(ServiceBuilder::new().layer(seen.layer("middle")).layer(seen.layer("inner")))
        .build();
    // Below the pool a layer changes nothing about the client's type.
    let client: Client = client;
    assert_eq!(text(&client).await, "hello");
    let places: Vec<_> = seen.take().iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(places, ["outer", "middle", "inner", "inner", "middle", "outer"]);
}

#[tokio::test(start_paused = true)]
async fn a_connector_of_ones_own_is_in_place_of_race_and_dialer_and_of_more_at_a_seam() {
    let stage = Stage::new();
    let (seen, asked) = (&stage.seen, Seen::default());
    let connector = {
        let (asked, net) = (asked.clone(), stage.net.clone());
        tower::service_fn(move |route: Route| {
            let (asked, net) = (asked.clone(), net.clone());
            async move {
                asked.note(format!("{:?}", route.endpoints.snapshot()));
                let attempt = route.attempt(Endpoint::of(route.target.origin()));
                let io = net.connect(ADDR.parse().unwrap()).await.map_err(|error| attempt.failed(error))?;
                Ok::<_, ConnectError>(Link::new(io, ConnInfo::new(&attempt, None, attempt.endpoint.clone())))
            }
        })
    };
    let name = r#"[Name { host: "a.test", port: 80 }]"#;
    let builder = stage.builder().unresolved().above_race(seen.layer("race")).above_dialer(seen.layer("dialer"));
    let client: Client = builder.connector(connector.clone()).build();
    let explained = client.explain(&Request::get(URL).body(()).unwrap()).await.unwrap();
    assert_eq!(explained.opening.unwrap().hops[0].resolved_by, ResolvedBy::Connector);
    assert_eq!(text(&client).await, "hello");
    assert_eq!(
        (asked.take(), seen.take()),
        (vec![name.to_owned()], vec!["race: route http://a.test".to_owned(), "race: done".to_owned()])
    );
    let builder = stage.builder().unresolved().above_tls(seen.layer("tls")).above_tls(InPlace::new(connector));
    let client: Client = builder.above_tunnel(seen.layer("tunnel")).build();
    assert_eq!(text(&client).await, "hello");
    assert_eq!((asked.take().len(), seen.take().len()), (1, 2));
    assert_eq!(stage.net.name("a.test").queries(), 0);
}

/// It is asked on clones, so that neither the client nor its calls are bound to a thread for it.
#[tokio::test(start_paused = true)]
async fn a_resolver_that_is_not_sync_makes_a_client_that_is() {
    const fn is_shared<T: Send + Sync>(shared: T) -> T {
        shared
    }
    let stage = Stage::new();
    let (resolver, asked) = (stage.net.resolver(), Cell::new(0));
    let counting = tower::service_fn(move |query: Query| {
        asked.set(asked.get() + 1);
        let mut resolver = resolver.clone();
        async move { Resolver::resolve(&mut resolver, query).await }
    });
    let client: Client = is_shared(stage.builder().resolver(CacheLayer::new().layer(counting)).build());
    assert_eq!(text(&client).await, "hello");
    assert_eq!(stage.net.name("a.test").queries(), 1);
}

/// Refuses the first request, as a busy peer does, and gives it back.
#[derive(Clone)]
struct RefuseFirst<S>(S, Arc<Mutex<bool>>);

impl<S> Service<Request<RequestBody>> for RefuseFirst<S>
where
    S: Service<Request<RequestBody>, Error = Failed<Request<RequestBody>>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        if std::mem::replace(&mut *self.1.lock().unwrap(), true) {
            return Box::pin(self.0.call(request));
        }
        let error = skybridge::Error::new(Delivery::Refused, skybridge::Phase::Send, "busy");
        let failed = Failed::with(error, request);
        Box::pin(async move { Err(failed) })
    }
}

#[tokio::test(start_paused = true)]
async fn above_the_pool_every_try_is_seen_and_above_retry_the_call() {
    let stage = Stage::new();
    let (seen, refused) = (&stage.seen, Arc::default());
    let client = stage
        .builder()
        .above_retry(seen.layer("call"))
        .above_pool(seen.layer("try"))
        .above_pool(layer_fn(move |inner| RefuseFirst(inner, Arc::clone(&refused))))
        .build();
    assert_eq!(text(&client).await, "hello");
    let lines = seen.take();
    let told: Vec<_> = lines.iter().map(|line| line.replace(": http://a.test/", " begins")).collect();
    assert_eq!(told, ["call begins", "try begins", "try: failed", "try begins", "try: done", "call: done"]);
}

#[tokio::test(start_paused = true)]
async fn calls_are_limited_and_told_as_without_layers() {
    let stage = Stage::new();
    let recorder = Recorder::new();
    let limited = || stage.builder().observer(recorder.clone()).timeouts(Timeouts::new().call(Duration::from_secs(3)));
    let check = |error: skybridge::Error| {
        assert!(error.is_timeout() && error.phase() == skybridge::Phase::Call, "{error:?}");
        // Who knows what a layer did with it.
        assert_eq!(error.delivery(), Delivery::Unknown);
        assert_eq!(recorder.names(), ["call_start", "call_failed"]);
        recorder.clear();
    };
    check(limited().above_retry(HangLayer).build().get(URL).await.unwrap_err());
    check(limited().above_pool(HangLayer).build().get(URL).await.unwrap_err());
    let client = limited().above_retry(stage.seen.layer("retry")).build();
    assert_eq!(text(&client).await, "hello");
    assert_eq!((recorder.names()[0], recorder.count("call_end")), ("call_start", 1));
}

/// Takes requests and does nothing.
#[derive(Clone)]
struct Hang<S>(S);

struct HangLayer;

impl<S> Layer<S> for HangLayer {
    type Service = Hang<S>;

    fn layer(&self, inner: S) -> Hang<S> {
        Hang(inner)
    }
}

impl<S: Service<Request<RequestBody>>> Service<Request<RequestBody>> for Hang<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::future::Pending<Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        std::future::pending()
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_within_its_call_until_the_layer_is_ready() {
    let stage = Stage::new();
    let client = stage
        .builder()
        .timeouts(Timeouts::new().call(Duration::from_secs(3)))
        .above_retry(ConcurrencyLimitLayer::new(1))
        .above_retry(HangLayer)
        .build();
    let (first, second) = tokio::join!(client.get(URL), client.get(URL));
    assert_eq!(first.unwrap_err().delivery(), Delivery::Unknown);
    // It was never given to the layer below the limit.
    assert_eq!(second.unwrap_err().delivery(), Delivery::Unsent);
    assert_eq!(stage.net.live_sockets(), 0);

    let client = stage.builder().above_pool(ConcurrencyLimitLayer::new(1)).build();
    let (first, second) = tokio::join!(text(&client), text(&client));
    assert_eq!((first.as_str(), second.as_str()), ("hello", "hello"));
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_put_its_own_body_around_the_connections() {
    let stage = Stage::new();
    // The same body keeps its connection; another one is read through, within the call's limit.
    let client = stage.builder().above_retry(MapResponseLayer::new(|response: Response<Body>| response)).build();
    assert!(client.get(URL).await.unwrap().connection().is_some());
    let shouting = |response: Response<Body>| {
        response.map(|body| {
            body.map_frame(|frame| {
                frame.map_data(|data| data.to_ascii_uppercase().into_iter().collect::<bytes::Bytes>())
            })
        })
    };
    let client = stage.builder().above_pool(MapResponseLayer::new(shouting)).build();
    let response = client.get(URL).await.unwrap();
    assert!(response.connection().is_none());
    assert_eq!(response.into_body().text().await.unwrap(), "HELLO");
    assert_eq!(client.stats().idle, 1, "read to its end, the connection came back");
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_changes_on_the_way_down_is_obeyed() {
    let stage = Stage::new();
    let elsewhere = |mut attempt: Attempt| {
        attempt.endpoint = Endpoint::from(([192, 0, 2, 1], 80));
        attempt
    };
    let signed = |mut request: Request<RequestBody>| {
        request.headers_mut().insert("x-signed", http::HeaderValue::from_static("yes"));
        request
    };
    let client =
        stage.builder().above_dialer(MapRequestLayer::new(elsewhere)).above_pool(MapRequestLayer::new(signed)).build();
    assert_eq!(client.get("http://192.0.2.77/").await.unwrap().status(), 200);
    assert_eq!(stage.origin.requests()[0].header("x-signed"), Some("yes"));
}

#[tokio::test(start_paused = true)]
async fn it_stays_a_service_that_can_be_cloned_and_closed() {
    fn assert_plain<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn assert_send<T: Send + 'static>(_: &T) {}
    let stage = Stage::new();
    let client = stage.builder().above_retry(ConcurrencyLimitLayer::new(9)).build();
    assert_plain(&client);
    assert_send(&client.get(URL));
    let mut clone = client.clone();
    poll_fn(|cx| Service::<Request<String>>::poll_ready(&mut clone, cx)).await.unwrap();
    let request = Request::get(URL).body("a body".to_owned()).unwrap();
    assert_eq!(clone.call(request).await.unwrap().status(), 200);
    client.close();
    let error = clone.get(URL).await.unwrap_err();
    assert!(matches!(error.cause(), skybridge::Cause::Closed), "{error:?}");
    drop((client, clone));
    run_until_idle().await;
    stage.executor.assert_idle().await;
}
