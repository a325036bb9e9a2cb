//! One connection for two names: with real certificates, over HTTP/2, by the address that both have.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use skybridge::{
    Error, H1, H2, NegotiateLayer, PoolConfig, PoolLayer, RaceLayer, RequestBody, RetryLayer, RouteLayer,
    tower::{Service, ServiceBuilder, ServiceExt},
    types::CallId,
};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::{Executor, run_until_idle},
    net::Network,
    origin::{Builder, Origin},
};
use skybridge_tls::{PinMismatch, Roots, TlsConfig, TlsConfigBuilder, TlsLayer};
use skybridge_trace::{RecordedKind, Recorder};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A pin that nobody has.
const NOBODYS: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Where both names are.
fn addr() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

/// `a.test` and `b.test` at one address, and a root that the client trusts.
struct World {
    net: Network,
    executor: Executor,
    recorder: Arc<Recorder>,
    ca: Ca,
}

impl World {
    fn new() -> Self {
        let (net, executor, recorder) = (Network::new(), Executor::new(), Recorder::new());
        net.host("a.test", [addr().ip()]);
        net.host("b.test", [addr().ip()]);
        Self { net, executor, recorder, ca: Ca::new("a root") }
    }

    fn both(&self) -> Cert {
        self.ca.leaf(["a.test", "b.test"])
    }

    fn origin(&self, origin: Builder, cert: &Cert) -> Origin {
        origin.tls(cert).serve_on(self.net.listen(addr()))
    }

    fn stack(
        &self,
        config: PoolConfig,
        tls: impl FnOnce(TlsConfigBuilder) -> TlsConfigBuilder,
    ) -> impl Service<Request<RequestBody>, Response = Response<impl BodyExt<Error: std::fmt::Debug>>, Error = Error> + Clone
    {
        let trusting = TlsConfig::builder().roots(Roots::Given(vec![self.ca.der()]));
        ServiceBuilder::new()
            .layer(RetryLayer::safe())
            .layer(PoolLayer::shared(self.executor.runtime()).config(config).observer(self.recorder.clone()))
            .layer(RouteLayer::new(self.net.resolver()))
            .layer(NegotiateLayer::new(H1::new(), H2::new()))
            .layer(TlsLayer::new(tls(trusting).build().unwrap()))
            .layer(RaceLayer::happy_eyeballs())
            .service(self.net.dialer())
    }

    /// How each call came by its connection, and by which.
    fn acquired(&self) -> Vec<String> {
        let how = |event: &skybridge_trace::Recorded| match event.kind {
            RecordedKind::Acquired(how) => Some(format!("{how:?} {}", event.connection?)),
            _ => None,
        };
        self.recorder.events().iter().filter_map(how).collect()
    }
}

/// The status of `GET /` there, once the body is read.
macro_rules! get {
    ($stack:expr, $host:literal) => {{
        let request = Request::get(concat!("https://", $host, "/")).body(RequestBody::empty()).unwrap();
        match $stack.clone().oneshot(request).await {
            Ok(response) => {
                let status = response.status();
                response.into_body().collect().await.unwrap();
                run_until_idle().await;
                Ok(status)
            }
            Err(error) => Err(error),
        }
    }};
}

#[tokio::test(start_paused = true)]
async fn the_second_name_comes_by_the_first_ones_connection() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.both());
    let stack = world.stack(PoolConfig::new(), |tls| tls);
    for _ in 0..2 {
        assert_eq!(get!(stack, "a.test").unwrap(), 200);
        assert_eq!(get!(stack, "b.test").unwrap(), 200);
    }
    assert_eq!((origin.connections(), origin.handshakes().len()), (1, 1));
    assert_eq!(world.acquired(), ["New 1", "Coalesced 1", "Reused 1", "Coalesced 1"]);
    let hosts: Vec<_> = origin.requests().iter().map(|seen| seen.uri.host().map(str::to_owned)).collect();
    assert_eq!(hosts, ["a.test", "b.test", "a.test", "b.test"].map(|host| Some(host.to_owned())));
    let drawn = world.recorder.timeline(CallId(2)).to_string();
    assert!(drawn.contains("coalesced connection 1: h2, TLS 1.3, 192.0.2.1:443"), "{drawn}");
    assert!(!drawn.contains("tcp"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn at_once_and_cold_they_still_end_up_on_few() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.both());
    let stack = world.stack(PoolConfig::new(), |tls| tls);
    let (a, b) = tokio::join!(async { get!(stack, "a.test") }, async { get!(stack, "b.test") });
    assert_eq!((a.unwrap(), b.unwrap()), (StatusCode::OK, StatusCode::OK));
    assert!(origin.connections() <= 2);
    assert_eq!(get!(stack, "b.test").unwrap(), 200);
    assert!(origin.connections() <= 2);
}

