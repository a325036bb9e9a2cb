//! Settings of a `ClientBuilder` meet when it is built: every pair of its methods, in both orders, gives the same
//! client. What a client is shows in what it does: the bytes that servers and proxies see, on which connections, when,
//! and what comes of each request.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::Request;
use skybridge::{
    Client, ClientBuilder, ConnectOptions, H1, H2, HttpVersions, NegotiateLayer, OverridesLayer, PoolConfig, Proxy,
    RaceLayer, RequestBody, RequestOptions, RetryLayer, RouteConfig, Timeouts, TlsConfig, TlsConnector, TlsLayer,
    TunnelLayer,
    tower::{ServiceBuilder, service_fn},
    types::{Attempt, BoxError, Endpoint, Families, Origin as OriginKey},
};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::{Executor, run_until_idle},
    net::{Conn, Names, Network, Serving},
    observe::Recorder,
    origin::Origin,
    proxy::ProxyServer,
};
use skybridge_tls::Roots;
use std::{
    collections::BTreeMap,
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

const V4: &str = "192.0.2.1:80";
const V6: &str = "[2001:db8::1]:80";
const ELSEWHERE: &str = "192.0.2.9:80";
const DIALLED: &str = "192.0.2.6:80";
const H2_PEER: &str = "192.0.2.2:80";
const PROXY: &str = "192.0.2.7:3128";
const SEALED_PROXY: &str = "192.0.2.8:3129";
const SILENT_PROXY: &str = "192.0.2.10:3128";

/// Two authorities: one that has issued the certificate of all servers, and one that nobody knows.
struct Authorities {
    known: TlsConfig,
    unknown: TlsConfig,
    cert: Cert,
}

impl Authorities {
    fn new() -> Self {
        let trusting = |ca: &Ca| TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).build().unwrap();
        let ca = Ca::new("known");
        let cert = ca.leaf(["a.test", "192.0.2.8"]);
        Self { known: trusting(&ca), unknown: trusting(&Ca::new("unknown")), cert }
    }
}

/// Everything outside of a client, and what was seen of it there.
struct Stage {
    net: Network,
    log: Log,
    own: Executor,
    other: Executor,
    recorder: Arc<Recorder>,
    known: TlsConfig,
    unknown: TlsConfig,
    origin: Origin,
    proxies: [ProxyServer; 2],
    _servers: Vec<Serving>,
}

#[derive(Clone)]
struct Log(Arc<Mutex<String>>, Instant);

impl Log {
    fn note(&self, line: &str) {
        let _ = writeln!(self.0.lock().unwrap(), "{:?} {line}", self.1.elapsed());
    }
}

impl Stage {
    fn new(authorities: &Authorities) -> Self {
        let (net, log) = (Network::new(), Log(Arc::default(), Instant::now()));
        net.host("a.test", [addr(V6).ip(), addr(V4).ip()]);
        net.host("h2.test", [addr(H2_PEER).ip()]);
        // Longer than a hurried race waits, and not as long as a patient one.
        net.at(addr(V6)).connect_latency(Duration::from_millis(200));
        let mut servers: Vec<_> = [V4, V6, ELSEWHERE, DIALLED]
            .map(|at| {
                let log = log.clone();
                net.listen(addr(at)).serve(move |_, conn| serve(conn, at, log.clone()))
            })
            .into();
        let noted = log.clone();
        servers.push(net.listen(addr(H2_PEER)).serve(move |_, conn| listen(conn, noted.clone())));
        servers.push(net.listen(addr(SILENT_PROXY)).serve(|_, conn| async move {
            let _open = conn;
            std::future::pending::<()>().await;
        }));
        let cert = &authorities.cert;
        let origin = Origin::h1().tls(cert).serve_on(net.listen(SocketAddr::new(addr(V4).ip(), 443)));
        let proxies = [
            ProxyServer::http().serve_on(net.listen(addr(PROXY)), &net),
            ProxyServer::http().tls(cert).serve_on(net.listen(addr(SEALED_PROXY)), &net),
        ];
        let (known, unknown) = (authorities.known.clone(), authorities.unknown.clone());
        let (own, other, recorder) = (Executor::new(), Executor::new(), Recorder::new());
        Self { net, log, own, other, recorder, known, unknown, origin, proxies, _servers: servers }
    }

    /// What every client here needs, to touch nothing of the machine.
    fn builder(&self) -> ClientBuilder<Names, skybridge_testkit::net::Dialer> {
        Client::builder()
            .runtime(self.own.runtime())
            .resolver(self.net.resolver())
            .dialer(self.net.dialer())
            .tls(TlsLayer::new(self.unknown.clone()))
    }

