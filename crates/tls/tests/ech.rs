//! Encrypted Client Hello: with which keys a name is encrypted, what is shown instead, and what follows when the server
//! has other keys.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{
    Advice, Answer, ConnectError, ConnectOptions, Connector, EchMode, EchStatus, Endpoints, Event, EventKind, Observe,
    Outcome, Phase, Route, ServiceBinding,
};
use skybridge_testkit::{
    certs::Ca,
    drop_walk::drop_walk,
    ech::{EchKeys, OuterHello},
    executor::run_until_idle,
    fixtures,
    origin::{Builder, Origin},
};
use skybridge_tls::{TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsHandle, TlsLayer, TlsVersion};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use support::{ADDR, World, message, tls_error, trusting};
use tower::Layer;

/// A record of `a.test` with keys, and an origin that may have them.
struct Scene {
    root: Ca,
    /// Those of the record.
    keys: EchKeys,
    world: World,
}

impl Scene {
    fn new(ech: impl FnOnce(Builder, &Ca, &EchKeys) -> Builder) -> Self {
        let (root, keys) = (Ca::new("root"), EchKeys::new("public.test"));
        let world = World::new(ech(Origin::h1().tls(&root.leaf(["a.test"])), &root, &keys));
        Self { root, keys, world }
    }

    /// The origin has the keys.
    fn accepting() -> Self {
        Self::new(|origin, root, keys| origin.ech(keys, &root.leaf(["public.test"])))
    }

    /// The same, and is another host.
    fn named(name: &str) -> Self {
        let (root, keys) = (Ca::new("root"), EchKeys::new("public.test"));
        let origin = Origin::h1().tls(&root.leaf([name])).ech(&keys, &root.leaf(["public.test"]));
        Self { root, keys, world: World::new(origin) }
    }

    /// The origin has others, and gives this list.
    fn rejecting(gives: impl FnOnce(&EchKeys) -> Vec<u8>) -> Self {
        Self::new(|origin, root, _| {
            let own = EchKeys::new("public.test");
            origin.ech(&own, &root.leaf(["public.test"])).ech_retry_configs(&gives(&own))
        })
    }

    fn config(&self) -> TlsConfig {
        trusting(&self.root).build().unwrap()
    }

    /// To an endpoint whose record has this list.
    fn route_by(&self, mode: Option<EchMode>, list: &[u8]) -> Route {
        let mut options = ConnectOptions::default();
        options.ech = mode;
        let mut route = self.world.route_on("https://a.test", options);
        route.endpoints = endpoints(list);
        route
    }

    fn route(&self, mode: EchMode) -> Route {
        self.route_by(Some(mode), &self.keys.list())
    }

    /// What clients have shown: the name, and whether another was encrypted, and accepted.
    fn shown(&self) -> Vec<String> {
        let text = |hello: OuterHello| {
            let what = if hello.decrypted { " accepted" } else { " rejected" };
            format!("{}{}", hello.sni.unwrap_or_default(), if hello.ech { what } else { "" })
        };
        self.world.origin.outer_hellos().into_iter().map(text).collect()
    }

    /// Connects, and is refused for the want of keys. Says what clients have shown until then.
    async fn refused(&self, config: &TlsConfig, route: Route) -> (ConnectError, Vec<String>) {
        let error = self.world.connect_by(config, route).await.unwrap_err();
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), false), "{error:?}");
        assert!(tls_error(&error).is_ech(), "{error:?}");
        assert_eq!(error.advice(), Some(Advice::Ech), "{error:?}");
        run_until_idle().await;
        assert_eq!((self.world.origin.handshakes().len(), self.world.net.live_sockets()), (0, 0));
        (error, self.shown())
    }
}

