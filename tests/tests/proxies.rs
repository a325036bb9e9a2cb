//! The whole client through proxies: forwarded, in tunnels, over HTTP/1.1 and HTTP/2.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::{
    Cause, Client, HttpVersions, Partition, PasswordAuth, PoolConfig, PoolStats, Proxy, RequestBody, RequestOptions,
    Roots, TlsConfig, TlsError, TlsLayer,
    tower::service_fn,
    types::{Origin as OriginKey, ProxyHeaders},
};
use skybridge_testkit::{
    certs::Ca,
    drop_walk::{DropPoint, drop_walk},
    net::Conn,
    origin::Origin,
    proxy::{Builder, ProxyServer},
};
use skybridge_tests::{World, addr, all, get, h2, read, wishing};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{io::AsyncReadExt, time::Instant};

/// What is between the client and the origin.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// With credentials.
    url: &'static str,
    proxy: fn() -> Builder,
    over_h2: bool,
    forwarded: bool,
    /// The credentials are only shown when the proxy asks for them.
    challenged: bool,
    /// What the proxy is asked for on each connection.
    line: &'static str,
}

const FORWARDED: Way = Way {
    url: "http://alice:hidden@p.test:3128",
    proxy: ProxyServer::http,
    over_h2: false,
    forwarded: true,
    challenged: false,
    line: "GET http://a.test/ HTTP/1.1",
};
const CONNECT: Way = Way { over_h2: true, forwarded: false, line: "CONNECT a.test:80 HTTP/1.1", ..FORWARDED };
const SOCKS5: Way = Way {
    url: "socks5h://alice:hidden@p.test:3128",
    proxy: ProxyServer::socks5,
    over_h2: false,
    forwarded: false,
    challenged: false,
    line: "SOCKS5 a.test:80",
};
const SOCKS4: Way =
    Way { url: "socks4a://alice@p.test:3128", proxy: ProxyServer::socks4, line: "SOCKS4 a.test:80", ..SOCKS5 };
const ALL: [Way; 4] = [FORWARDED, CONNECT, SOCKS5, SOCKS4];

/// Everything between two ends.
struct Stage {
    world: World,
    origin: Origin,
    proxy: ProxyServer,
    client: Client,
}

fn proxy_addr() -> SocketAddr {
    "192.0.2.7:3128".parse().unwrap()
}

impl Way {
    fn stage(self) -> Stage {
        let world = World::new();
        world.net.host("p.test", [proxy_addr().ip()]);
        let builder = if self.over_h2 { Origin::h2c() } else { Origin::h1() };
        let origin = builder.serve_on(world.listen());
        let proxy = (self.proxy)().user("alice", "hidden").serve_on(world.net.listen(proxy_addr()), &world.net);
        let mut way = Proxy::parse(self.url).unwrap();
        if self.challenged {
            way = way.auth(PasswordAuth::any("alice", "hidden"));
        }
        let client = world.builder().proxies([vec![way]]).build();
        Stage { world, origin, proxy, client }
    }

    fn request(self) -> http::Request<RequestBody> {
        let request = get("/");
        if self.over_h2 { h2(request) } else { request }
    }
}

#[tokio::test(start_paused = true)]
async fn one_connection_serves_one_request_after_the_other() {
    for way in ALL {
        let stage = way.stage();
        for _ in 0..3 {
            assert_eq!(read(stage.client.request(way.request())).await.unwrap(), "hello");
        }
        assert_eq!((stage.proxy.connections(), stage.client.stats().idle), (1, 1), "{way:?}");
        let asked = stage.proxy.requests();
        assert_eq!(asked.len(), if way.forwarded { 3 } else { 1 });
        assert!(asked.iter().all(|asked| asked.line == way.line && asked.credentials.is_some()), "{asked:?}");
        // What is for the proxy is for nobody else.
        let seen = stage.origin.requests();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|seen| seen.header("proxy-authorization").is_none() && seen.uri.path() == "/"));
        assert!(seen.iter().all(|seen| way.over_h2 || seen.header("host") == Some("a.test")));
        assert_eq!(stage.world.recorder.count("tunnel_end"), usize::from(!way.forwarded));
    }
}