    /// Everything that can be observed of a client, as text.
    async fn behaviour(self, client: Client) -> String {
        let through = Proxy::parse(&format!("https://{SEALED_PROXY}")).unwrap();
        let silent = Proxy::parse(SILENT_PROXY).unwrap();
        let requests = [
            ("first", get("http://a.test/first")),
            // The connection is closed on it where it carried something before.
            ("closed", get("http://a.test/closed")),
            ("slow", get("http://a.test/slow")),
            // What is not idempotent is not sent again after a pause, which would be at random.
            ("h2", wishing(post("http://h2.test/"), RequestOptions::new().http_versions(HttpVersions::Http2))),
            ("https", get("https://a.test/")),
            ("through", wishing(get("http://a.test/through"), RequestOptions::new().proxies([through]))),
            ("tunnel", wishing(get("https://a.test/"), RequestOptions::new().proxies([silent]))),
        ];
        for (name, request) in requests {
            let outcome = match client.request(request).await {
                Ok(response) => match response.into_body().text().await {
                    Ok(text) => text,
                    Err(error) => format!("{error}"),
                },
                Err(error) => format!("{error}: {}", root(&error)),
            };
            self.log.note(&format!("{name}: {outcome}"));
        }
        drop(client);
        run_until_idle().await;
        let tasks = (self.own.spawned() > 0, self.other.spawned() > 0);
        let asked: Vec<_> = self.proxies.iter().map(|proxy| (proxy.connections(), proxy.requests().len())).collect();
        let seen = (tasks, asked, self.origin.exchanges(), self.recorder.names());
        format!("{}{seen:?}", self.log.0.lock().unwrap())
    }
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn get(url: &str) -> Request<RequestBody> {
    Request::get(url).header("x-case", "any").body(RequestBody::empty()).unwrap()
}

fn post(url: &str) -> Request<RequestBody> {
    Request::post(url).body(RequestBody::empty()).unwrap()
}

fn wishing(mut request: Request<RequestBody>, options: RequestOptions) -> Request<RequestBody> {
    request.extensions_mut().insert(options);
    request
}

fn root(error: &skybridge::Error) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

/// An origin that says where it is, and writes down what it is asked.
async fn serve(mut conn: Conn, at: &'static str, log: Log) {
    let (mut head, mut piece, mut served) = (Vec::new(), [0; 1024], 0);
    while let Ok(read @ 1..) = conn.read(&mut piece).await {
        head.extend_from_slice(&piece[..read]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        log.note(&format!("{at} is asked {text:?}"));
        head.clear();
        if text.contains("/closed") && served > 0 {
            return;
        }
        if text.contains("/slow") {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        served += 1;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{at}", at.len());
        if conn.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A peer that writes down how HTTP/2 begins, and hangs up.
async fn listen(mut conn: Conn, log: Log) {
    run_until_idle().await;
    let mut begun = [0; 64];
    if let Ok(read) = conn.read(&mut begun).await {
        log.note(&format!("h2 begins {:?}", begun[..read].escape_ascii().to_string()));
    }
}

/// One method with a setting that shows.
macro_rules! set {
    (runtime, $builder:expr, $stage:ident) => {
        $builder.runtime($stage.other.runtime())
    };
    (observer, $builder:expr, $stage:ident) => {
        $builder.observer($stage.recorder.clone())
    };
    (timeouts, $builder:expr, $stage:ident) => {{
        let mut timeouts = Timeouts::new();
        timeouts.call = Some(Duration::from_secs(1));
        $builder.timeouts(timeouts)
    }};
    (connect_options, $builder:expr, $stage:ident) => {{
        let mut connect_options = ConnectOptions::default();
        connect_options.server_name = Some("b.test".into());
        $builder.connect_options(connect_options)
    }};
    (retry, $builder:expr, $stage:ident) => {
        $builder.retry(RetryLayer::unsent())
    };
    (pool, $builder:expr, $stage:ident) => {
        $builder.pool(PoolConfig::new().max_requests(1))
    };
    (route, $builder:expr, $stage:ident) => {
        $builder.route(RouteConfig::new().families(Families::V4))
    };
    (resolver, $builder:expr, $stage:ident) => {{
        let elsewhere = OverridesLayer::new().host("a.test", [Endpoint::from(addr(ELSEWHERE))]);
        $builder.resolver(ServiceBuilder::new().layer(elsewhere).service($stage.net.resolver()))
    }};
    (proxies, $builder:expr, $stage:ident) => {
        $builder.proxies([vec![Proxy::parse(PROXY).unwrap()]])
    };
    (proxy_selector, $builder:expr, $stage:ident) => {{
        // Not for all origins, as a list is.
        let proxy_for = |origin: OriginKey| (origin.scheme().as_str() == "http").then(|| Proxy::parse(PROXY).unwrap());
        let select = move |origin| async move { Ok::<_, BoxError>([proxy_for(origin).into_iter().collect()]) };
        $builder.proxy_selector(service_fn(select))
    }};
    (negotiate, $builder:expr, $stage:ident) => {
        $builder.negotiate(NegotiateLayer::new(H1::new(), H2::new().stream_window(80_000)))
    };
    (h1, $builder:expr, $stage:ident) => {
        $builder.h1(H1::new().title_case())
    };
    (h2, $builder:expr, $stage:ident) => {
        $builder.h2(H2::new().stream_window(70_000))
    };
    (tls, $builder:expr, $stage:ident) => {
        $builder.tls(TlsLayer::new($stage.known.clone()))
    };
    (proxy_tls, $builder:expr, $stage:ident) => {{
        let connector: TlsConnector = $stage.known.tls_connector();
        $builder.proxy_tls(connector)
    }};
    (tunnel, $builder:expr, $stage:ident) => {
        $builder.tunnel(TunnelLayer::new().timeout(Duration::from_millis(500)))
    };
    (race, $builder:expr, $stage:ident) => {
        $builder.race(RaceLayer::happy_eyeballs().delay(Duration::from_millis(100)))
    };
    (dialer, $builder:expr, $stage:ident) => {{
        let elsewhere = |mut attempt: Attempt| {
            if [V4, V6].map(addr).map(Endpoint::from).contains(&attempt.endpoint) {
                attempt.endpoint = addr(DIALLED).into();
            }
            attempt
        };
        let dialer = ServiceBuilder::new().map_request(elsewhere).map_err(BoxError::from);
        $builder.dialer(dialer.service($stage.net.dialer()))
    }};
}

/// A pair of methods, and the client that they make of a stage's builder, in this order.
type Pair = (&'static str, &'static str, fn(&Stage) -> Client);

/// Every method with every other one, and with itself.
macro_rules! pairs {
    ($($method:ident)*) => { pairs!(@each [$($method)*] $($method)*) };
    (@each $all:tt $($first:ident)*) => { [$(pairs!(@with $first $all)),*].concat() };
    (@with $first:ident [$($second:ident)*]) => {
        [$({
            let make: fn(&Stage) -> Client = |stage| {
                let builder = set!($first, stage.builder(), stage);
                set!($second, builder, stage).build()
            };
            (stringify!($first), stringify!($second), make)
        }),*]
    };
}

#[tokio::test(start_paused = true)]
async fn every_pair_of_methods_in_both_orders_gives_the_same_client() {
    let authorities = Authorities::new();
    let stage = Stage::new(&authorities);
    let plain = stage.builder().build();
    let plain = stage.behaviour(plain).await;
    let pairs: Vec<Pair> = pairs!(
        runtime observer timeouts connect_options retry pool route resolver proxies proxy_selector negotiate h1 h2
        tls proxy_tls tunnel race dialer
    );
    let mut behaviours = BTreeMap::new();
    for (first, second, make) in pairs {
        let stage = Stage::new(&authorities);
        let client = make(&stage);
        behaviours.insert((first, second), stage.behaviour(client).await);
    }
    assert_eq!(behaviours.len(), 18 * 18);
    for ((first, second), behaviour) in &behaviours {
        if first == second {
            // What doesn't show could not be missed.
            assert_ne!(*behaviour, plain, "{first} changes nothing that is seen");
        }
        let other = &behaviours[&(*second, *first)];
        assert_eq!(behaviour, other, "{first} before {second}, and {second} before {first}");
    }
    // Of a protocol, what is said of it alone goes before what is said of both.
    assert_eq!(behaviours[&("h2", "negotiate")], behaviours[&("h2", "h2")]);
    // A list goes before who would name one.
    assert_eq!(behaviours[&("proxies", "proxy_selector")], behaviours[&("proxies", "proxies")]);
    // Neither is lost, of the two of which one was.
    let proxied = &behaviours[&("proxies", "resolver")];
    assert!(proxied.contains("first: ") && !proxied.contains("[(0, 0), "), "nothing went through the proxy: {proxied}");
}
