//! Why a request has this connection and not another: each rule, what brings it about, and what is said of it.

use crate::stage::*;
use skybridge_core::{
    BoxFuture, Cause, CertificateScope, CloseReason, ConnectError, ConnectionStatus, EchMode, Egress, EgressRule,
    Endpoint, Event, EventKind, Found, HttpVersions, NotUsed, Observe, Origin, Partition, Phase, Proxy, ProxyKind,
    RequestOptions, Search, Trust,
};
use skybridge_pool::{AtConnectionLimit, AtStreamLimit, PoolConfig};
use skybridge_testkit::{
    executor::run_until_idle,
    fake::{Facts, Peer},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

const ONE: &str = "https://one.test/";
const TWO: &str = "https://two.test/";

/// The searches that an observer was told of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Search>>>);

impl Observe for Told {
    fn observe(&self, event: &Event<'_>) {
        if let EventKind::Searched(search) = event.kind {
            self.0.lock().unwrap().push(search.clone());
        }
    }
}

struct Row {
    stage: Stage,
    told: Told,
    /// What is under way, and stays so.
    calls: Vec<Call>,
}

impl Row {
    fn new(config: PoolConfig) -> Self {
        let told = Told::default();
        let observer = Arc::new(told.clone());
        Self { stage: Stage::with(|layer| layer.config(config).observer(observer)), told, calls: Vec::new() }
    }

    /// Every connect succeeds with these facts.
    fn easy(config: PoolConfig, facts: fn() -> Facts) -> Self {
        let row = Self::new(config);
        row.stage.below.connect_all(move |_| facts());
        row
    }

    async fn call(&mut self, url: &str) {
        self.options(url, RequestOptions::new()).await;
    }

    async fn options(&mut self, url: &str, options: RequestOptions) {
        self.calls.push(self.stage.options(url, options));
        run_until_idle().await;
    }

    /// The connection that this request has opened, which it has in use.
    async fn busy(&mut self, url: &str, facts: Facts) -> Peer<Sent> {
        self.call(url).await;
        self.stage.connected(facts).await
    }

    /// Leaves nothing to the next row, which is driven by the same runtime.
    async fn end(self) {
        self.calls.iter().for_each(Call::abort);
        self.stage.below.peers().iter().for_each(Peer::release);
        run_until_idle().await;
    }

    async fn proxied(&self, url: &str) {
        let call = self.stage.options(url, proxied());
        run_until_idle().await;
        self.stage.answer();
        read(done(call).await).await;
        run_until_idle().await;
    }
}

fn proxied() -> RequestOptions {
    RequestOptions::new().proxies([Proxy::new(ProxyKind::Http, "192.0.2.1", 80)])
}

fn config() -> PoolConfig {
    PoolConfig::new()
}

fn both() -> Facts {
    Facts::h2(50).covers(["one.test", "two.test"])
}

fn at(last: u8) -> Endpoint {
    Endpoint::from(([192, 0, 2, last], 443))
}

type Drive = fn() -> BoxFuture<Row>;

/// `(name, sentence, what brings it about)`: connection 1 is passed over for the last request.
macro_rules! rows {
    ($($name:literal, $sentence:literal, $drive:expr;)+) => {
        [$(($name, $sentence, (|| Box::pin($drive)) as Drive)),+]
    };
}

/// The own connection, opened with these options, when a request comes with others.
async fn other_options(first: RequestOptions, second: RequestOptions) -> Row {
    let mut row = Row::new(config());
    row.options(A, first).await;
    row.stage.connected(Facts::h1()).await;
    row.options(A, second).await;
    row
}

/// A connection of one.test, when a request for two.test comes with these options.
async fn other_origin(facts: Facts, url: &str, options: RequestOptions) -> Row {
    let mut row = Row::new(config());
    row.stage.below.endpoints("one.test", [at(1)]).endpoints("two.test", [at(1)]);
    row.stage.warm(ONE, facts).await;
    row.options(url, options).await;
    row
}

/// Two connections, of which the most recent one is idle, when a request of another origin comes.
async fn other_forwarded(facts: Facts, options: RequestOptions) -> Row {
    let mut row = Row::new(config());
    row.options(A, proxied()).await;
    row.stage.connected(facts).await.exchange().await.respond(200, "");
    for call in row.calls.drain(..) {
        read(done(call).await).await;
    }
    row.options(B, options).await;
    row
}

/// A certificate whose names, pins and trust are as it says.
#[derive(Default)]
struct Scope {
    covers: bool,
    is_old: AtomicBool,
    differs: bool,
}

impl CertificateScope for Scope {
    fn covers(&self, _: &Origin) -> bool {
        self.covers
    }

    fn names(&self, _: &Origin) -> bool {
        true
    }

    fn identity_differs(&self, _: &Origin) -> bool {
        self.differs
    }

    fn is_current(&self) -> bool {
        !self.is_old.load(SeqCst)
    }
}

fn scoped(scope: &Arc<Scope>) -> Facts {
    let scope = Arc::clone(scope);
    both().amend(|info| info.tls.as_mut().unwrap().covers = scope)
}

/// Those that no search comes to, as the indexes lead to none that would fail by them: they are for whoever asks about
/// all connections there are, and are tested there (`explain`). Of `forward_not_http` there is no connection: each that
/// is in a pool speaks some version.
const NOT_LOOKED_AT: [&str; 4] = ["coalesce_not_http2", "coalesce_not_https", "forward_not_http", "forward_address"];

#[tokio::test(start_paused = true)]
async fn each_rule_that_passes_over_a_connection_is_told_by_name() {
    let rows = rows! {
        "busy", "connection 1 to a.test passed over: it carries another request", async {
            let mut row = Row::new(config());
            row.busy(A, Facts::h1()).await;
            row.call(A).await;
            row
        };
        "streams_in_use", "connection 1 to a.test passed over: it carries another request, and may carry no more", async {
            let mut row = Row::new(config());
            row.busy(SECURE, Facts::h2(1)).await;
            row.call(SECURE).await;
            row
        };
        "before_settings",
        "connection 1 to a.test passed over: it carries a request, and its peer has yet to say how many it allows",
        async {
            let mut row = Row::new(config());
            row.busy(SECURE, Facts::h2_before_settings()).await;
            row.call(SECURE).await;
            row
        };
        "no_streams", "connection 1 to a.test passed over: its peer allows no requests", async {
            let mut row = Row::new(config());
            row.stage.warm(SECURE, Facts::h2(5)).await.set_capacity(0);
            row.call(SECURE).await;
            row
        };
        "suspect",
        "connection 1 to a.test passed over: its peer was asked whether it is alive, and has not answered",
        async {
            let mut row = Row::new(config());
            row.busy(SECURE, Facts::h2(5)).await.status(ConnectionStatus::Suspect);
            row.call(SECURE).await;
            row
        };
        "used_up", "connection 1 to a.test passed over: it has had as many requests as it may", async {
            let mut row = Row::new(config().max_requests(2));
            row.stage.warm(SECURE, Facts::h2(5)).await.lag();
            row.call(SECURE).await;
            row.call(SECURE).await;
            row
        };
        "draining", "connection 1 to a.test passed over: it takes no more requests: its peer has sent GOAWAY", async {
            let mut row = Row::new(config());
            row.busy(SECURE, Facts::h2(5)).await.drain(CloseReason::PeerGoAway);
            row.call(SECURE).await;
            row
        };
        "ended",
        "connection 1 to a.test passed over: it had ended when it was to be used: its peer has closed it",
        async {
            let mut row = Row::new(config());
            let peer = row.stage.warm(A, Facts::h1()).await;
            peer.lag();
            row.call(A).await;
            peer.close(CloseReason::PeerFin);
            run_until_idle().await;
            row
        };
        "not_ready", "connection 1 to a.test passed over: its last exchange is not over", async {
            let mut row = Row::new(config());
            row.stage.warm(A, Facts::h1()).await.hold();
            row.call(A).await;
            row
        };
        "other_http_versions", "connection 1 to a.test passed over: other versions of HTTP were asked of it",
        other_options(RequestOptions::new(), RequestOptions::new().http_versions(HttpVersions::Http1));
        "other_ech", "connection 1 to a.test passed over: it was asked to hide its name (ECH) in another way",
        other_options(RequestOptions::new(), RequestOptions::new().ech(EchMode::Off));
        "other_partition", "connection 1 to a.test passed over: it is of another partition",
        other_options(RequestOptions::new(), RequestOptions::new().partition(Partition::new("a")));
        "other_proxies", "connection 1 to a.test passed over: other proxies were asked of it",
        other_options(RequestOptions::new(), RequestOptions::new().proxies([]));
        "other_dial", "connection 1 to a.test passed over: it was asked to go to another address",
        other_options(RequestOptions::new(), RequestOptions::new().dial([at(9)]));
        "other_server_name", "connection 1 to a.test passed over: another server name was asked of it",
        other_options(RequestOptions::new(), RequestOptions::new().server_name("b.test"));
        "other_egress", "connection 1 to a.test passed over: another egress policy was asked of it",
        other_options(RequestOptions::new(), RequestOptions::new().egress(Egress::public()));
        "misdirected", "connection 1 to one.test passed over: it has answered two.test with 421", async {
            let mut row = Row::new(config());
            let peer = row.stage.warm(ONE, both()).await;
            row.call(TWO).await;
            peer.exchange().await.respond(421, "");
            read(done(row.calls.remove(0)).await).await;
            row.call(TWO).await;
            row
        };
        "too_many_names", "connection 1 to one.test passed over: it carries as many other names as it may", async {
            let hosts: Vec<_> = (0..1_025).map(|i| format!("h{i}.test")).collect();
            let names = hosts.clone();
            let mut row = Row::new(config());
            let all = hosts.iter().map(String::as_str).collect::<Vec<_>>();
            row.stage.warm(ONE, Facts::h2(50).covers(all)).await;
            for host in &names[..1_024] {
                assert_eq!(row.stage.get(&format!("https://{host}/")).await, 1);
            }
            row.call("https://h1024.test/").await;
            row
        };
        "sharing_off",
        "connection 1 to one.test passed over: connections of other origins are not used (coalesce is off)",
        async {
            let mut row = Row::new(config().coalesce(false));
            row.stage.warm(ONE, both()).await;
            row.call(TWO).await;
            row
        };
        "too_old", "connection 1 to a.test passed over: it is too old to be taken to another origin", async {
            let mut row = Row::new(config().max_age(60 * SECOND).idle_timeout(1000 * SECOND));
            row.options(A, proxied()).await;
            let old = row.stage.connected(Facts::h1()).await;
            after(70 * SECOND).await;
            // Something is idle, so that it is looked at all.
            row.stage.warm("http://c.test/", Facts::h1()).await;
            row.options(B, proxied()).await;
            assert!(!old.is_dropped(), "it is in use");
            row
        };
        "stays", "connection 1 to a.test passed over: it can't be taken to another origin",
        other_forwarded(Facts::h1().stays(), proxied());
        "coalesce_port", "connection 1 to one.test passed over: its port is another",
        other_origin(both(), "https://two.test:8443/", RequestOptions::new());
        "coalesce_partition", "connection 1 to one.test passed over: it is of another partition",
        other_origin(both(), TWO, RequestOptions::new().partition(Partition::new("a")));
        "coalesce_egress",
        "connection 1 to one.test passed over: its egress policy is another, or that of two.test refuses its address",
        other_origin(both(), TWO, RequestOptions::new().egress(Egress::public()));
        "coalesce_http_versions", "connection 1 to one.test passed over: the request asks for HTTP/1.1",
        other_origin(both(), TWO, RequestOptions::new().http_versions(HttpVersions::Http1));
        "coalesce_proxy", "connection 1 to one.test passed over: one of the two goes through a proxy",
        // Here, what plans has not heard of them.
        other_origin(both(), TWO, RequestOptions::new().proxies([Proxy::parse("http://p.test:3128").unwrap()]));
        "coalesce_override",
        "connection 1 to one.test passed over: an address or a server name is set for one of the two",
        other_origin(both(), TWO, RequestOptions::new().server_name("one.test"));
        "coalesce_generation",
        "connection 1 to one.test passed over: the TLS settings have changed since it was opened",
        async {
            let scope = Arc::new(Scope { covers: true, ..Scope::default() });
            let mut row = Row::new(config());
            row.stage.warm(ONE, scoped(&scope)).await;
            scope.is_old.store(true, SeqCst);
            row.call(TWO).await;
            row
        };
        "coalesce_client_auth", "connection 1 to one.test passed over: a client certificate was shown on it",
        other_origin(
            both().amend(|info| info.tls.as_mut().unwrap().client_auth = true), TWO, RequestOptions::new());
        "coalesce_identity",
        "connection 1 to one.test passed over: two.test may be shown another client certificate",
        other_origin(
            scoped(&Arc::new(Scope { covers: true, differs: true, ..Scope::default() })), TWO, RequestOptions::new());
        "coalesce_trust",
        "connection 1 to one.test passed over: its certificate was not verified by the stack's own verifier",
        other_origin(both().amend(|info| info.tls.as_mut().unwrap().trust = Trust::Other), TWO, RequestOptions::new());
        "coalesce_expired", "connection 1 to one.test passed over: a certificate of its peer has expired",
        other_origin(both().amend(|info| {
            let now = info.route.ctx().runtime().now();
            info.tls.as_mut().unwrap().valid_until = Some(now);
        }), TWO, RequestOptions::new());
        "coalesce_address", "connection 1 to one.test passed over: its address is not one of two.test",
        other_origin(both().at(at(7)), TWO, RequestOptions::new());
        "coalesce_not_covered", "connection 1 to one.test passed over: its certificate does not cover two.test",
        other_origin(Facts::h2(50).covers(["one.test"]), TWO, RequestOptions::new());
        "coalesce_pins", "connection 1 to one.test passed over: its keys are none of the pins of two.test",
        other_origin(scoped(&Arc::new(Scope::default())), TWO, RequestOptions::new());
        "forward_tunnel", "connection 1 to a.test passed over: one of the two is not forwarded by a proxy", async {
            let mut row = Row::new(config());
            // What has opened it says that a proxy forwards, and its route names none.
            row.stage.warm(A, Facts::h1().amend(|info| info.forwarded = true)).await;
            row.options(B, proxied()).await;
            row
        };
        "forward_proxies",
        "connection 1 to a.test passed over: it goes through other proxies than b.test, or shows them something else",
        other_forwarded(Facts::h1(), RequestOptions::new().proxies([Proxy::new(ProxyKind::Http, "192.0.2.9", 80)]));
        "forward_options", "connection 1 to a.test passed over: something else was asked of it",
        other_forwarded(Facts::h1(), proxied().partition(Partition::new("a")));
        "forward_egress",
        "connection 1 to a.test passed over: the egress policy of b.test refuses the proxy, or what it is asked for",
        async {
            let only_a = || {
                let egress = Egress::any().deny(EgressRule::new().host("b.test").unwrap());
                proxied().egress(egress)
            };
            let mut row = Row::new(config());
            row.options(A, only_a()).await;
            row.stage.connected(Facts::h1()).await.exchange().await.respond(200, "");
            read(done(row.calls.remove(0)).await).await;
            row.options(B, only_a()).await;
            row
        };
    };
    let mut names: BTreeSet<_> = NOT_LOOKED_AT.into();
    for (name, sentence, drive) in rows {
        let row = drive().await;
        let told = row.told.0.lock().unwrap().clone();
        row.end().await;
        let passed: Vec<_> = told.iter().flat_map(|search| &search.passed_over).collect();
        let said = passed.iter().find(|passed| passed.why.name() == name);
        assert_eq!(said.map(ToString::to_string).as_deref(), Some(sentence), "{name}: {told:#?}");
        assert!(names.insert(name), "{name} twice");
    }
    assert_eq!(names, NotUsed::NAMES.iter().copied().collect(), "a rule without a row");
}

/// Others come first only where a permit came free a moment later: the machine's own tests have that.
const BY_CHANCE: [&str; 1] = ["waits_for_turn"];

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_search_is_told_by_name() {
    let rows = rows! {
        "idle", "an idle connection is used", async {
            let mut row = Row::new(config());
            let peers = [row.busy(A, Facts::h1()).await, row.busy(A, Facts::h1()).await];
            for peer in &peers {
                peer.exchange().await.respond(200, "");
            }
            for call in row.calls.drain(..) {
                read(done(call).await).await;
            }
            peers[1].hold();
            row.call(A).await;
            row
        };
        "stream", "stream 1 of 1 of a connection is used", async {
            let mut row = Row::new(config());
            row.busy(SECURE, Facts::h2(1)).await;
            row.busy(SECURE, Facts::h2(1)).await.exchange().await.respond(200, "");
            read(done(row.calls.remove(1)).await).await;
            row.call(SECURE).await;
            row
        };
        "coalesced",
        "a connection of another origin is used: its address and certificate are those of two.test too",
        other_origin(both(), TWO, RequestOptions::new());
        "forwarded", "a connection of another origin is used: the same proxy forwards the requests to b.test", async {
            let row = Row::easy(config(), Facts::h1);
            row.proxied(A).await;
            row.proxied(B).await;
            row
        };
        "opens", "a new connection is opened: 2 of 6 to a.test", async {
            let mut row = Row::new(config().max_per_origin(6));
            row.busy(A, Facts::h1()).await;
            row.call(A).await;
            row
        };
        "joins", "it waits for a connection that is being opened for another request", async {
            let mut row = Row::new(config());
            row.call(SECURE).await;
            row.call(SECURE).await;
            row
        };
        "waits_for_stream",
        "it waits: all streams of the connections to a.test are in use, and no other is opened",
        async {
            let mut row = Row::new(config().at_stream_limit(AtStreamLimit::Wait));
            row.busy(SECURE, Facts::h2(1)).await;
            row.call(SECURE).await;
            row
        };
        "waits_for_settings",
        "it waits: a connection to a.test is there, and its peer has yet to say how many it carries",
        async {
            let mut row = Row::new(config());
            row.busy(SECURE, Facts::h2_before_settings()).await;
            row.call(SECURE).await;
            row
        };
        "waits_at_origin_limit", "it waits: there may be no more than 1 connection to a.test", async {
            let mut row = Row::new(config().max_per_origin(1));
            row.busy(A, Facts::h1()).await;
            row.call(A).await;
            row
        };
        "waits_at_connect_limit", "it waits: no more than 1 connection to a.test may be opened at once", async {
            let mut row = Row::new(config().max_connecting_per_origin(1));
            row.call(A).await;
            row.call(A).await;
            row
        };
        "waits_at_pool_limit", "it waits: the total connection limit of 1 is reached", async {
            let mut row = Row::new(config().max_total(1));
            row.busy(A, Facts::h1()).await;
            row.call(B).await;
            row
        };
        "refused", "it may not wait: the origin's connection limit of 1 is reached", async {
            let mut row = Row::new(config().max_per_origin(1).at_connection_limit(AtConnectionLimit::Refuse));
            row.busy(A, Facts::h1()).await;
            row.call(A).await;
            row
        };
        "waits_for_backoff", "it waits: connections to a.test have failed, and the next is opened after 10s", async {
            let mut row = Row::new(config().connect_backoff(10 * SECOND).max_connect_backoff(10 * SECOND));
            for _ in 0..2 {
                row.call(A).await;
                row.stage.below.connecting().await.fail(ConnectError::new(Phase::Tcp, "refused"));
                run_until_idle().await;
            }
            row.call(A).await;
            row
        };
    };
    let mut names: BTreeSet<_> = BY_CHANCE.into();
    for (name, sentence, drive) in rows {
        let row = drive().await;
        let told = row.told.0.lock().unwrap().clone();
        row.end().await;
        let last = told.last().unwrap_or_else(|| panic!("{name}: nothing was told"));
        assert_eq!(last.found.name(), name, "{told:#?}");
        match &last.found {
            // The pause is of a random length.
            Found::Waits(_) if name == "waits_for_backoff" => {
                let until_then = sentence.trim_end_matches("10s");
                assert!(last.to_string().starts_with(until_then), "{last}");
            }
            _ => assert_eq!(last.to_string(), sentence, "{told:#?}"),
        }
        assert!(names.insert(name), "{name} twice");
    }
    assert_eq!(names, Found::NAMES.iter().copied().collect(), "an outcome without a row");
}

#[tokio::test(start_paused = true)]
async fn each_limit_that_refuses_a_request_is_told_with_what_was_passed_over() {
    let queue = config().max_per_origin(1).max_waiting_per_origin(1);
    let streams = config().at_stream_limit(AtStreamLimit::Refuse);
    let total = config().max_total(1).at_connection_limit(AtConnectionLimit::Refuse);
    // So many may wait.
    let rows: [(PoolConfig, usize, &str, fn() -> Facts, &str, &str); 3] = [
        (queue, 1, A, Facts::h1, "it may not wait: the queue of the origin of 1 is reached", "busy"),
        (
            streams,
            0,
            SECURE,
            || Facts::h2(1),
            "it may not wait: every connection's stream limit of 1 is reached",
            "streams_in_use",
        ),
        (total, 0, A, Facts::h1, "it may not wait: the total connection limit of 1 is reached", "busy"),
    ];
    for (config, waiting, url, facts, sentence, passed_over) in rows {
        let mut row = Row::new(config);
        row.busy(url, facts()).await;
        for _ in 0..waiting {
            row.call(url).await;
        }
        let refused = failed(row.stage.call(url)).await.error;
        assert!(matches!(refused.cause(), Cause::Overloaded(_)), "{refused:?}");
        let told = row.told.0.lock().unwrap().clone();
        let last = told.last().unwrap_or_else(|| panic!("{sentence}: nothing was told"));
        assert_eq!((last.to_string().as_str(), last.found.name()), (sentence, "refused"));
        assert_eq!(last.passed_over.iter().map(|passed| passed.why.name()).collect::<Vec<_>>(), [passed_over]);
        row.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_pool_and_an_idle_connection_are_nothing_to_tell() {
    for (facts, url) in [(Facts::h1 as fn() -> Facts, A), (|| Facts::h2(5), SECURE)] {
        let row = Row::easy(config(), facts);
        for _ in 0..3 {
            assert_eq!(row.stage.get(url).await, 1);
        }
        assert!(row.told.0.lock().unwrap().is_empty(), "{:?}", row.told.0);
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_are_listed_and_the_others_counted() {
    let mut row = Row::easy(config(), Facts::h1);
    for _ in 0..40 {
        row.call(A).await;
    }
    let told = row.told.0.lock().unwrap().clone();
    let last = told.last().unwrap();
    assert_eq!((last.passed_over.len(), last.more), (Search::MOST_LISTED, 39 - Search::MOST_LISTED));
}