/// A request as of a caller who takes headers for the way to reach a proxy.
fn with_own_credentials(mut request: http::Request<RequestBody>, credentials: &str) -> http::Request<RequestBody> {
    request.headers_mut().insert("proxy-authorization", credentials.parse().unwrap());
    request.headers_mut().insert("proxy-connection", http::HeaderValue::from_static("keep-alive"));
    request
}

/// As curl's CVEs taught. Who forwards is a proxy, and gets the credentials; a tunnel is asked for by its own alone.
#[tokio::test(start_paused = true)]
async fn what_a_caller_says_to_a_proxy_reaches_no_origin_and_is_in_no_connect() {
    const OWN: &str = "Basic eA==";
    for way in ALL {
        for is_direct in [true, false] {
            let stage = way.stage();
            let mut request = with_own_credentials(way.request(), OWN);
            if is_direct {
                request = wishing(request, |options: RequestOptions| options.proxies([]));
            }
            let expected = if way.forwarded && !is_direct { 407 } else { 200 };
            assert_eq!(stage.client.request(request).await.unwrap().status(), expected, "{way:?}");
            for seen in stage.origin.requests() {
                let told = ["proxy-authorization", "proxy-connection"].map(|name| seen.header(name));
                assert_eq!(told, [None, None], "{way:?}");
            }
            for asked in stage.proxy.requests() {
                assert!(!is_direct && asked.header("proxy-connection").is_none(), "{asked:?}");
                assert_eq!(asked.credentials.as_deref() == Some(OWN), way.forwarded, "{asked:?}");
                if asked.line.starts_with("CONNECT ") {
                    let names: Vec<_> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
                    assert_eq!(names, ["host", "user-agent", "proxy-authorization"]);
                }
            }
        }
    }
}

