//! Which protocol is chosen, why, and what happens when none can be.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use skybridge_core::{
    Capacity, CertificateScope, ConnInfo, ConnectError, Connection, Connector, Ctx, Error, Handshake, HttpVersions, Io,
    Link, Origin, Outcome, Phase, Protocol, Proxy, ProxyKind, ResponseResult, Route, StatusListener, Target, TimedOut,
    Timeouts, TlsInfo, Unfit,
};
use skybridge_h1::H1;
use skybridge_negotiate::{AlpnMismatch, NegotiateLayer, Negotiated, NegotiatedBody};
use skybridge_testkit::{drop_walk::drop_walk, executor::Executor, fixtures, h1::Script, net, net::Network};
use std::{
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

const ADDR: &str = "192.0.2.1:80";

/// Stands in for a protocol: its handshake succeeds at once, or never ends.
#[derive(Clone, Copy)]
enum Fake {
    Quick,
    Endless,
    Failing,
}

struct Held {
    _io: Box<dyn std::any::Any + Send>,
    info: Arc<ConnInfo>,
}

impl<I: Io> Handshake<I> for Fake {
    type Connection = Held;
    type Future = Pin<Box<dyn Future<Output = Result<Held, ConnectError>> + Send>>;

    fn handshake(&self, link: Link<I>, _: &Ctx) -> Self::Future {
        let how = *self;
        Box::pin(async move {
            let guard = link.phase(Phase::Handshake);
            match how {
                Self::Quick => drop(guard.done()),
                Self::Endless => pending().await,
                Self::Failing => return Err(ConnectError::from(std::io::Error::other("no preface"))),
            }
            Ok(Held { info: link.info.freeze(Protocol::Http2), _io: Box::new(link.io) })
        })
    }
}

impl Connection<String> for Held {
    type Body = Full<Bytes>;

    fn info(&self) -> &Arc<ConnInfo> {
        &self.info
    }

    fn capacity(&self) -> Capacity {
        Capacity::Streams(7)
    }

    fn share(&self) -> Option<Self> {
        Some(Self { info: self.info.clone(), _io: Box::new(()) })
    }

    fn subscribe(&self, _: Arc<dyn StatusListener>) {}

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn start(&mut self, _: Request<String>) {}

    fn poll_response(&mut self, _: &mut Context<'_>) -> Poll<ResponseResult<String, Full<Bytes>>> {
        Poll::Ready(Ok(Response::new(Full::from("shared"))))
    }
}

struct CoversNothing;
impl CertificateScope for CoversNothing {
    fn covers(&self, _: &Origin) -> bool {
        false
    }
}

struct World {
    executor: Executor,
    net: Network,
    listener: net::Listener,
}

impl World {
    fn new() -> Self {
        let (executor, net) = (Executor::new(), Network::new());
        let listener = net.listen(ADDR.parse().unwrap());
        Self { executor, net, listener }
    }

    fn route(&self, http_versions: HttpVersions) -> Route {
        route(self.executor.ctx(), http_versions)
    }

    /// Without TLS, with TLS and no ALPN, or with the protocol that was negotiated.
    fn connector(&self, tls: Option<Option<Protocol>>) -> net::Connector {
        self.net.connector().amend(move |info| {
            info.tls = tls.map(|alpn| {
                let mut tls = TlsInfo::new(Arc::new(CoversNothing));
                tls.alpn = alpn;
                tls
            });
        })
    }
}

fn route(ctx: Ctx, http_versions: HttpVersions) -> Route {
    let mut key = fixtures::key("http://a.test");
    key.connect_options.http_versions = http_versions;
    let endpoints = skybridge_core::Endpoints::fixed([fixtures::endpoint(ADDR)]);
    Route::direct(Target::new(key, ctx), endpoints)
}

#[tokio::test(start_paused = true)]
async fn alpn_decides_and_without_it_the_target() {
    use Protocol::{Http1, Http2};
    for (tls, http_versions, chosen) in [
        (None, HttpVersions::Any, Http1),
        (None, HttpVersions::Http1, Http1),
        (None, HttpVersions::Http2, Http2),
        (Some(None), HttpVersions::Any, Http1),
        (Some(None), HttpVersions::Http1, Http1),
        (Some(None), HttpVersions::Http2, Http2),
        (Some(Some(Http1)), HttpVersions::Any, Http1),
        (Some(Some(Http1)), HttpVersions::Http1, Http1),
        (Some(Some(Http2)), HttpVersions::Any, Http2),
        (Some(Some(Http2)), HttpVersions::Http2, Http2),
    ] {
        let world = World::new();
        let service = NegotiateLayer::new(Fake::Quick, Fake::Quick).layer(world.connector(tls));
        let got = match service.oneshot(world.route(http_versions)).await.unwrap() {
            Negotiated::Http1(_) => Http1,
            Negotiated::Http2(_) => Http2,
        };
        assert_eq!(got, chosen, "{tls:?} {http_versions:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_alpn_mismatch_is_fatal_and_closes_the_socket() {
    for (agreed, http_versions, text) in [
        (Protocol::Http1, HttpVersions::Http2, "the peer chose HTTP/1.1 by ALPN, but the target asks for HTTP/2"),
        (Protocol::Http2, HttpVersions::Http1, "the peer chose HTTP/2 by ALPN, but the target asks for HTTP/1.1"),
    ] {
        let world = World::new();
        let service = NegotiateLayer::new(Fake::Quick, Fake::Quick).layer(world.connector(Some(Some(agreed))));
        let route = world.route(http_versions);
        let ctx = route.ctx().clone();
        let error = service.oneshot(route).await.err().unwrap();
        assert!(error.is_fatal());
        assert_eq!(error.phase(), Some(Phase::Handshake));
        assert_eq!(error.source_as::<AlpnMismatch>(), Some(&AlpnMismatch { http_versions, agreed }));
        assert_eq!(error.root_cause().to_string(), text);
        assert_eq!(error.endpoint(), Some(&fixtures::endpoint(ADDR)));
        assert!(matches!(ctx.attempt_log().reports()[0].outcome, Outcome::Failed(_)));
        assert!(world.net.wire(0).peer_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn https_is_not_spoken_in_cleartext() {
    for http_versions in [HttpVersions::Any, HttpVersions::Http1, HttpVersions::Http2] {
        let open = async |world: &World, tls| {
            let mut route = world.route(http_versions);
            let mut key = fixtures::key("https://a.test");
            key.connect_options.http_versions = http_versions;
            route.target = Target::new(key, route.ctx().clone());
            NegotiateLayer::new(Fake::Quick, Fake::Quick).layer(world.connector(tls)).oneshot(route).await
        };
        let world = World::new();
        let error = open(&world, None).await.err().unwrap();
        assert!(error.is_fatal());
        assert_eq!(error.source_as(), Some(&Unfit::TlsMissing));
        assert!(world.net.wire(0).peer_closed());
        assert!(open(&World::new(), Some(None)).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_not_spoken_to_as_if_it_were_the_origin() {
    for kind in [ProxyKind::Http, ProxyKind::Socks5] {
        let world = World::new();
        let mut route = world.route(HttpVersions::Any);
        route.proxies = [Proxy::new(kind, "proxy.test", 80)].into();
        let service = NegotiateLayer::new(Fake::Quick, Fake::Quick).layer(world.connector(None));
        let error = service.oneshot(route).await.err().unwrap();
        assert_eq!(error.source_as(), Some(&Unfit::NotTunnelled { passed: 0, proxies: 1 }));
        assert!(error.is_fatal());
        assert_eq!((error.phase(), error.endpoint()), (Some(Phase::Handshake), Some(&fixtures::endpoint(ADDR))));
        assert!(world.net.wire(0).peer_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_handshake_ends_at_its_limit() {
    let ten = Duration::from_secs(10);
    for (layer, request, limit) in [
        (None, None, ten),
        (Some(Duration::from_secs(3)), None, Duration::from_secs(3)),
        (Some(Duration::from_secs(3)), Some(Duration::from_secs(5)), Duration::from_secs(5)),
        (Some(Duration::MAX), Some(ten), ten),
    ] {
        let world = World::new();
        let mut negotiate = NegotiateLayer::new(Fake::Endless, Fake::Endless);
        if let Some(layer) = layer {
            negotiate = negotiate.timeout(layer);
        }
        let mut timeouts = Timeouts::new();
        timeouts.handshake = request;
        let ctx = world.executor.ctx().with_limits(timeouts);
        let start = tokio::time::Instant::now();
        let error =
            negotiate.layer(world.connector(None)).oneshot(route(ctx.clone(), HttpVersions::Any)).await.err().unwrap();
        assert_eq!(start.elapsed(), limit);
        assert_eq!(error.timed_out(), Some(TimedOut { phase: Phase::Handshake, limit }));
        assert_eq!(error.endpoint(), Some(&fixtures::endpoint(ADDR)));
        assert!(!error.is_fatal(), "another route may do better");
        // In the attempt log it has failed, too, rather than been abandoned.
        assert!(matches!(ctx.attempt_log().reports()[0].outcome, Outcome::Failed(_)));
        assert!(world.net.wire(0).peer_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn no_limit_is_no_limit() {
    let world = World::new();
    let service = NegotiateLayer::new(Fake::Endless, Fake::Endless).timeout(Duration::MAX).layer(world.connector(None));
    let year = Duration::from_secs(365 * 24 * 3600);
    assert!(tokio::time::timeout(year, service.oneshot(world.route(HttpVersions::Any))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn errors_from_below_and_from_handshakes_keep_their_source() {
    let world = World::new();
    let service = NegotiateLayer::new(Fake::Failing, Fake::Quick).layer(world.connector(None));
    let error = service.oneshot(world.route(HttpVersions::Any)).await.err().unwrap();
    assert_eq!((error.phase(), error.root_cause().to_string()), (Some(Phase::Handshake), "no preface".to_owned()));
    assert!(error.attempt().is_some());

    world.net.at(ADDR.parse().unwrap()).refuse();
    let service = NegotiateLayer::new(Fake::Quick, Fake::Quick).layer(world.connector(None));
    let error = service.oneshot(world.route(HttpVersions::Any)).await.err().unwrap();
    assert_eq!(error.phase(), Some(Phase::Tcp));
}

/// The TLS below may have been ended because its settings were replaced.
#[tokio::test(start_paused = true)]
async fn an_error_of_a_handshake_knows_whether_the_settings_of_the_tls_below_were_replaced() {
    struct Replaced;
    impl CertificateScope for Replaced {
        fn covers(&self, _: &Origin) -> bool {
            false
        }

        fn is_current(&self) -> bool {
            false
        }
    }
    for (covers, is_superseded) in
        [(Arc::new(Replaced) as Arc<dyn CertificateScope>, true), (Arc::new(CoversNothing), false)]
    {
        for fake in [Fake::Failing, Fake::Endless] {
            let (world, covers) = (World::new(), covers.clone());
            let connector = world.net.connector().amend(move |info| info.tls = Some(TlsInfo::new(covers.clone())));
            let route = world.route(HttpVersions::Any);
            let log = route.ctx().attempt_log().clone();
            let service = NegotiateLayer::new(fake, Fake::Quick).layer(connector);
            let error = service.oneshot(route).await.err().unwrap();
            let Outcome::Failed(logged) = &log.reports()[0].outcome else { panic!("it failed") };
            assert_eq!((error.is_superseded(), logged.is_superseded()), (is_superseded, is_superseded));
        }
    }
}

/// Not ready until its second poll; panics when it is called before.
#[derive(Clone)]
struct Reluctant<S>(S, u8);

impl<S: Connector> Service<Route> for Reluctant<S> {
    type Response = Link<S::Io>;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.1 += 1;
        if self.1 < 2 { Poll::Pending } else { self.0.poll_ready(cx) }
    }

    fn call(&mut self, route: Route) -> S::Future {
        assert!(self.1 >= 2, "called before it was ready");
        self.0.connect(route)
    }
}

#[tokio::test(start_paused = true)]
async fn the_connectors_readiness_is_honoured() {
    let world = World::new();
    let layer = NegotiateLayer::new(Fake::Quick, Fake::Quick);
    let mut service = layer.layer(Reluctant(world.connector(None), 0));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::poll_ready(&mut service, &mut cx).is_pending());
    assert!(Service::poll_ready(&mut service, &mut cx).is_ready());
    service.call(world.route(HttpVersions::Any)).await.unwrap();
}

/// As a pool does, names the type of the request's body explicitly.
#[derive(Clone)]
struct Once<S>(S);

impl<S, C, B> Service<(Route, Request<B>)> for Once<S>
where
    S: Service<Route, Response = C, Error = ConnectError> + Clone + Send + 'static,
    S::Future: Send,
    C: Connection<B>,
    B: Send + 'static,
{
    type Response = Response<C::Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (route, request): (Route, Request<B>)) -> Self::Future {
        let below = self.0.clone();
        Box::pin(async move {
            let mut connection = below.oneshot(route).await?;
            poll_fn(|cx| connection.poll_ready(cx)).await?;
            connection.start(request);
            poll_fn(|cx| connection.poll_response(cx)).await.map_err(|failed| failed.error)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_names_the_body_type_and_both_protocols_answer() {
    let world = World::new();
    let service = ServiceBuilder::new()
        .layer_fn(Once)
        .layer(NegotiateLayer::new(H1::new(), Fake::Quick))
        .service(world.connector(None));
    let request = || Request::get("http://a.test/").body(String::new()).unwrap();

    let client = service.clone().oneshot((world.route(HttpVersions::Any), request()));
    let server = async {
        let mut peer = Script::new(world.listener.accept().await.0);
        peer.request().await;
        peer.respond(200, "alone").await;
        peer
    };
    let (response, _peer) = tokio::join!(client, server);
    let body = response.unwrap().into_body();
    assert!(matches!(body, NegotiatedBody::Http1(_)));
    assert_eq!(http_body::Body::size_hint(&body).exact(), Some(5));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "alone");

    let response = service.oneshot((world.route(HttpVersions::Http2), request())).await.unwrap();
    let body = response.into_body();
    assert!(matches!(body, NegotiatedBody::Http2(_)));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "shared");
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_says_of_itself_passes_through() {
    let world = World::new();
    let mut service = NegotiateLayer::new(H1::new(), Fake::Quick).layer(world.connector(None));
    let alone = service.ready().await.unwrap().call(world.route(HttpVersions::Any)).await.unwrap();
    let shared = service.ready().await.unwrap().call(world.route(HttpVersions::Http2)).await.unwrap();
    fn about<C: Connection<String>>(connection: &C) -> (Option<Protocol>, Capacity, bool) {
        (connection.info().protocol, connection.capacity(), connection.share().is_some())
    }
    assert_eq!(about(&alone), (Some(Protocol::Http1), Capacity::Streams(1), false));
    assert_eq!(about(&shared), (Some(Protocol::Http2), Capacity::Streams(7), true));
}

#[tokio::test]
async fn an_errors_source_survives_the_body_and_an_empty_one_is_at_hand() {
    let empty = NegotiatedBody::<Full<Bytes>, Full<Bytes>>::default();
    assert!(http_body::Body::is_end_stream(&empty));

    let failing = http_body_util::BodyExt::map_err(Full::new(Bytes::new()), |never| match never {});
    let failing = failing.with_trailers(async { Some(Err::<_, std::io::Error>(std::io::Error::other("cut"))) });
    let mut body = pin!(NegotiatedBody::<Full<Bytes>, _>::Http2(failing));
    let error = loop {
        if let Err(error) = body.frame().await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().to_string(), "cut");
}

#[tokio::test(start_paused = true)]
async fn given_up_at_any_step_it_leaves_nothing() {
    for http_versions in [HttpVersions::Any, HttpVersions::Http2] {
        drop_walk(
            async || {
                let world = World::new();
                world.net.at(ADDR.parse().unwrap()).connect_latency(Duration::from_millis(5));
                let layer = NegotiateLayer::new(H1::<String>::new(), Fake::Quick);
                let service = layer.layer(world.connector(None));
                let route = world.route(http_versions);
                (world, async move { drop(service.oneshot(route).await.unwrap()) })
            },
            async |world, _moment| {
                let World { executor, net, listener } = world;
                drop(listener);
                executor.assert_idle().await;
                assert_eq!(net.live_sockets(), 0);
            },
        )
        .await;
    }
}