/// One, whose record has this list of keys.
fn endpoints(list: &[u8]) -> Endpoints {
    let mut service = ServiceBinding::new(1, "a.test");
    service.ech = Some(list.into());
    let mut answer = Answer::only([fixtures::endpoint(ADDR)]);
    answer.service = Some(Arc::new(service));
    let (mut feed, endpoints) = Endpoints::feed();
    feed.extend_by(answer);
    feed.finish();
    endpoints
}

/// A list with keys of an unknown version.
const UNKNOWN: &[u8] = &[0, 6, 0xba, 0xba, 0, 2, 1, 2];

#[tokio::test(start_paused = true)]
async fn a_name_is_encrypted_by_the_keys_of_its_record_where_that_is_asked_for() {
    let rows = [
        (None, EchStatus::None, "a.test"),
        (Some(EchMode::Off), EchStatus::None, "a.test"),
        (Some(EchMode::Offer), EchStatus::Accepted, "public.test accepted"),
        (Some(EchMode::OfferOrGrease), EchStatus::Accepted, "public.test accepted"),
        (Some(EchMode::Require), EchStatus::Accepted, "public.test accepted"),
        (Some(EchMode::Grease), EchStatus::Grease, "a.test rejected"),
    ];
    for (mode, status, shown) in rows {
        let scene = Scene::accepting();
        let route = scene.route_by(mode, &scene.keys.list());
        let tls = scene.world.exchange_by(&scene.config(), route).await;
        assert_eq!((tls.ech, tls.sni.as_deref(), tls.version), (status, Some("a.test"), Some("1.3")), "{mode:?}");
        assert_eq!(scene.shown(), [shown], "{mode:?}");
        assert_eq!(scene.world.origin.handshakes()[0].sni.as_deref(), Some("a.test"), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_looks_like_an_encrypted_name_stands_where_no_keys_are_known_if_that_is_wanted() {
    let scene = Scene::accepting();
    let tls12 = trusting(&scene.root).versions(TlsVersion::Tls12..=TlsVersion::Tls12).build().unwrap();
    for list in [&[][..], UNKNOWN] {
        for (mode, status, shown) in [
            (EchMode::OfferOrGrease, EchStatus::Grease, "a.test rejected"),
            (EchMode::Offer, EchStatus::None, "a.test"),
        ] {
            let scene = Scene::accepting();
            let tls = scene.world.exchange_by(&scene.config(), scene.route_by(Some(mode), list)).await;
            assert_eq!((tls.ech, scene.shown()), (status, vec![shown.to_owned()]), "{mode:?}");
        }
    }
    // It is for TLS 1.3. Who is rejected, and proved that the server has no keys, shows the name.
    let world = World::h1(&scene.root.leaf(["a.test"]));
    for mode in [EchMode::OfferOrGrease, EchMode::Grease] {
        let route = world.route_on("https://a.test", ConnectOptions::new().ech(mode));
        assert_eq!(world.exchange_by(&tls12, route).await.ech, EchStatus::None, "{mode:?}");
    }
    let scene = Scene::rejecting(|_| Vec::new());
    let tls = scene.world.exchange_by(&scene.config(), scene.route(EchMode::OfferOrGrease)).await;
    assert_eq!((tls.ech, scene.shown()[1..].concat()), (EchStatus::Rejected, "a.test".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_certificate_is_verified_for_the_encrypted_name_and_not_for_the_public_one() {
    let (root, keys) = (Ca::new("root"), EchKeys::new("public.test"));
    let public = root.leaf(["public.test"]);
    let world = World::new(Origin::h1().tls(&public).ech(&keys, &public));
    let scene = Scene { root, keys, world };
    let error = scene.world.connect_by(&scene.config(), scene.route(EchMode::Offer)).await.unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::NotValidForName { name, .. } if &**name == "a.test"), "{error:?}");
    assert!(error.is_fatal() && scene.shown() == ["public.test accepted"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_resumed_beside_an_encrypted_name() {
    let scene = Scene::accepting();
    let config = scene.config();
    for resumed in [false, true] {
        let tls = scene.world.exchange_by(&config, scene.route(EchMode::Offer)).await;
        assert_eq!((tls.ech, tls.resumed, tls.pins.len()), (EchStatus::Accepted, resumed, 2));
    }
}

/// It is for the encrypted name, and goes to whoever proves to have that.
#[tokio::test(start_paused = true)]
async fn a_client_certificate_is_shown_to_the_encrypted_name() {
    let clients = Ca::new("clients");
    let me = clients.client("me");
    for (pattern, is_shown) in [("a.test", true), ("public.test", false)] {
        let scene = Scene::new(|origin, root, keys| {
            origin.request_client_cert(&clients).ech(keys, &root.leaf(["public.test"]))
        });
        let (chain, key) = (me.chain_pem(), me.key_pem());
        let config = trusting(&scene.root).client_auth_pem_for(pattern, chain.as_bytes(), key.as_bytes());
        let tls = scene.world.exchange_by(&config.build().unwrap(), scene.route(EchMode::Offer)).await;
        let shown = !scene.world.origin.handshakes()[0].client.is_empty();
        assert_eq!((tls.ech, tls.client_auth, shown), (EchStatus::Accepted, is_shown, is_shown), "{pattern}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_given_go_before_those_of_records_and_never_reveal_the_name() {
    let given = |scene: &Scene| trusting(&scene.root).ech_keys("**.a.test", &scene.keys.list()).build().unwrap();
    for (mode, shown) in [
        (None, "public.test accepted"),
        (Some(EchMode::Offer), "public.test accepted"),
        (Some(EchMode::Require), "public.test accepted"),
        (Some(EchMode::Off), "a.test"),
    ] {
        let scene = Scene::accepting();
        scene.world.exchange_by(&given(&scene), scene.route_by(mode, &EchKeys::new("x.test").list())).await;
        assert_eq!(scene.shown(), [shown], "{mode:?}");
    }
    // Neither the record nor the mode makes it lenient.
    for mode in [None, Some(EchMode::Offer)] {
        let scene = Scene::rejecting(|_| Vec::new());
        let (_, shown) = scene.refused(&given(&scene), scene.route_by(mode, &scene.keys.list())).await;
        assert_eq!(shown, ["public.test rejected"]);
    }
    // They are those of other hosts.
    let scene = Scene::accepting();
    let config = trusting(&scene.root).ech_keys("b.test", &scene.keys.list()).build().unwrap();
    scene.world.exchange_by(&config, scene.route_by(None, &scene.keys.list())).await;
    assert_eq!(scene.shown(), ["a.test"]);
    let every = trusting(&scene.root).ech_keys_for_every_host(&scene.keys.list()).build().unwrap();
    scene.world.exchange(&every, "https://a.test").await;
    assert_eq!(scene.shown()[1..], ["public.test accepted"]);
    // By the name that is verified, or else the origin's; before what is for every host.
    for (pattern, name) in [("a.test", "b.test"), ("b.test", "b.test")] {
        let scene = Scene::named("b.test");
        let other = EchKeys::new("other.test").list();
        let config = trusting(&scene.root).ech_keys(pattern, &scene.keys.list()).ech_keys_for_every_host(&other);
        let route = scene.world.route_on("https://a.test", ConnectOptions::new().server_name(name));
        scene.world.exchange_by(&config.build().unwrap(), route).await;
        assert_eq!(scene.shown(), ["public.test accepted"], "{pattern}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_the_server_gives_are_tried_once_on_another_connection() {
    for mode in [EchMode::Offer, EchMode::Require] {
        let scene = Scene::rejecting(EchKeys::list);
        let route = scene.route(mode);
        let ctx = route.ctx().clone();
        let tls = scene.world.exchange_by(&scene.config(), route.clone()).await;
        assert_eq!(tls.ech, EchStatus::Accepted);
        assert_eq!(scene.shown(), ["public.test rejected", "public.test accepted"]);
        assert_eq!(scene.world.origin.exchanges(), ["c1e0"]);
        let reports = ctx.attempt_log().reports();
        let [rejected, accepted] = &*reports else { panic!("{reports:?}") };
        let Outcome::Failed(error) = &rejected.outcome else { panic!("{rejected:?}") };
        assert!(matches!(tls_error(error), TlsError::EchRejected { retry_configs: Some(_), .. }), "{error:?}");
        assert!(matches!(accepted.outcome, Outcome::Connected), "{accepted:?}");
        // They are of one connection alone (RFC 9849, section 6.1.6).
        scene.world.exchange_by(&scene.config(), route).await;
        assert_eq!(scene.shown()[2..], ["public.test rejected", "public.test accepted"]);
    }
    for mode in [EchMode::Offer, EchMode::Require] {
        let scene = Scene::rejecting(|_| EchKeys::new("public.test").list());
        let (error, shown) = scene.refused(&scene.config(), scene.route(mode)).await;
        assert!(matches!(tls_error(&error), TlsError::EchRejected { .. }));
        assert_eq!(shown, ["public.test rejected"; 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_proves_to_have_no_keys_is_shown_the_name_unless_that_is_forbidden() {
    for list in [&[][..], UNKNOWN] {
        let scene = Scene::rejecting(|_| list.to_vec());
        let tls = scene.world.exchange_by(&scene.config(), scene.route(EchMode::Offer)).await;
        assert_eq!((tls.ech, tls.sni.as_deref()), (EchStatus::Rejected, Some("a.test")));
        assert_eq!(scene.shown(), ["public.test rejected", "a.test"]);
        assert_eq!(scene.world.origin.exchanges(), ["c1e0"]);

        let scene = Scene::rejecting(|_| list.to_vec());
        let (error, shown) = scene.refused(&scene.config(), scene.route(EchMode::Require)).await;
        assert_eq!(shown, ["public.test rejected"]);
        assert!(message(&error).contains("public.test rejected Encrypted Client Hello"), "{}", message(&error));
    }
}

/// The settings are replaced while the server rejects the keys: by some that never show the name.
#[tokio::test(start_paused = true)]
async fn what_was_learned_of_keys_by_settings_that_were_replaced_shows_no_name() {
    let scene = Scene::rejecting(|_| Vec::new());
    scene.world.net.at(ADDR.parse().unwrap()).latency(Duration::from_secs(1));
    let (layer, handle) = TlsLayer::replaceable(scene.config());
    let replace = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        handle.replace(trusting(&scene.root).ech_keys("a.test", &scene.keys.list()).build().unwrap());
    };
    let mut tls = layer.layer(scene.world.net.connector());
    let (link, ()) = tokio::join!(tls.connect(scene.route(EchMode::Offer)), replace);
    let error = link.map(drop).unwrap_err();
    assert!(tls_error(&error).is_ech(), "{error:?}");
    assert_eq!(scene.shown(), ["public.test rejected"; 2]);
}

/// Replaces the settings when the second handshake begins.
struct Replacing {
    handle: TlsHandle,
    by: TlsConfig,
    handshakes: AtomicUsize,
}

impl Observe for Replacing {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event.kind, EventKind::PhaseStarted(Phase::Tls)) && self.handshakes.fetch_add(1, SeqCst) == 1 {
            self.handle.replace(self.by.clone());
        }
    }
}

/// What the server has said to the old settings, and the new settings, are not for one handshake.
#[tokio::test(start_paused = true)]
async fn settings_that_are_replaced_as_the_next_handshake_begins_decide_on_all_of_it() {
    // By what is new another name may be the public one, or none be shown at all.
    let scene = Scene::rejecting(|_| Vec::new());
    let (layer, handle) = TlsLayer::replaceable(scene.config());
    let by = trusting(&scene.root).ech_keys("a.test", &scene.keys.list()).build().unwrap();
    let mut route = scene.route(EchMode::Offer);
    let replacing = Replacing { handle, by, handshakes: AtomicUsize::new(0) };
    route.target.ctx = route.target.ctx.clone().observer(Some(Arc::new(replacing)));
    let error = layer.layer(scene.world.net.connector()).connect(route).await.map(drop).unwrap_err();
    assert!(tls_error(&error).is_ech() && !error.is_superseded(), "{error:?}");
    assert_eq!(scene.shown(), ["public.test rejected"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_the_public_name_is_believed_nothing() {
    for names in [["b.test"], ["a.test"]] {
        let scene = Scene::new(|origin, root, _| origin.ech(&EchKeys::new("public.test"), &root.leaf(names)));
        let (error, shown) = scene.refused(&scene.config(), scene.route(EchMode::Offer)).await;
        assert_eq!(shown, ["public.test rejected"]);
        let TlsError::EchPublicName { source, .. } = tls_error(&error) else { panic!("{error:?}") };
        assert!(matches!(&**source, TlsError::NotValidForName { name, .. } if &**name == "public.test"), "{source:?}");
    }
    // The same of one that pins refuse, however its name is written in the record.
    for public_name in ["public.test", "Public.Test"] {
        let scene = Scene::new(|origin, root, _| origin.ech(&EchKeys::new(public_name), &root.leaf(["public.test"])));
        let pinned = trusting(&scene.root).pin("public.test", &Ca::new("another").pin()).build().unwrap();
        let route = scene.route_by(Some(EchMode::Offer), &EchKeys::new(public_name).list());
        let (error, _) = scene.refused(&pinned, route).await;
        let TlsError::EchPublicName { source, .. } = tls_error(&error) else { panic!("{error:?}") };
        assert!(source.is_pin(), "{source:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_where_a_name_must_be_encrypted_and_no_keys_are_known() {
    let scene = Scene::accepting();
    let plain = |mode| scene.world.route_on("https://a.test", ConnectOptions::new().ech(mode));
    let tls12 = trusting(&scene.root).versions(TlsVersion::Tls12..=TlsVersion::Tls12).build().unwrap();
    let rows = [
        (scene.config(), plain(EchMode::Require)),
        (scene.config(), scene.route_by(Some(EchMode::Require), UNKNOWN)),
        (scene.config(), scene.route_by(Some(EchMode::Require), b"no list")),
        (tls12, scene.route(EchMode::Require)),
    ];
    for (n, (config, route)) in rows.into_iter().enumerate() {
        let (error, shown) = scene.refused(&config, route).await;
        assert!(matches!(tls_error(&error), TlsError::EchRequired { .. }) && shown.is_empty(), "{error:?}");
        assert_eq!((scene.world.net.opened(), scene.world.net.wire(n).bytes_sent()), (n + 1, 0));
    }
    // And it is sent in the clear where it may be.
    for route in [plain(EchMode::Offer), scene.route_by(Some(EchMode::Offer), UNKNOWN)] {
        assert_eq!(scene.world.exchange_by(&scene.config(), route).await.ech, EchStatus::None);
    }
    assert_eq!(scene.shown(), ["a.test"; 2]);
}

#[test]
fn keys_that_can_not_be_used_are_no_configuration() {
    let (root, keys) = (Ca::new("root"), EchKeys::new("public.test"));
    let with = |pattern: &str, list: &[u8]| trusting(&root).ech_keys(pattern, list);
    let refused = |builder: TlsConfigBuilder, told: &str| {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, TlsConfigError::Ech(_)), "{error:?}");
        assert_eq!(format!("{error:?}"), format!("the keys of Encrypted Client Hello can't be used: {told}"));
    };
    for (list, told) in [
        (&b"no list"[..], "they are malformed"),
        (&[], "they are malformed"),
        (UNKNOWN, "none of them is of a kind that is known here"),
    ] {
        refused(with("a.test", list), told);
    }
    assert!(matches!(with("*", &keys.list()).build(), Err(TlsConfigError::EchHost(_))));
    let tls12 = with("a.test", &keys.list()).versions(TlsVersion::Tls12..=TlsVersion::Tls12);
    refused(tls12, "TLS 1.3 is not offered");
}

#[tokio::test(start_paused = true)]
async fn the_second_connection_can_be_dropped_at_any_await() {
    let walked = drop_walk(
        async || {
            let scene = Scene::rejecting(EchKeys::list);
            scene.world.net.at(ADDR.parse().unwrap()).latency(Duration::from_millis(5));
            let layer = TlsLayer::new(scene.config());
            let connecting = layer.layer(scene.world.net.connector()).connect(scene.route(EchMode::Offer));
            (scene, async { drop(connecting.await.unwrap()) })
        },
        async |scene, _moment| {
            // The server may still read what was written before.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let world = &scene.world;
            assert_eq!((world.net.live_sockets(), world.origin.open(), world.executor.tasks()), (0, 0, 0));
            assert!(world.origin.requests().is_empty());
        },
    )
    .await;
    assert!(walked.drops > 6, "{walked:?}");
}

/// A list of all these keys.
fn all(lists: &[&[u8]]) -> Vec<u8> {
    let configs: Vec<u8> = lists.iter().flat_map(|list| &list[2..]).copied().collect();
    [&u16::try_from(configs.len()).unwrap().to_be_bytes()[..], &configs].concat()
}

/// Public names by RFC 9849, section 4.
#[tokio::test(start_paused = true)]
async fn keys_with_a_bad_public_name_are_passed_over_for_others_of_the_list() {
    let named = |name: &str| EchKeys::new(name).list();
    let good = ["a-b.test", "xn--a.test", "1.test", "0x1.test", "test"];
    let bad = [
        "",
        ".",
        "public.test.",
        ".public.test",
        "public..test",
        "public_1.test",
        "-a.test",
        "a-.test",
        "a b",
        "1.2.3.4",
        "127.1",
        "127.0x1",
        "0X7f000001",
        "0x",
        "2130706433",
        "[::1]",
    ];
    for (name, is_good) in good.map(|name| (name, true)).into_iter().chain(bad.map(|name| (name, false))) {
        let scene = Scene::accepting();
        let alone = scene.world.connect_by(&scene.config(), scene.route_by(Some(EchMode::Require), &named(name))).await;
        let is_passed_over = matches!(tls_error(&alone.unwrap_err()), TlsError::EchRequired { .. });
        assert_eq!(is_passed_over, !is_good, "{name:?}");
        run_until_idle().await;
        let before = scene.shown().len();
        let list = all(&[&named(name), &scene.keys.list()]);
        let both = scene.world.connect_by(&scene.config(), scene.route_by(Some(EchMode::Require), &list)).await;
        assert_eq!(both.is_ok(), !is_good, "{name:?}");
        if !is_good {
            assert_eq!(scene.shown()[before..], ["public.test accepted"], "{name:?}");
        }
    }
    // So are those that can't be read; but the list must be one.
    let scene = Scene::accepting();
    let cut = [0, 4 + 3, 0xfe, 0x0d, 0, 3, 1, 0, 0x20];
    let list = all(&[&cut, UNKNOWN, &scene.keys.list()]);
    let tls = scene.world.exchange_by(&scene.config(), scene.route_by(Some(EchMode::Require), &list)).await;
    assert_eq!((tls.ech, scene.shown()), (EchStatus::Accepted, vec!["public.test accepted".to_owned()]));
    for list in [&list[..list.len() - 1], &[&list[..], &[0]].concat(), &[], &[0], &[0, 0], &[0, 2, 0xfe, 0x0d]] {
        let scene = Scene::accepting();
        let (error, shown) = scene.refused(&scene.config(), scene.route_by(Some(EchMode::Require), list)).await;
        assert!(matches!(tls_error(&error), TlsError::EchRequired { .. }) && shown.is_empty(), "{list:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_whose_public_name_is_the_name_to_hide_are_as_good_as_none() {
    for public_name in ["a.test", "A.Test"] {
        let own = EchKeys::new(public_name);
        let scene = || Scene::new(|origin, root, _| origin.ech(&own, &root.leaf(["a.test"])));
        for (mode, status, shown) in [
            (EchMode::Offer, EchStatus::None, "a.test"),
            (EchMode::OfferOrGrease, EchStatus::Grease, "a.test rejected"),
        ] {
            let scene = scene();
            let tls = scene.world.exchange_by(&scene.config(), scene.route_by(Some(mode), &own.list())).await;
            assert_eq!((tls.ech, scene.shown()), (status, vec![shown.to_owned()]), "{mode:?}");
        }
        let scene = scene();
        let given = trusting(&scene.root).ech_keys("a.test", &own.list()).build().unwrap();
        for (config, mode) in [(scene.config(), Some(EchMode::Require)), (given, None)] {
            let (error, shown) = scene.refused(&config, scene.route_by(mode, &own.list())).await;
            assert!(matches!(tls_error(&error), TlsError::EchRequired { .. }) && shown.is_empty(), "{error:?}");
        }
        // Nor are they when the server gives them.
        let scene = Scene::rejecting(|_| own.list());
        let (_, shown) = scene.refused(&scene.config(), scene.route(EchMode::Require)).await;
        assert_eq!(shown, ["public.test rejected"]);
    }
}

/// Whoever is on the way could give keys of its own, and read the name.
#[tokio::test(start_paused = true)]
async fn a_rejection_by_whom_nobody_has_verified_is_not_believed() {
    for gives_keys in [true, false] {
        for mode in [EchMode::Offer, EchMode::Require] {
            let scene = Scene::rejecting(|own| if gives_keys { own.list() } else { Vec::new() });
            for config in [trusting(&scene.root).insecure(), trusting(&scene.root).insecure_for("*.test")] {
                let before = scene.shown().len();
                let (error, shown) = scene.refused(&config.build().unwrap(), scene.route(mode)).await;
                let TlsError::EchPublicName { public_name, .. } = tls_error(&error) else { panic!("{error:?}") };
                assert_eq!(
                    (&**public_name, &shown[before..]),
                    ("public.test", &["public.test rejected".to_owned()][..])
                );
            }
        }
        // Where only the origin isn't verified, the public name is.
        let scene = Scene::rejecting(|own| if gives_keys { own.list() } else { Vec::new() });
        let config = trusting(&scene.root).insecure_for("a.test").build().unwrap();
        scene.world.exchange_by(&config, scene.route(EchMode::Offer)).await;
        assert_eq!(scene.shown().len(), 2);
    }
}

/// Records come from anybody.
#[tokio::test(start_paused = true)]
async fn keys_of_which_any_byte_is_another_show_no_name_that_is_to_be_hidden() {
    let scene = Scene::accepting();
    let (config, list) = (scene.config(), scene.keys.list());
    let mut accepted = 0;
    for (at, change) in (0..list.len()).flat_map(|at| [(at, 0x01), (at, 0x80), (at, 0xff)]) {
        let mut list = list.clone();
        list[at] ^= change;
        match scene.world.connect_by(&config, scene.route_by(Some(EchMode::Require), &list)).await {
            Ok(link) => {
                assert_eq!(link.info.tls.as_ref().map(|tls| tls.ech), Some(EchStatus::Accepted), "{at} {change}");
                accepted += 1;
            }
            Err(error) => assert_eq!(error.phase(), Some(Phase::Tls), "{at} {change}: {error:?}"),
        }
        run_until_idle().await;
    }
    assert!(!scene.shown().iter().any(|name| name.starts_with("a.test")), "{:?}", scene.shown());
    assert!((1..3 * list.len()).contains(&accepted), "{accepted}");
}