/// Also to the second of a chain, whose connection goes through the first.
#[tokio::test(start_paused = true)]
async fn headers_for_a_proxy_reach_it_alone_and_separate_connections() {
    let session = |proxy: Proxy, session: &'static str| {
        let fields = [("x-session".parse().unwrap(), http::HeaderValue::from_static(session))];
        proxy.headers(ProxyHeaders::new(&fields.into_iter().collect()).unwrap())
    };
    for way in [FORWARDED, CONNECT] {
        let stage = way.stage();
        let front_addr: SocketAddr = "192.0.2.9:8080".parse().unwrap();
        let front = ProxyServer::http().serve_on(stage.world.net.listen(front_addr), &stage.world.net);
        let chain = |value| {
            let first = session(Proxy::parse(&format!("http://{front_addr}")).unwrap(), "front");
            [first, session(Proxy::parse(way.url).unwrap(), value)]
        };
        for value in ["1", "2", "1"] {
            let request = wishing(way.request(), |options: RequestOptions| options.proxies(chain(value)));
            assert_eq!(read(stage.client.request(request)).await.unwrap(), "hello", "{way:?}");
        }
        let told = |asked: Vec<skybridge_testkit::proxy::ProxyRequest>| -> Vec<_> {
            asked.into_iter().map(|asked| (asked.connection, asked.header("x-session").map(str::to_owned))).collect()
        };
        let expected: &[_] = if way.forwarded { &[(0, "1"), (1, "2"), (0, "1")] } else { &[(0, "1"), (1, "2")] };
        let expected: Vec<_> = expected.iter().map(|(i, value)| (*i, Some((*value).to_owned()))).collect();
        assert_eq!(told(stage.proxy.requests()), expected, "{way:?}");
        assert_eq!(told(front.requests()), [0, 1].map(|i| (i, Some("front".to_owned()))), "{way:?}");
        // Who forwards passes on what it doesn't know.
        let seen = stage.origin.requests();
        assert!(seen.iter().all(|seen| seen.header("x-session").is_some() == way.forwarded), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn forwarded_requests_that_bring_credentials_of_their_own_share_no_connection() {
    let stage = FORWARDED.stage();
    let (ours, theirs) = ("Basic YWxpY2U6aGlkZGVu", "Basic eA==");
    for (credentials, expected) in [(ours, 200), (theirs, 407), (ours, 200)] {
        let response = stage.client.request(with_own_credentials(get("/"), credentials)).await.unwrap();
        assert_eq!(response.status(), expected);
        let _ = response.into_body().bytes().await;
    }
    let asked: Vec<_> = stage.proxy.requests().into_iter().map(|asked| asked.connection).collect();
    assert_eq!(asked, [0, 1, 2]);
}

/// As with OkHttp since 4.4: what the pool has needs no way.
#[tokio::test(start_paused = true)]
async fn a_selector_is_asked_for_a_connection_and_not_for_a_pooled_one() {
    for way in ALL {
        let stage = way.stage();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let selector = service_fn(move |_: OriginKey| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<_, Infallible>([[Proxy::parse(way.url).unwrap()].into()]) }
        });
        let client = stage.world.builder().proxy_selector(selector).build();
        for _ in 0..3 {
            assert_eq!(read(client.request(way.request())).await.unwrap(), "hello");
        }
        assert_eq!((asked.load(Ordering::Relaxed), stage.proxy.connections()), (1, 1), "{way:?}");
        let direct = wishing(way.request(), |options: RequestOptions| options.proxies([]));
        assert_eq!(read(client.request(direct)).await.unwrap(), "hello");
        assert_eq!((asked.load(Ordering::Relaxed), stage.proxy.connections()), (1, 1), "{way:?}");
        drop(client);
    }
}

