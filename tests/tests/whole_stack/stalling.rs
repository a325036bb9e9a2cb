//! What takes a connection and then says nothing, or takes none and doesn't refuse either: it costs one call its time
//! at most, and the next goes another way.

use skybridge::{PoolConfig, Proxy, RetryLayer, Timeouts};
use skybridge_testkit::{executor::run_until_idle, net::Listener, proxy::ProxyServer};
use skybridge_tests::{World, get, read};
use std::{net::SocketAddr, time::Duration};
use tokio::time::{Instant, timeout};

/// How the first way stalls.
#[derive(Clone, Copy, Debug)]
enum Stall {
    /// No SYN is answered.
    Tcp,
    /// The proxy never answers CONNECT.
    Tunnel,
}

const BOTH: [Stall; 2] = [Stall::Tcp, Stall::Tunnel];

fn at(n: u8) -> SocketAddr {
    format!("192.0.2.{n}:3128").parse().unwrap()
}

fn chain(url: &str) -> Vec<Proxy> {
    vec![Proxy::parse(url).unwrap().tunnels_all()]
}

/// Two proxies to the origin, of which the first stalls.
struct Stalling {
    world: World,
    good: ProxyServer,
    _silent: Option<Listener>,
    _origin: skybridge_testkit::origin::Origin,
}

impl Stalling {
    fn new(stall: Stall) -> Self {
        let world = World::new();
        let silent = match stall {
            Stall::Tcp => {
                world.net.at(at(7)).black_hole();
                None
            }
            Stall::Tunnel => Some(world.net.listen(at(7))),
        };
        let origin = skybridge_testkit::origin::Origin::h1().serve_on(world.listen());
        let good = ProxyServer::http().serve_on(world.net.listen(at(8)), &world.net);
        Self { world, good, _silent: silent, _origin: origin }
    }

    /// By two ways, each a proxy of its own.
    fn client(&self, pool: PoolConfig, timeouts: Timeouts) -> skybridge::Client {
        let ways = [chain("http://192.0.2.7:3128"), chain("http://192.0.2.8:3128")];
        let retry = RetryLayer::unsent().max_tries(1);
        self.world.builder().pool(pool).timeouts(timeouts).retry(retry).proxies(ways).build()
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The limit of connecting in total ends it while it waits, so that no step of it says that it has failed.
#[tokio::test(start_paused = true)]
async fn what_hangs_until_the_limit_of_connecting_is_tried_last_the_next_time() {
    let alone = || PoolConfig::new().backup_connect(Duration::MAX);
    for stall in BOTH {
        for (pool, timeouts) in
            [(alone().connect_timeout(secs(5)), Timeouts::new()), (alone(), Timeouts::new().connect(secs(5)))]
        {
            let stalling = Stalling::new(stall);
            let client = stalling.client(pool, timeouts);
            let start = Instant::now();
            let error = read(client.request(get("/"))).await.unwrap_err();
            assert!(error.is_timeout() && error.is_connect(), "{error:?}");
            assert_eq!((start.elapsed(), stalling.good.connections()), (secs(5), 0), "{stall:?}");
            run_until_idle().await;
            let start = Instant::now();
            assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello", "{stall:?}");
            assert_eq!((start.elapsed(), stalling.good.connections()), (secs(0), 1), "{stall:?}");
        }
    }
}

/// That somebody has lost patience teaches nothing.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_says_nothing_of_the_way() {
    for stall in BOTH {
        let stalling = Stalling::new(stall);
        let client = stalling.client(PoolConfig::new().backup_connect(Duration::MAX), Timeouts::new());
        assert!(timeout(secs(4), read(client.request(get("/")))).await.is_err());
        run_until_idle().await;
        assert!(timeout(secs(4), read(client.request(get("/")))).await.is_err());
        assert_eq!(stalling.good.connections(), 0, "{stall:?}");
    }
}

/// The second connect, which begins beside one that takes long, begins with what the first one doesn't wait for.
#[tokio::test(start_paused = true)]
async fn a_connect_beside_one_that_stalls_goes_another_way() {
    for stall in BOTH {
        let stalling = Stalling::new(stall);
        let client = stalling.client(PoolConfig::new(), Timeouts::new());
        let start = Instant::now();
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello", "{stall:?}");
        assert_eq!((start.elapsed(), stalling.good.connections()), (secs(2), 1), "{stall:?}");
        run_until_idle().await;
        // Where the first still hangs is no way for the next either.
        client.evict_all();
        let start = Instant::now();
        assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello", "{stall:?}");
        assert_eq!(start.elapsed(), secs(0), "{stall:?}");
    }
}

/// The same of two addresses of one proxy, of which one takes connections.
#[tokio::test(start_paused = true)]
async fn a_connect_beside_one_that_stalls_goes_to_another_address() {
    let stalling = Stalling::new(Stall::Tunnel);
    stalling.world.net.host("p.test", [at(7).ip(), at(8).ip()]);
    let retry = RetryLayer::unsent().max_tries(1);
    let client = stalling.world.builder().retry(retry).proxies([chain("http://p.test:3128")]).build();
    let start = Instant::now();
    assert_eq!(read(client.request(get("/"))).await.unwrap(), "hello");
    assert_eq!((start.elapsed(), stalling.good.connections()), (secs(2), 1));
}