#[tokio::test(start_paused = true)]
async fn not_when_a_pin_of_the_second_name_fails() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.both());
    let stack = world.stack(PoolConfig::new(), |tls| tls.pin("b.test", NOBODYS));
    assert_eq!(get!(stack, "a.test").unwrap(), 200);
    let error = get!(stack, "b.test").unwrap_err();
    let skybridge::Cause::Connect(cause) = error.cause() else { panic!("{error:?}") };
    assert!(cause.is_fatal() && cause.source_as::<PinMismatch>().is_some(), "{cause:?}");
    assert_eq!(world.acquired(), ["New 1"]);
    assert_eq!((origin.connections(), origin.requests().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn with_the_right_pin_for_each() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.both());
    let stack = world.stack(PoolConfig::new(), |tls| tls.pin("a.test", &world.ca.pin()).pin("b.test", &world.ca.pin()));
    get!(stack, "a.test").unwrap();
    get!(stack, "b.test").unwrap();
    assert_eq!((world.acquired(), origin.connections()), (vec!["New 1".into(), "Coalesced 1".into()], 1));
}

#[tokio::test(start_paused = true)]
async fn not_when_it_is_turned_off() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.both());
    let stack = world.stack(PoolConfig::new().coalesce(false), |tls| tls);
    get!(stack, "a.test").unwrap();
    get!(stack, "b.test").unwrap();
    assert_eq!((world.acquired(), origin.connections()), (vec!["New 1".into(), "New 2".into()], 2));
}

#[tokio::test(start_paused = true)]
async fn not_over_http1() {
    let world = World::new();
    let origin = world.origin(Origin::h1(), &world.both());
    let stack = world.stack(PoolConfig::new(), |tls| tls);
    get!(stack, "a.test").unwrap();
    get!(stack, "b.test").unwrap();
    assert_eq!((world.acquired(), origin.connections()), (vec!["New 1".into(), "New 2".into()], 2));
}

#[tokio::test(start_paused = true)]
async fn not_when_the_certificate_does_not_name_it() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.ca.leaf(["a.test"]));
    let stack = world.stack(PoolConfig::new(), |tls| tls);
    get!(stack, "a.test").unwrap();
    let error = get!(stack, "b.test").unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!((world.acquired(), origin.requests().len()), (vec!["New 1".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn not_when_nothing_was_verified() {
    let world = World::new();
    let origin = world.origin(Origin::h2c(), &world.both());
    let stack = world.stack(PoolConfig::new(), TlsConfigBuilder::insecure);
    get!(stack, "a.test").unwrap();
    get!(stack, "b.test").unwrap();
    assert_eq!(origin.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn not_at_another_address() {
    let world = World::new();
    let elsewhere: SocketAddr = "192.0.2.2:443".parse().unwrap();
    world.net.host("b.test", [elsewhere.ip()]);
    let cert = world.both();
    let here = world.origin(Origin::h2c(), &cert);
    let there = Origin::h2c().tls(&cert).serve_on(world.net.listen(elsewhere));
    let stack = world.stack(PoolConfig::new(), |tls| tls);
    get!(stack, "a.test").unwrap();
    get!(stack, "b.test").unwrap();
    assert_eq!((here.requests().len(), there.requests().len()), (1, 1));
}

/// RFC 9110, section 15.5.20: the peer has the certificate, and does not want to answer for it.
#[tokio::test(start_paused = true)]
async fn what_is_misdirected_goes_to_a_connection_of_its_own_and_stays_there() {
    let world = World::new();
    let first = Arc::new(AtomicBool::new(true));
    let handle = move |request: Request<hyper::body::Incoming>| {
        // The first connection is a.test's; b.test is answered by the second alone.
        let misdirected = request.uri().host() == Some("b.test") && first.swap(false, Ordering::SeqCst);
        async move {
            let mut response = Response::new(Full::<bytes::Bytes>::from("an answer"));
            if misdirected {
                *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
            }
            response
        }
    };
    let origin = world.origin(Origin::h2c().handle(handle), &world.both());
    let stack = world.stack(PoolConfig::new(), |tls| tls);
    get!(stack, "a.test").unwrap();
    assert_eq!(get!(stack, "b.test").unwrap(), 200);
    assert_eq!(get!(stack, "b.test").unwrap(), 200);
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c1e0", "c1e1"]);
    assert_eq!(world.acquired(), ["New 1", "Coalesced 1", "New 2", "Reused 2"]);
}