/// In a process of its own, as the environment is one for all tests.
#[test]
fn a_client_honours_the_environment_when_it_is_asked_to_and_not_otherwise() {
    const ASKED: &str = "SKYBRIDGE_TEST_ASKS_ENVIRONMENT";
    if let Ok(asked) = std::env::var(ASKED) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        return runtime.block_on(async {
            let stage = FORWARDED.stage();
            let builder = stage.world.builder();
            let client = if asked == "yes" { builder.proxies_from_env() } else { builder }.build();
            assert_eq!(read(client.get("http://a.test/")).await.unwrap(), "hello");
            assert_eq!(stage.proxy.connections(), usize::from(asked == "yes"));
        });
    }
    for asked in ["yes", "no"] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "a_client_honours_the_environment_when_it_is_asked_to_and_not_otherwise"]);
        child.env(ASKED, asked).env("http_proxy", FORWARDED.url).env_remove("no_proxy").env_remove("NO_PROXY");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{asked}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_at_once_share_one_tunnel() {
    let stage = CONNECT.stage();
    let answers = all((0..100).map(|_| read(stage.client.request(CONNECT.request())))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == "hello"));
    assert_eq!((stage.proxy.connections(), stage.origin.connections()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn whose_credentials_differ_shares_no_connection() {
    for way in ALL {
        let stage = way.stage();
        let as_who =
            |url: &str| wishing(way.request(), |options: RequestOptions| options.proxies([Proxy::parse(url).unwrap()]));
        for _ in 0..2 {
            assert_eq!(read(stage.client.request(as_who(way.url))).await.unwrap(), "hello");
        }
        let mallory = way.url.replace("alice", "mallory");
        match stage.client.request(as_who(&mallory)).await {
            // The answer of whoever forwards.
            Ok(response) => assert!(way.forwarded && response.status() == 407),
            Err(error) => assert!(!way.forwarded && error.is_connect()),
        }
        assert_eq!(stage.proxy.connections(), 2, "{way:?}");
    }
}

/// Twenty names behind one forwarding proxy, each with an origin of its own.
struct Twenty {
    stage: Stage,
    origins: Vec<Origin>,
}

impl Twenty {
    const NAMES: usize = 20;

    fn behind(way: Way) -> Self {
        let stage = way.stage();
        let origins = (0..Self::NAMES).map(|n| {
            let addr: SocketAddr = format!("192.0.2.{}:80", 100 + n).parse().unwrap();
            stage.world.net.host(&format!("n{n}.test"), [addr.ip()]);
            Origin::h1().serve_on(stage.world.net.listen(addr))
        });
        Self { origins: origins.collect(), stage }
    }

    fn request(n: usize) -> http::Request<RequestBody> {
        http::Request::get(format!("http://n{n}.test/{n}")).body(RequestBody::empty()).unwrap()
    }

    async fn ask(&self, n: usize, change: impl FnOnce(RequestOptions) -> RequestOptions) -> String {
        read(self.stage.client.request(wishing(Self::request(n), change))).await.unwrap()
    }
}

/// The proxy is the peer of whatever it forwards, as RFC 9112, section 9.3, has it.
#[tokio::test(start_paused = true)]
async fn twenty_origins_behind_a_proxy_that_forwards_share_one_connection() {
    let twenty = Twenty::behind(FORWARDED);
    for round in 1..=2 {
        for n in 0..Twenty::NAMES {
            assert_eq!(twenty.ask(n, |options| options).await, "hello");
            assert_eq!(twenty.stage.proxy.connections(), 1, "n{n}, round {round}");
        }
    }
    let (proxy, client) = (&twenty.stage.proxy, &twenty.stage.client);
    let asked = proxy.requests();
    assert_eq!(asked.len(), 2 * Twenty::NAMES);
    for (i, asked) in asked.iter().enumerate() {
        let n = i % Twenty::NAMES;
        assert_eq!(asked.line, format!("GET http://n{n}.test/{n} HTTP/1.1"));
        assert_eq!(asked.header("host"), Some(&*format!("n{n}.test")));
        assert!(asked.credentials.is_some());
    }
    assert!(twenty.origins.iter().all(|origin| origin.requests().len() == 2));
    let stats = client.stats();
    assert_eq!((stats.idle, stats.active, stats.origins), (1, 0, 1), "{stats:?}");
    let count = |kind| twenty.stage.world.recorder.count(kind);
    assert_eq!((count("connection_created"), count("connection_closed")), (1, 0));
    drop(twenty.stage.client);
    assert_eq!(twenty.stage.world.recorder.count("connection_closed"), 1);
}

/// Only what is asked of them all the same is carried on one connection.
#[tokio::test(start_paused = true)]
async fn origins_behind_a_proxy_share_nothing_where_anything_else_differs() {
    let other_user = Proxy::parse("http://mallory:hidden@p.test:3128").unwrap();
    let tunnels = Proxy::parse(FORWARDED.url).unwrap().tunnels_all();
    let differs: [Box<dyn Fn(RequestOptions) -> RequestOptions>; 4] = [
        Box::new(|options| options.partition(Partition::new("b"))),
        Box::new(|options| options.http_versions(HttpVersions::Http1)),
        Box::new(|options| options.proxies([other_user.clone()])),
        Box::new(|options| options.proxies([tunnels.clone()])),
    ];
    for (i, differs) in differs.iter().enumerate() {
        let twenty = Twenty::behind(FORWARDED);
        twenty.ask(0, |options| options).await;
        twenty.ask(1, differs).await;
        assert_eq!(twenty.stage.proxy.connections(), 2, "{i}");
    }
    // Nor do tunnels, whose peer is the origin.
    for way in [CONNECT, SOCKS5] {
        let twenty = Twenty::behind(way);
        for n in 0..3 {
            twenty.ask(n, |options| options).await;
        }
        let expected = if way.line.starts_with("CONNECT") { 1 } else { 3 };
        assert_eq!(twenty.stage.proxy.connections(), expected, "{way:?}");
    }
}

/// What is in use is nobody else's: as many connections as there are requests at once, and no more.
#[tokio::test(start_paused = true)]
async fn origins_behind_a_proxy_share_as_many_connections_as_are_used_at_once() {
    let twenty = Twenty::behind(FORWARDED);
    for _ in 0..3 {
        let answers = all((0..Twenty::NAMES).map(|n| read(twenty.stage.client.request(Twenty::request(n))))).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == "hello"));
    }
    assert!(twenty.stage.proxy.connections() <= Twenty::NAMES, "{}", twenty.stage.proxy.connections());
    for n in 0..Twenty::NAMES {
        twenty.ask(n, |options| options).await;
    }
    assert!(twenty.stage.proxy.connections() <= Twenty::NAMES);
}

