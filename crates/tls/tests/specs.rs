//! By which specs TLS is spoken, and what is tried when a peer can't follow one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{
    Answer, ConnectError, ConnectOptions, Connector, EchMode, EchStatus, Endpoints, HttpVersions, Key, Outcome, Phase,
    Route, ServiceBinding,
};
use skybridge_testkit::{
    certs::{Ca, Cert},
    drop_walk::drop_walk,
    ech::EchKeys,
    executor::{Executor, run_until_idle},
    fixtures,
    net::{Conn, Network, Serving},
    observe::Recorder,
    origin::Origin,
    strict::Strict,
};
use skybridge_tls::{
    ConnectionSpec, FallbackFailed, SpecError, TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsLayer,
    TlsVersion, rustls,
};
use std::{
    error::Error as _,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{ADDR, World, message, tls_error, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tower::{Layer, ServiceExt as _, service_fn};

const RESTRICTED: ConnectionSpec = ConnectionSpec::RESTRICTED;
const MODERN: ConnectionSpec = ConnectionSpec::MODERN;
const COMPATIBLE: ConnectionSpec = ConnectionSpec::COMPATIBLE;
const CLEARTEXT: ConnectionSpec = ConnectionSpec::CLEARTEXT;

/// What a server does on one connection.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Speaks TLS.
    Speaks,
    /// Refuses the handshake with `handshake_failure`.
    Refuses,
    /// Sends what is no TLS.
    Garbles,
    Resets,
    Closes,
    Stalls,
}

/// A server that does this on each of its connections, the last on all that follow.
struct Server {
    net: Network,
    executor: Executor,
    recorder: Arc<Recorder>,
    _serving: Serving,
}

impl Server {
    fn new(cert: &Cert, does: &'static [Does]) -> Self {
        Self::with(Arc::new(cert.server(&[])), does)
    }

    /// Of one that knows the sessions of another.
    fn with(tls: Arc<rustls::ServerConfig>, does: &'static [Does]) -> Self {
        let net = Network::new();
        let serving = net.listen(ADDR.parse().unwrap()).serve(move |index, conn| {
            let does = does[index.min(does.len() - 1)];
            serve(conn, does, TlsAcceptor::from(Arc::clone(&tls)))
        });
        Self { net, executor: Executor::new(), recorder: Recorder::new(), _serving: serving }
    }

    fn route(&self) -> Route {
        fixtures::route("https://a.test", [ADDR], self.executor.ctx().observer(Some(self.recorder.clone())))
    }

    /// Connects and reads to the end. The spec, and whether a session was resumed.
    async fn connect(&self, config: &TlsConfig) -> Result<(String, bool), ConnectError> {
        let layer = TlsLayer::new(config.clone());
        let mut link = layer.layer(self.net.connector()).connect(self.route()).await?;
        link.io.read_to_end(&mut Vec::new()).await.unwrap();
        let tls = link.info.tls.unwrap();
        Ok((tls.spec().unwrap().to_owned(), tls.resumed))
    }
}

async fn serve(mut conn: Conn, does: Does, acceptor: TlsAcceptor) {
    let mut hello = [0; 4096];
    match does {
        Does::Speaks => {
            let Ok(mut stream) = acceptor.accept(conn).await else { return };
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
            return;
        }
        _ => _ = conn.read(&mut hello).await,
    }
    match does {
        Does::Refuses => conn.write_all(&[21, 3, 3, 0, 2, 2, 40]).await.unwrap_or_default(),
        Does::Garbles => conn.write_all(b"500 what is this?\r\n").await.unwrap_or_default(),
        Does::Resets => return conn.reset(),
        Does::Closes => return conn.fin(),
        _ => {}
    }
    let _ = conn.read_to_end(&mut Vec::new()).await;
}

fn by(root: &Ca, specs: impl IntoIterator<Item = ConnectionSpec>) -> TlsConfig {
    trusting(root).specs(specs).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_next_spec_is_tried_on_a_new_connection_to_the_same_endpoint() {
    let root = Ca::new("root");
    let rows = [
        (&[Does::Refuses, Does::Speaks], "the peer refused the handshake"),
        (&[Does::Garbles, Does::Speaks], "the peer does not speak TLS"),
    ];
    for (does, why) in rows {
        let server = Server::new(&root.leaf(["a.test"]), does);
        let route = server.route();
        let layer = TlsLayer::new(by(&root, [RESTRICTED, MODERN, CLEARTEXT]));
        let link = layer.layer(Strict::new(server.net.connector())).oneshot(route.clone()).await.unwrap();
        assert_eq!(link.info.tls.as_ref().unwrap().spec(), Some("modern"));
        assert_eq!((server.net.opened(), server.net.live_sockets()), (2, 1));
        // All that the route had is there, for whoever asks what the connection may carry.
        assert!(link.info.route.endpoints.contains(&fixtures::endpoint(ADDR)));
        let reports = route.ctx().attempt_log().reports();
        let [failed, connected] = &*reports else { panic!("{reports:?}") };
        let Outcome::Failed(error) = &failed.outcome else { panic!("{failed:?}") };
        assert!(message(error).contains(why), "{}", message(error));
        assert!(matches!(connected.outcome, Outcome::Connected), "{connected:?}");
        let told: Vec<_> =
            server.recorder.recorded().into_iter().filter(|event| event.name == "tls_fallback").collect();
        let [fallback] = &*told else { panic!("{told:?}") };
        assert_eq!(fallback.attempt, Some(failed.id));
        assert!(fallback.detail.as_ref().unwrap().starts_with("restricted to modern: "), "{fallback:?}");
        server.recorder.assert_balanced();
    }
}

/// Others may be of servers that speak otherwise.
#[tokio::test(start_paused = true)]
async fn of_several_endpoints_the_next_spec_is_tried_at_the_one_that_was_connected_to() {
    let root = Ca::new("root");
    let server = Server::new(&root.leaf(["a.test"]), &[Does::Refuses, Does::Speaks]);
    let all = [REFUSING, ADDR].map(fixtures::endpoint);
    let mut route = server.route();
    route.endpoints = Endpoints::fixed(all.clone());
    let (net, tried) = (server.net.clone(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&tried);
    // As a race that the last one has won.
    let below = service_fn(move |mut route: Route| {
        noted.lock().unwrap().push(route.endpoints.snapshot().to_vec());
        let raced = mem::replace(&mut route.endpoints, Endpoints::fixed([fixtures::endpoint(ADDR)]));
        let connecting = net.connector().connect(route);
        async move {
            let mut link = connecting.await?;
            link.info.route.endpoints = raced;
            Ok::<_, ConnectError>(link)
        }
    });
    TlsLayer::new(by(&root, [RESTRICTED, MODERN])).layer(below).connect(route).await.unwrap();
    assert_eq!(*tried.lock().unwrap(), [all.to_vec(), vec![fixtures::endpoint(ADDR)]]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_peer_lacks_is_found_with_the_next_spec() {
    let root = Ca::new("root");
    let world = World::new(Origin::h1().tls(&root.leaf(["a.test"])).tls12());
    let tls = world.exchange(&by(&root, [RESTRICTED, COMPATIBLE]), "https://a.test").await;
    assert_eq!((tls.version, tls.spec(), world.net.opened()), (Some("1.2"), Some("compatible"), 2));
}

#[tokio::test(start_paused = true)]
async fn by_default_and_with_one_spec_there_is_no_fallback() {
    let root = Ca::new("root");
    let default: TlsConfigBuilder = trusting(&root);
    for config in [default.build().unwrap(), by(&root, [MODERN]), by(&root, [MODERN, CLEARTEXT])] {
        let server = Server::new(&root.leaf(["a.test"]), &[Does::Refuses, Does::Speaks]);
        let error = server.connect(&config).await.unwrap_err();
        assert!(error.source_as::<FallbackFailed>().is_none() && !error.is_fatal(), "{error:?}");
        assert_eq!((server.net.opened(), server.recorder.count("tls_fallback")), (1, 0));
    }
    let server = Server::new(&root.leaf(["a.test"]), &[Does::Speaks]);
    assert_eq!(server.connect(&trusting(&root).build().unwrap()).await.unwrap(), ("modern".to_owned(), false));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_last_spec_has_those_of_the_earlier_ones() {
    let root = Ca::new("root");
    let server = Server::new(&root.leaf(["a.test"]), &[Does::Refuses, Does::Garbles, Does::Refuses]);
    let error = server.connect(&by(&root, [RESTRICTED, MODERN, COMPATIBLE])).await.unwrap_err();
    let failed = error.source_as::<FallbackFailed>().unwrap();
    assert_eq!(&*failed.spec, "compatible");
    assert!(matches!(tls_error(&error), TlsError::Handshake(rustls::Error::AlertReceived(_))), "{error:?}");
    let earlier: Vec<_> = failed.earlier.iter().map(|(spec, error)| (&**spec, error.reason().unwrap())).collect();
    let expected = [
        ("restricted", "the peer refused the handshake: it and this side allow nothing in common"),
        ("modern", "the peer does not speak TLS"),
    ];
    for ((spec, reason), expected) in earlier.iter().zip(expected) {
        assert_eq!(*spec, expected.0);
        assert!(reason.starts_with(&expected.1[..26]), "{reason}");
    }
    assert_eq!((earlier.len(), error.phase(), error.is_fatal()), (2, Some(Phase::Tls), false));
    let said = failed.to_string();
    assert!(
        said.contains("spec compatible, as it had with restricted (") && said.contains("and with modern ("),
        "{said}"
    );
    assert_eq!((server.net.opened(), server.recorder.count("tls_fallback")), (3, 2));
    run_until_idle().await;
    assert_eq!(server.net.live_sockets(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_or_stalls_is_followed_by_no_other_spec() {
    let root = Ca::new("root");
    for does in [&[Does::Resets, Does::Speaks], &[Does::Closes, Does::Speaks], &[Does::Stalls, Does::Speaks]] {
        let server = Server::new(&root.leaf(["a.test"]), does);
        let error = server.connect(&by(&root, [RESTRICTED, MODERN])).await.unwrap_err();
        assert_eq!((error.phase(), error.is_timeout()), (Some(Phase::Tls), matches!(does[0], Does::Stalls)));
        assert_eq!((server.net.opened(), server.recorder.count("tls_fallback")), (1, 0), "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_who_it_should_be_is_not_asked_by_another_spec() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let rows = [
        (root.leaf(["b.test"]), trusting(&root)),
        (other.leaf(["a.test"]), trusting(&root)),
        (root.leaf(["a.test"]), trusting(&root).pin("a.test", &other.pin())),
    ];
    for (cert, builder) in rows {
        let world = World::h1(&cert);
        let config = builder.specs([RESTRICTED, MODERN]).build().unwrap();
        let error = world.refused(&config, "https://a.test").await;
        assert!(tls_error(&error).is_certificate() || tls_error(&error).is_pin(), "{error:?}");
        assert_eq!(world.net.opened(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_protocol_that_the_peer_refuses_is_not_asked_for_by_another_spec() {
    let root = Ca::new("root");
    let world = World::new(Origin::h1().tls(&root.leaf(["a.test"])).alpn(["h2"]));
    let mut options = ConnectOptions::default();
    options.http_versions = HttpVersions::Http1;
    let route = world.route_on("https://a.test", options);
    world.connect_by(&by(&root, [RESTRICTED, MODERN]), route).await.unwrap_err();
    assert_eq!(world.net.opened(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_spec_has_sessions_of_its_own() {
    let root = Ca::new("root");
    let config = by(&root, [MODERN, COMPATIBLE]);
    let cert = root.leaf(["a.test"]);
    let rows: [(&[Does], _, _); 4] = [
        (&[Does::Refuses, Does::Speaks], "compatible", false),
        // It has tickets of another spec, and offers none of them.
        (&[Does::Speaks], "modern", false),
        (&[Does::Speaks], "modern", true),
        (&[Does::Refuses, Does::Speaks], "compatible", true),
    ];
    let tickets = Arc::new(cert.server(&[]));
    for (does, spec, resumed) in rows {
        let server = Server::with(Arc::clone(&tickets), does);
        assert_eq!(server.connect(&config).await.unwrap(), (spec.to_owned(), resumed));
    }
}

/// An origin with keys, behind an address of which the first connection is refused.
struct Hidden {
    root: Ca,
    keys: EchKeys,
    net: Network,
    origin: Origin,
    _refusing: Serving,
}

const REFUSING: &str = "192.0.2.2:443";

impl Hidden {
    fn new() -> Self {
        let (root, keys, net) = (Ca::new("root"), EchKeys::new("public.test"), Network::new());
        let acceptor = TlsAcceptor::from(Arc::new(root.leaf(["a.test"]).server(&[])));
        let refusing = net.listen(REFUSING.parse().unwrap());
        let refusing = refusing.serve(move |_, conn| serve(conn, Does::Refuses, acceptor.clone()));
        let origin = Origin::h1().tls(&root.leaf(["a.test"])).ech(&keys, &root.leaf(["public.test"]));
        let origin = origin.serve_on(net.listen(ADDR.parse().unwrap()));
        Self { root, keys, net, origin, _refusing: refusing }
    }

    async fn connect(&self, specs: Vec<ConnectionSpec>) -> Result<EchStatus, ConnectError> {
        let mut service = ServiceBinding::new(1, "a.test");
        service.ech = Some(self.keys.list().into());
        let mut answer = Answer::only([REFUSING, ADDR].map(fixtures::endpoint));
        answer.service = Some(Arc::new(service));
        let (mut feed, endpoints) = Endpoints::feed();
        feed.extend_by(answer);
        feed.finish();
        let mut route = fixtures::route("https://a.test", [], Executor::new().ctx());
        route.target.key = Arc::new(Key::new(route.target.origin().clone(), ConnectOptions::new().ech(EchMode::Offer)));
        route.endpoints = endpoints;
        let (net, connects) = (self.net.clone(), Arc::new(AtomicUsize::new(0)));
        let below = service_fn(move |mut route: Route| {
            if connects.fetch_add(1, SeqCst) > 0 {
                route.endpoints = Endpoints::fixed([fixtures::endpoint(ADDR)]);
            }
            net.connector().connect(route)
        });
        let link = TlsLayer::new(by(&self.root, specs)).layer(below).connect(route).await?;
        Ok(link.info.tls.unwrap().ech)
    }
}

/// TLS 1.2 has no Encrypted Client Hello: an alert must not be enough to be shown the name.
#[tokio::test(start_paused = true)]
async fn a_name_that_has_been_encrypted_is_not_shown_by_another_spec() {
    let old = || ConnectionSpec::new("old").versions(TlsVersion::Tls12..=TlsVersion::Tls12);
    let hidden = Hidden::new();
    hidden.connect(vec![MODERN, old()]).await.unwrap_err();
    assert_eq!((hidden.net.opened(), hidden.origin.outer_hellos().len()), (1, 0));
    let hidden = Hidden::new();
    assert_eq!(hidden.connect(vec![MODERN, old(), RESTRICTED]).await.unwrap(), EchStatus::Accepted);
    assert_eq!(hidden.net.opened(), 2);
    assert_eq!(hidden.origin.outer_hellos()[0].sni.as_deref(), Some("public.test"));
}

#[tokio::test(start_paused = true)]
async fn what_is_offered_is_that_of_the_spec_in_its_order() {
    let root = Ca::new("root");
    let suites = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"];
    let own = || ConnectionSpec::new("own").cipher_suites(suites);
    let rows = [
        (own(), "TLS13_CHACHA20_POLY1305_SHA256", "X25519MLKEM768"),
        (own().cipher_suites(["0x1301", "0x1302"]), "TLS13_AES_128_GCM_SHA256", "X25519MLKEM768"),
        (own().key_exchange_groups(["P-384", "X25519"]), "TLS13_CHACHA20_POLY1305_SHA256", "secp384r1"),
        (own().post_quantum(false), "TLS13_CHACHA20_POLY1305_SHA256", "X25519"),
        (own().post_quantum(true), "TLS13_CHACHA20_POLY1305_SHA256", "X25519MLKEM768"),
        (
            own().versions(TlsVersion::Tls12..=TlsVersion::Tls12),
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "X25519",
        ),
        // A version without a suite is not offered.
        (own().cipher_suites(&suites[2..]), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "X25519"),
        (COMPATIBLE, "TLS13_AES_256_GCM_SHA384", "X25519"),
        (MODERN, "TLS13_AES_256_GCM_SHA384", "X25519MLKEM768"),
    ];
    for (spec, cipher, group) in rows {
        let tls = World::h1(&root.leaf(["a.test"])).exchange(&by(&root, [spec.clone()]), "https://a.test").await;
        assert_eq!((tls.cipher, tls.group), (Some(cipher), Some(group)), "{spec:?}");
        assert_eq!(tls.spec(), Some(spec.name()));
    }
}

#[test]
fn a_spec_of_which_nothing_is_left_is_said_in_words() {
    let root = Ca::new("root");
    let own = || ConnectionSpec::new("own");
    let old = TlsVersion::Tls12..=TlsVersion::Tls12;
    let rows = [
        (own().cipher_suites(["AES128-SHA"]), SpecError::CipherSuite("AES128-SHA".into())),
        (own().key_exchange_groups(["brainpoolP256r1"]), SpecError::Group("brainpoolP256r1".into())),
        (own().cipher_suites::<&str>([]), SpecError::NoCipherSuite),
        (own().cipher_suites(["TLS_AES_128_GCM_SHA256"]).versions(old.clone()), SpecError::NoCipherSuite),
        (own().key_exchange_groups(["x448"]), SpecError::NoGroup),
        // TLS 1.2 has none of these.
        (own().post_quantum(true).versions(old.clone()), SpecError::NoGroup),
    ];
    for (spec, expected) in rows {
        // Whichever of several it is.
        let error = trusting(&root).specs([MODERN, spec]).build().unwrap_err();
        assert!(matches!(&error, TlsConfigError::Spec { spec, source } if &**spec == "own" && *source == expected));
        assert_eq!(error.to_string(), "the connection spec own can't be used");
        assert_eq!(error.source().unwrap().to_string(), expected.to_string());
    }
    let without = trusting(&root).specs([RESTRICTED]).versions(old);
    assert!(matches!(without.build(), Err(TlsConfigError::Spec { source: SpecError::NoVersion, .. })));
    for specs in [vec![], vec![CLEARTEXT]] {
        assert!(matches!(trusting(&root).specs(specs).build(), Err(TlsConfigError::NoSpec)));
    }
    let ring = rustls::crypto::CryptoProvider {
        kx_groups: vec![rustls::crypto::aws_lc_rs::kx_group::SECP384R1],
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let error = trusting(&root).provider(Arc::new(ring)).specs([own().key_exchange_groups(["X25519"])]).build();
    assert!(matches!(error, Err(TlsConfigError::Spec { source: SpecError::NoGroup, .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_connection_by_another_spec_can_be_dropped_at_any_await() {
    let walked = drop_walk(
        async || {
            let root = Ca::new("root");
            let server = Server::new(&root.leaf(["a.test"]), &[Does::Refuses, Does::Speaks]);
            server.net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(5));
            let layer = TlsLayer::new(by(&root, [RESTRICTED, MODERN]));
            let connecting = layer.layer(server.net.connector()).connect(server.route());
            (server, async { drop(connecting.await.unwrap()) })
        },
        async |server, _moment| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!((server.net.live_sockets(), server.executor.tasks()), (0, 0));
            server.recorder.assert_balanced();
        },
    )
    .await;
    assert!(walked.drops > 6, "{walked:?}");
}
