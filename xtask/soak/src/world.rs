use crate::{
    chaos::Chaos,
    dialer::Dialer,
    hold::Hold,
    ledger::Ledger,
    mode::Mode,
    peer::{HOLD, Peer},
};
use http::Uri;
use skybridge::types::sync::Mutex;
use skybridge::{Client, PoolConfig};
use skybridge_testkit::{
    executor::Executor,
    net::{Network, Serving},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Limits that every round meets.
pub(crate) const PER_ORIGIN: usize = 3;
pub(crate) const TOTAL: usize = 8;
const IDLE: usize = 5;
/// Of the popular origin's callers a few are more than that, now and then.
const WAITING: usize = 32;

/// One origin: every other speaks HTTP/2, with prior knowledge.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) uri: Uri,
    pub(crate) hold: Uri,
    pub(crate) addr: SocketAddr,
    pub(crate) http2: bool,
}

/// What there is for all rounds: the client, and the names.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) chaos: Chaos,
    pub(crate) hosts: Arc<[Host]>,
    pub(crate) executor: Executor,
    net: Arc<Mutex<Network>>,
}

/// What there is for one.
#[derive(Debug)]
pub(crate) struct Origins {
    pub(crate) net: Network,
    pub(crate) hold: Hold,
    serving: Vec<Serving>,
}

impl World {
    pub(crate) fn new(mode: Mode, seed: u64) -> Result<Self, String> {
        let zone = Network::new();
        let mut hosts = Vec::new();
        for n in 1..=6 {
            let (name, addr) = (format!("origin{n}.test"), Ipv4Addr::new(192, 0, 2, n));
            zone.host(&name, [addr.into()]);
            let uri = |path| format!("http://{name}{path}").parse().map_err(|error| format!("{name}: {error}"));
            hosts.push(Host { uri: uri("/")?, hold: uri(HOLD)?, addr: (addr, 80).into(), http2: n % 2 == 0 });
        }
        let (executor, chaos) = (Executor::new(), Chaos::new(mode, seed));
        let net = Arc::new(Mutex::new(Network::new()));
        let pool = PoolConfig::new()
            .max_per_origin(PER_ORIGIN)
            .max_total(TOTAL)
            .max_idle(IDLE)
            .max_waiting_per_origin(WAITING)
            .max_connecting_per_origin(2)
            .max_overtaking(8)
            .max_requests(100)
            .idle_timeout(Duration::from_millis(50))
            .upload_grace(Duration::from_millis(20))
            // Connects fail all the time, and what matters happens while others wait.
            .connect_backoff(Duration::from_millis(1))
            .max_connect_backoff(Duration::from_millis(4));
        let client = Client::builder()
            .runtime(executor.runtime())
            .resolver(zone.resolver())
            .dialer(Dialer { chaos: chaos.clone(), net: Arc::clone(&net) })
            .pool(pool)
            .build();
        Ok(Self { client, chaos, hosts: hosts.into(), executor, net })
    }

    /// Puts the origins of a round on a network of their own.
    pub(crate) fn origins(&self, ledger: &Ledger) -> Origins {
        let (net, hold) = (Network::new(), Hold::default());
        let serve = |host: &Host| {
            let (chaos, ledger, hold) = (self.chaos.clone(), ledger.clone(), hold.clone());
            let peer = Peer { http2: host.http2, chaos, ledger, hold };
            net.listen(host.addr).serve(move |_, conn| peer.clone().serve(conn))
        };
        let serving = self.hosts.iter().map(serve).collect();
        let origins = Origins { hold, serving, net: net.clone() };
        *self.net.lock() = net;
        origins
    }

    /// Forgets the network of a round.
    pub(crate) fn clear(&self, origins: Origins) {
        *self.net.lock() = Network::new();
        drop(origins);
    }
}

impl Origins {
    /// Connections that origins have.
    pub(crate) fn open(&self) -> usize {
        self.serving.iter().map(Serving::active).sum()
    }
}