/// One that died while it was another origin's is replaced, as one of its own would be.
#[tokio::test(start_paused = true)]
async fn a_connection_of_another_origin_that_died_while_idle_is_replaced() {
    let twenty = Twenty::behind(FORWARDED);
    twenty.ask(0, |options| options).await;
    twenty.stage.world.net.wire(0).reset();
    assert_eq!(twenty.ask(1, |options| options).await, "hello");
    assert_eq!(twenty.stage.proxy.connections(), 2);
    assert_eq!(twenty.ask(0, |options| options).await, "hello");
    assert_eq!(twenty.stage.proxy.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn cleartext_has_a_tunnel_of_its_own_when_it_is_asked_for() {
    let stage = FORWARDED.stage();
    let forwarding = Proxy::parse(FORWARDED.url).unwrap();
    for _ in 0..2 {
        for proxy in [forwarding.clone(), forwarding.clone().tunnels_all()] {
            let request = wishing(get("/"), |options: RequestOptions| options.proxies([proxy]));
            assert_eq!(read(stage.client.request(request)).await.unwrap(), "hello");
        }
    }
    let asked: Vec<_> = stage.proxy.requests().into_iter().map(|asked| asked.line).collect();
    assert_eq!(asked, [FORWARDED.line, "CONNECT a.test:80 HTTP/1.1", FORWARDED.line]);
    assert_eq!((stage.proxy.connections(), stage.client.stats().idle), (2, 2));
    let seen = stage.origin.requests();
    assert!(seen.iter().all(|seen| seen.header("proxy-authorization").is_none() && seen.uri.path() == "/"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_while_idle_is_replaced() {
    for way in ALL {
        let stage = way.stage();
        assert_eq!(read(stage.client.request(way.request())).await.unwrap(), "hello");
        stage.world.net.wire(0).reset();
        assert_eq!(read(stage.client.request(way.request())).await.unwrap(), "hello", "{way:?}");
        assert_eq!(stage.proxy.connections(), 2);
    }
}

/// The names of proxies are looked up for each connection, and a pooled one that has died is no answer.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_has_moved_is_found_where_it_is_now() {
    for way in ALL {
        let Stage { world, origin, proxy, client } = way.stage();
        assert_eq!(read(client.request(way.request())).await.unwrap(), "hello");
        let elsewhere: SocketAddr = "192.0.2.8:3128".parse().unwrap();
        let moved = (way.proxy)().user("alice", "hidden").serve_on(world.net.listen(elsewhere), &world.net);
        world.net.host("p.test", [elsewhere.ip()]);
        drop(proxy);
        for _ in 0..2 {
            assert_eq!(read(client.request(way.request())).await.unwrap(), "hello", "{way:?}");
        }
        assert_eq!((moved.connections(), origin.requests().len()), (1, 3), "{way:?}");
    }
}

/// It takes the request for a tunnel, and closes. That says nothing of its other origins.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_closes_instead_of_a_tunnel_is_passed_over_for_the_next() {
    let world = World::new();
    let (broken, good): (SocketAddr, SocketAddr) =
        ("192.0.2.8:3128".parse().unwrap(), "192.0.2.7:3128".parse().unwrap());
    let _closing = world.net.listen(broken).serve(|_, mut conn: Conn| async move {
        let _ = conn.read(&mut [0; 1024]).await;
    });
    let proxy = ProxyServer::http().serve_on(world.net.listen(good), &world.net);
    let _origin = Origin::h2c().serve_on(world.listen());
    let chains = [broken, good].map(|addr| vec![Proxy::parse(&format!("http://{addr}")).unwrap()]);
    let client = world.builder().proxies(chains).build();
    assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "hello");
    assert_eq!((world.net.connects_to(broken), proxy.connections()), (1, 1));
    assert_eq!(world.recorder.count("tunnel_failed"), 1);
    // The next connection to this origin goes to the good one first.
    world.net.wire(1).reset();
    assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "hello");
    assert_eq!((world.net.connects_to(broken), proxy.connections()), (1, 2));
}

/// It takes the request for a tunnel, and never answers. Only the first connection waits for it.
#[tokio::test(start_paused = true)]
async fn after_a_proxy_that_stalls_the_next_connection_goes_through_another() {
    let world = World::new();
    let (stalls, good): (SocketAddr, SocketAddr) =
        ("192.0.2.8:3128".parse().unwrap(), "192.0.2.7:3128".parse().unwrap());
    let _stalling = world
        .net
        .listen(stalls)
        .serve(|_, mut conn: Conn| async move { while conn.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} });
    let proxy = ProxyServer::http().serve_on(world.net.listen(good), &world.net);
    let _origin = Origin::h2c().serve_on(world.listen());
    let chains = [stalls, good].map(|addr| vec![Proxy::parse(&format!("http://{addr}")).unwrap()]);
    // A second connect beside the first would wait for it, too.
    let alone = PoolConfig::new().backup_connect(Duration::MAX);
    let client = world.builder().proxies(chains).pool(alone).build();
    for (connection, takes) in [(1, 10), (2, 0)] {
        let start = Instant::now();
        assert_eq!(read(client.request(h2(get("/")))).await.unwrap(), "hello");
        assert_eq!((start.elapsed().as_secs(), world.net.connects_to(stalls)), (takes, 1));
        assert_eq!(proxy.connections(), connection);
        world.net.wire(1).reset();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_given_up_at_every_point() {
    const STEP: Duration = Duration::from_millis(1);
    // Also between the proxy's challenge and what answers it: of a tunnel, and of a request that is forwarded.
    let challenged = [FORWARDED, CONNECT].map(|way| Way { challenged: true, ..way });
    for way in ALL.into_iter().chain(challenged) {
        let build = async || {
            let stage = way.stage();
            for addr in [addr(), proxy_addr()] {
                stage.world.net.at(addr).connect_latency(STEP).latency(STEP);
            }
            let call = stage.client.request(way.request());
            (stage, async move { assert_eq!(read(call).await.unwrap(), "hello") })
        };
        let check = async |stage: Stage, moment: DropPoint| {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let stats = stage.client.stats();
            let busy = (stats.connecting, stats.active, stats.draining, stats.streams, stats.waiting);
            assert_eq!(busy, (0, 0, 0, 0, 0), "{stats:?}");
            assert_eq!(stage.world.net.live_sockets_to(proxy_addr()), stats.idle);
            assert_eq!(stage.proxy.open(), stats.idle);
            if matches!(moment, DropPoint::Completed(_)) {
                assert_eq!(stats.idle, 1, "the connection was lost");
            }
            assert_eq!(read(stage.client.request(way.request())).await.unwrap(), "hello", "the next request");
            tokio::time::sleep(Duration::from_secs(120)).await;
            assert_eq!(stage.client.stats(), PoolStats::default());
            let Stage { world, origin: _origin, proxy: _proxy, client } = stage;
            drop(client);
            world.assert_nothing_left().await;
        };
        let walked = drop_walk(build, check).await;
        assert!(walked.drops > 4, "{way:?}: {walked:?}");
    }
}

/// A request for which another origin's connection is taken.
#[tokio::test(start_paused = true)]
async fn a_request_on_another_origins_connection_is_given_up_at_every_point() {
    let build = async || {
        let twenty = Twenty::behind(FORWARDED);
        assert_eq!(twenty.ask(0, |options| options).await, "hello");
        let call = twenty.stage.client.request(Twenty::request(1));
        (twenty, async { assert_eq!(read(call).await.unwrap(), "hello") })
    };
    let check = async |twenty: Twenty, moment: DropPoint| {
        for n in [1, 0, 2] {
            assert_eq!(twenty.ask(n, |options| options).await, "hello", "{moment}");
        }
        assert!(twenty.stage.proxy.connections() <= 2, "{moment}: at most the one that was cut is replaced");
        assert_eq!(twenty.stage.client.stats().idle, 1, "{moment}");
        drop(twenty.stage.client);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(twenty.stage.proxy.open(), 0, "{moment}");
    };
    let walked = drop_walk(build, check).await;
    assert!(walked.drops >= 5, "{walked:?}");
}

/// Everything at once: TLS to the proxy, a tunnel, TLS to the origin, a pin, HTTP/2.
#[tokio::test(start_paused = true)]
async fn a_sealed_request_is_given_up_at_every_point() {
    const STEP: Duration = Duration::from_millis(1);
    let ca = Ca::new("root");
    let (cert, of_proxy) = (ca.leaf(["a.test"]), ca.leaf(["p.test"]));
    let sealed: SocketAddr = SocketAddr::new(addr().ip(), 443);
    let tls = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).pin("a.test", &cert.pin()).build().unwrap();
    let build = async || {
        let world = World::new();
        world.net.host("p.test", [proxy_addr().ip()]);
        let origin = Origin::h2c().tls(&cert).serve_on(world.net.listen(sealed));
        let proxy = ProxyServer::http().tls(&of_proxy).user("alice", "hidden");
        let proxy = proxy.serve_on(world.net.listen(proxy_addr()), &world.net);
        let way = [Proxy::parse("https://alice:hidden@p.test:3128").unwrap()];
        let client = world.builder().tls(TlsLayer::new(tls.clone())).proxies([way]).build();
        for addr in [sealed, proxy_addr()] {
            world.net.at(addr).connect_latency(STEP).latency(STEP);
        }
        let call = client.get("https://a.test/");
        (Stage { world, origin, proxy, client }, async move { assert_eq!(read(call).await.unwrap(), "hello") })
    };
    let check = async |stage: Stage| {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let stats = stage.client.stats();
        let busy = (stats.connecting, stats.active, stats.draining, stats.streams, stats.waiting);
        assert_eq!(busy, (0, 0, 0, 0, 0), "{stats:?}");
        assert_eq!((stage.world.net.live_sockets_to(proxy_addr()), stage.proxy.open()), (stats.idle, stats.idle));
        assert_eq!(read(stage.client.get("https://a.test/")).await.unwrap(), "hello", "the next request");
        drop(stage.client);
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.world.assert_nothing_left().await;
    };
    // The caller's own future sleeps through all of this, so it is dropped by the clock: each step takes one tick of
    // it.
    for given_up in 0.. {
        let (stage, call) = build().await;
        let completed = tokio::time::timeout(STEP * given_up, call).await.is_ok();
        check(stage).await;
        if completed {
            assert!(given_up > 8, "{given_up}");
            break;
        }
    }
}

/// Without settings for proxies, what is for origins is theirs only as far as it makes them safer.
#[tokio::test(start_paused = true)]
async fn a_sealed_proxy_is_verified_though_origins_are_not_and_is_not_told_who_we_are() {
    let (ca, others, clients) = (Ca::new("root"), Ca::new("others"), Ca::new("clients"));
    let me = clients.client("me");
    let config = |root: &Ca| {
        let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).insecure();
        config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()).build().unwrap()
    };
    let of_proxy = ca.leaf(["p.test"]);
    let (way, curious) =
        (|| [Proxy::parse("https://p.test:3128").unwrap()], || [Proxy::parse("https://p.test:81").unwrap()]);
    let world = World::new();
    world.net.host("p.test", [proxy_addr().ip()]);
    let origin = Origin::h1().serve_on(world.listen());
    let proxy = ProxyServer::http().tls(&of_proxy).serve_on(world.net.listen(proxy_addr()), &world.net);
    let client = world.builder().tls(TlsLayer::new(config(&others))).proxies([way()]).build();
    let error = read(client.get("http://a.test/")).await.unwrap_err();
    assert!(matches!(tls_error(&error), Some(TlsError::UnknownIssuer { .. })), "{error:?}");
    assert!(proxy.requests().is_empty());
    let client = world.builder().tls(TlsLayer::new(config(&ca))).proxies([way()]).build();
    assert_eq!(read(client.get("http://a.test/")).await.unwrap(), "hello");
    let asked_to = world.builder().tls(TlsLayer::new(config(&others))).proxy_tls(config(&others).tls_connector());
    assert_eq!(read(asked_to.proxies([way()]).build().get("http://a.test/")).await.unwrap(), "hello");
    assert_eq!(origin.requests().len(), 2);

    // One that wants to know who we are. It speaks TLS, and is no proxy.
    let listener = world.net.listen(SocketAddr::new(proxy_addr().ip(), 81));
    let stranger = Origin::h1().tls(&of_proxy).require_client_cert(&clients).tls12().serve_on(listener);
    let client = world.builder().tls(TlsLayer::new(config(&ca))).proxies([curious()]).build();
    assert!(client.get("http://a.test/").await.unwrap_err().is_connect());
    assert!(stranger.handshakes().is_empty(), "{:?}", stranger.handshakes());
    let asked_to = world.builder().tls(TlsLayer::new(config(&ca))).proxy_tls(config(&ca).tls_connector());
    let _ = asked_to.proxies([curious()]).build().get("http://a.test/").await;
    assert_eq!(stranger.handshakes()[0].client, me.chain());
}

