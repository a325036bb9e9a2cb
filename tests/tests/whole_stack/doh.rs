//! Names asked of a server over HTTPS (RFC 8484), by a client of its own.

use http::{Response, header::CONTENT_TYPE};
use http_body_util::Full;
use skybridge::{Client, DohError, Roots, Timeouts, TlsConfig, TlsLayer};
use skybridge_testkit::{
    certs::Ca,
    dns::{self, Question, Reply},
    drop_walk::drop_walk,
    executor::run_until_idle,
    origin::{Builder, Origin},
};
use skybridge_tests::{World, get, read};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const AAAA: u16 = 28;
const MS: Duration = Duration::from_millis(1);

/// A network whose names only a server over HTTPS knows, but for that of the server.
struct Doh {
    world: World,
    server: Origin,
    asked: Arc<Mutex<Vec<String>>>,
    authority: Ca,
    _origin: Origin,
}

fn server() -> SocketAddr {
    "192.0.2.53:443".parse().unwrap()
}

impl Doh {
    /// A server that says after a while that every name is where the origin is.
    fn new(after: impl Fn(&Question) -> Duration + Send + Sync + 'static) -> Self {
        Self::with(Origin::h2c(), after)
    }

    fn with(builder: Builder, after: impl Fn(&Question) -> Duration + Send + Sync + 'static) -> Self {
        let (world, authority, asked) = (World::new(), Ca::new("a root"), Arc::<Mutex<Vec<_>>>::default());
        world.net.host("a.test", []);
        world.net.host("dns.test", [server().ip()]);
        let known = Arc::clone(&asked);
        let builder = builder.handle(move |request| {
            let query = dns::query_in(request.uri()).unwrap();
            let question = Question::read(&query).unwrap();
            known.lock().unwrap().push(format!("{} {}", question.name, question.kind));
            let wait = sleep(after(&question));
            async move {
                wait.await;
                let reply = Reply::Addresses(vec![[192, 0, 2, 1].into()], 60).message(&query).unwrap();
                let response = Response::builder().header(CONTENT_TYPE, "application/dns-message");
                response.body(Full::from(reply)).unwrap()
            }
        });
        let server = builder.tls(&authority.leaf(["dns.test"])).serve_on(world.net.listen(server()));
        let origin = Origin::h1().serve_on(world.listen());
        Self { world, server, asked, authority, _origin: origin }
    }

    /// The client that asks, and trusts this authority.
    fn asking(&self, authority: &Ca) -> Client {
        let trusting = TlsConfig::builder().roots(Roots::Given(vec![authority.der()])).build().unwrap();
        let builder = Client::builder().runtime(self.world.executor.runtime()).tls(TlsLayer::new(trusting));
        builder.resolver(self.world.net.resolver()).dialer(self.world.net.dialer()).build()
    }

    fn client(&self, timeouts: Timeouts, asking: Client) -> Client {
        let builder = self.world.builder().timeouts(timeouts);
        builder.dns_over_https("https://dns.test/dns-query", asking).unwrap().build()
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn url(host: &str) -> String {
    format!("http://{host}/")
}

#[tokio::test(start_paused = true)]
async fn names_are_asked_for_once_over_one_connection() {
    let doh = Doh::new(|_| MS);
    let client = doh.client(Timeouts::new(), doh.asking(&doh.authority));
    for host in ["a.test", "b.test", "a.test"] {
        assert_eq!(read(client.get(url(host))).await.unwrap(), "hello");
        client.evict_all();
    }
    assert_eq!((doh.asked(), doh.server.connections()), (4, 1), "two families of two names");
    drop(client);
    doh.world.assert_nothing_left().await;
}

/// As it comes: nobody waits for the other family for longer than happy eyeballs do.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_of_one_family_holds_up_no_connect() {
    let doh = Doh::new(|question| if question.kind == AAAA { 5_000 * MS } else { MS });
    let client = doh.client(Timeouts::new(), doh.asking(&doh.authority));
    let start = Instant::now();
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    assert!(start.elapsed() < 100 * MS, "{:?}", start.elapsed());
}

/// Each question may be repeated: so a connection that takes no more, or ends, costs no name.
#[tokio::test(start_paused = true)]
async fn a_server_that_drains_its_connections_costs_no_name() {
    for http2 in [false, true] {
        let builder = if http2 { Origin::h2c() } else { Origin::h1() };
        let doh = Doh::with(builder.requests_per_connection(3), |_| MS);
        let client = doh.client(Timeouts::new(), doh.asking(&doh.authority));
        for i in 0..20 {
            assert_eq!(read(client.get(url(&format!("a{i}.test")))).await.unwrap(), "hello", "{http2} {i}");
        }
        assert!(doh.server.connections() >= 10, "{}", doh.server.connections());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_trusted_is_told_no_name() {
    let doh = Doh::new(|_| MS);
    let client = doh.client(Timeouts::new(), doh.asking(&Ca::new("another root")));
    let error = read(client.request(get("/"))).await.unwrap_err();
    let skybridge::Cause::Connect(cause) = error.cause() else { panic!("{error:?}") };
    assert!(matches!(cause.source_as(), Some(DohError::Http(_))), "{error:?}");
    assert!(!cause.is_fatal() && !error.is_timeout(), "{error:?}");
    assert_eq!(doh.asked(), 0);
    drop(client);
    doh.world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_the_limit_of_the_call_and_leaves_nothing() {
    let doh = Doh::new(|_| 3_600_000 * MS);
    let mut timeouts = Timeouts::new();
    timeouts.call = Some(2_000 * MS);
    let client = doh.client(timeouts, doh.asking(&doh.authority));
    let start = Instant::now();
    let error = read(client.request(get("/"))).await.unwrap_err();
    assert!(error.is_timeout() && start.elapsed() == 2_000 * MS, "{error:?} {:?}", start.elapsed());
    drop(client);
    doh.world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_anywhere_leaves_nothing_and_harms_no_other() {
    let walked = drop_walk(
        async || {
            let doh = Doh::new(|question| if question.kind == AAAA { 20 * MS } else { 10 * MS });
            doh.world.net.at(server()).connect_latency(MS).latency(MS);
            let client = doh.client(Timeouts::new(), doh.asking(&doh.authority));
            let call = client.request(get("/"));
            ((doh, client), async move { assert_eq!(read(call).await.unwrap(), "hello") })
        },
        async |(doh, client), _| {
            assert_eq!(read(client.get(url("b.test"))).await.unwrap(), "hello");
            drop(client);
            run_until_idle().await;
            doh.world.assert_nothing_left().await;
        },
    )
    .await;
    assert!(walked.drops >= 5, "{walked:?}");
}