fn tls_error(error: &skybridge::Error) -> Option<&TlsError> {
    match error.cause() {
        Cause::Connect(error) => error.source_as(),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_are_in_nothing_that_is_told() {
    for way in ALL {
        let stage = way.stage();
        let mut shown = String::new();
        for url in [way.url.to_owned(), way.url.replace("alice", "hidden")] {
            let proxies = [Proxy::parse(&url).unwrap()];
            let mut request = wishing(way.request(), |options: RequestOptions| options.proxies(proxies));
            for name in ["authorization", "cookie"] {
                let mut value = http::HeaderValue::from_static("hidden");
                value.set_sensitive(true);
                request.headers_mut().insert(name, value);
            }
            shown += &format!("{request:?}");
            match stage.client.request(request).await {
                Ok(response) => shown += &format!("{response:?}"),
                Err(error) => {
                    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
                    shown.extend(causes.map(|cause| format!("{cause} {cause:?}")));
                    shown += &format!("{:?}", error.attempts());
                }
            }
        }
        shown += &format!("{:?} {:?} {:?}", stage.client, stage.world.recorder.lines(), stage.world.builder());
        for secret in ["alice", "hidden", "YWxpY2U6aGlkZGVu"] {
            assert!(!shown.contains(secret), "{way:?}: `{secret}` in {shown}");
        }
    }
}
