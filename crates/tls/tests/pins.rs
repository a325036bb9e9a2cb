//! Pins are checked against the verified path, on first connections and on resumed ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use skybridge_core::{CallId, ConnectOptions, Ctx, Route, TlsInfo};
use skybridge_testkit::{
    certs::{Ca, CertBuilder},
    executor::run_until_idle,
    observe::Recorder,
};
use skybridge_tls::{Pin, PinError, Pins, Roots, TlsConfig, TlsError};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use support::{World, message, tls_error, trusting};

/// A public key of P-256, and its hash.
const KEY: &str = concat!(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGkMtZT5hi6Kqt0G7hmgOplElTfNgsG6j",
    "TKqzH8HBYjD7coRrkMNVKui0eigbsFalEAAJrYyS9W9UAjANlgEmjw=="
);
const PIN: &str = "sha256/YKT35kwFZVjfz3R9XovXxFaMs5hyYcfEWs/IYme+Cj0=";

const WRONG: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn texts(tls: &TlsInfo) -> Vec<String> {
    tls.pins.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn pins_of_leaf_intermediate_and_root_match_on_first_and_resumed_connections() {
    let root = Ca::new("root");
    let intermediate = root.intermediate("intermediate");
    let cert = intermediate.leaf(["a.test"]);
    let path = [cert.pin(), intermediate.pin(), root.pin()];
    for pin in &path {
        let world = World::h1(&cert);
        let config = trusting(&root).pin("a.test", pin).build().unwrap();
        let (first, second) =
            (world.exchange(&config, "https://a.test").await, world.exchange(&config, "https://a.test").await);
        assert_eq!((first.resumed, second.resumed), (false, true));
        assert_eq!((texts(&first), texts(&second)), (path.to_vec(), path.to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_mismatch_reports_the_pins_of_path_and_host() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let config = trusting(&root).pin("**.a.test", WRONG).pin("b.test", &root.pin()).build().unwrap();
    let error = World::h1(&cert).refused(&config, "https://a.test").await;
    let TlsError::PinMismatch(mismatch) = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!(&*mismatch.host, "a.test");
    assert_eq!(mismatch.path.iter().map(ToString::to_string).collect::<Vec<_>>(), [cert.pin(), root.pin()]);
    assert_eq!(mismatch.pinned.iter().map(ToString::to_string).collect::<Vec<_>>(), [WRONG]);
    assert!(tls_error(&error).is_pin() && !tls_error(&error).is_certificate());
    let (message, report) = (message(&error), skybridge_core::Error::from(error.clone()).report().to_string());
    for pin in [&cert.pin(), &root.pin(), WRONG] {
        assert!(message.contains(pin) && report.contains(pin), "{message}\n{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mismatch_says_whose_the_keys_are_and_what_would_have_passed() {
    let root = Ca::new("a root");
    let middle = root.intermediate("a middle");
    let cert = middle.leaf(["a.test"]);
    let world = World::h1(&cert.clone().also(Ca::new("a stranger").der()));
    let other = Ca::new("other").pin();
    let config = trusting(&root).pin("a.test", WRONG).pin_leaf("*.test", &other).build().unwrap();
    let error = world.refused(&config, "https://a.test").await;
    let TlsError::PinMismatch(mismatch) = tls_error(&error) else { panic!("{error:?}") };
    let path = format!(
        "{} (CN=rcgen self signed cert), {} (CN=a middle), {} (CN=a root)",
        cert.pin(),
        middle.pin(),
        root.pin()
    );
    let told = format!("the path has {path}; pinned: {WRONG}, {other} (as its own key)");
    assert!(mismatch.to_string().ends_with(&told), "{mismatch}");
    // Who has no subject is told by a name.
    let nobody = CertBuilder::server(["b.test", "a.test"]).subject(None).by(&root);
    let error = World::h1(&nobody).refused(&config, "https://a.test").await;
    assert!(message(&error).contains(&format!("{} (DNS:b.test), ", nobody.pin())), "{}", message(&error));
    // Of a resumed connection as well, whose verifier isn't asked.
    let both = World::h1(&middle.leaf(["a.test", "b.test"]));
    let config = trusting(&root).pin("b.test", WRONG).build().unwrap();
    both.exchange(&config, "https://a.test").await;
    let mut options = ConnectOptions::default();
    options.server_name = Some("a.test".into());
    let error = both.connect_by(&config, both.route_on("https://b.test:443", options)).await.unwrap_err();
    let TlsError::PinMismatch(mismatch) = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!((mismatch.subjects.len(), &*mismatch.subjects[2]), (3, "CN=a root"));
}

/// For names and addresses, on first and resumed connections, and with an insecure configuration.
#[tokio::test(start_paused = true)]
async fn a_pin_of_every_leaf_applies_to_all_hosts() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "b.test", "192.0.2.1"]);
    for insecure in [false, true] {
        let builder = || if insecure { trusting(&root).insecure() } else { trusting(&root) };
        let (right, wrong) = (builder().pin_every_leaf(&cert.pin()), builder().pin_every_leaf(&root.pin()));
        let (right, wrong) = (right.build().unwrap(), wrong.build().unwrap());
        let world = World::h1(&cert);
        for url in ["https://a.test", "https://b.test", "https://192.0.2.1", "https://a.test"] {
            world.exchange(&right, url).await;
            assert!(tls_error(&World::h1(&cert).refused(&wrong, url).await).is_pin(), "{url}");
        }
    }
}

/// Whichever was set first: no order of the setters loses a pin.
#[tokio::test(start_paused = true)]
async fn pins_are_added_to_pins() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "b.test"]);
    let all = || Pins::new().pin("b.test", WRONG).unwrap();
    let builders = [trusting(&root).pin("a.test", WRONG).pins(all()), trusting(&root).pins(all()).pin("a.test", WRONG)];
    for builder in builders {
        let config = builder.build().unwrap();
        for url in ["https://a.test", "https://b.test"] {
            assert!(tls_error(&World::h1(&cert).refused(&config, url).await).is_pin(), "{url}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_without_pins_is_not_restricted_and_two_patterns_add_up() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "b.a.test", "c.test"]);
    let world = World::h1(&cert);
    let config = trusting(&root).pin("**.a.test", WRONG).pin("*.a.test", &cert.pin()).build().unwrap();
    world.exchange(&config, "https://c.test").await;
    world.exchange(&config, "https://b.a.test").await;
    assert!(tls_error(&world.connect(&config, "https://a.test").await.unwrap_err()).is_pin());
}

#[tokio::test(start_paused = true)]
async fn presenting_a_pinned_certificate_that_is_not_on_the_path_does_not_match() {
    let (root, pinned) = (Ca::new("root"), Ca::new("pinned"));
    let config = |ca: &Ca| {
        TlsConfig::builder()
            .roots(Roots::Given(vec![root.der(), pinned.der()]))
            .pin("a.test", &ca.pin())
            .build()
            .unwrap()
    };
    let below = pinned.intermediate("pinned too");
    for (padding, pin) in [(pinned.der(), &pinned), (below.der(), &below)] {
        let world = World::h1(&root.leaf(["a.test"]).also(padding));
        assert!(tls_error(&world.refused(&config(pin), "https://a.test").await).is_pin());
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_through_a_cross_signed_certificate_is_found() {
    let (old, new) = (Ca::new("old"), Ca::new("new"));
    let intermediate = old.intermediate("intermediate");
    let cert = intermediate.leaf(["a.test"]).also(new.cross_sign(&intermediate));
    let world = World::h1(&cert);
    for root in [&old, &new] {
        let roots = Roots::Given(vec![old.der(), new.der()]);
        let config = TlsConfig::builder().roots(roots).pin("a.test", &root.pin()).build().unwrap();
        assert_eq!(texts(&world.exchange(&config, "https://a.test").await)[2], root.pin());
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_certificate_is_reported_before_a_pin_mismatch() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let config = trusting(&root).pin("a.test", WRONG).build().unwrap();
    for cert in [other.leaf(["a.test"]), root.expired(["a.test"]), root.leaf(["b.test"])] {
        let error = World::h1(&cert).refused(&config, "https://a.test").await;
        assert!(tls_error(&error).is_certificate(), "{error:?}");
    }
}

/// The verifier is told the overriding name alone, and isn't called for a resumed session.
#[tokio::test(start_paused = true)]
async fn the_hosts_pins_are_checked_when_server_name_overrides_it_and_when_resumed() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["b.test"]));
    let config = trusting(&root).pin("a.test", WRONG).build().unwrap();
    let mut connect_options = ConnectOptions::default();
    connect_options.server_name = Some("b.test".into());
    let by_another_name = || world.connect_by(&config, world.route_on("https://a.test", connect_options.clone()));

    assert!(tls_error(&by_another_name().await.unwrap_err()).is_pin());
    world.exchange(&config, "https://b.test").await;
    run_until_idle().await;
    let error = by_another_name().await.unwrap_err();
    assert!(tls_error(&error).is_pin() && error.is_fatal(), "{error:?}");
    run_until_idle().await;
    let resumed: Vec<bool> = world.origin.handshakes().iter().map(|handshake| handshake.resumed).collect();
    assert_eq!(resumed, [false, false, true]);
    assert_eq!(world.origin.exchanges(), ["c1e0"]);
}

#[tokio::test(start_paused = true)]
async fn addresses_can_be_pinned() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["2001:db8::1"]));
    let config = trusting(&root).pin("2001:DB8::1", WRONG).build().unwrap();
    let error = world.refused(&config, "https://[2001:db8:0::1]").await;
    assert!(tls_error(&error).is_pin(), "{error:?}");
}

/// A host must not have a second spelling that no pattern matches, but that its certificate covers all the same.
#[tokio::test(start_paused = true)]
async fn no_other_spelling_of_a_host_evades_its_pins() {
    let root = Ca::new("root");
    let config = trusting(&root).pin("a.test", WRONG).pin("192.0.2.1", WRONG).build().unwrap();

    for name in ["a.test..", "A.test.", "a.test"] {
        let mut connect_options = ConnectOptions::default();
        connect_options.server_name = Some(name.into());
        let world = World::h1(&root.leaf(["a.test"]));
        let error = world.connect_by(&config, world.route_on("https://b.test", connect_options)).await.unwrap_err();
        let refused = tls_error(&error);
        assert!(refused.is_pin() || matches!(refused, TlsError::NotAName(_)), "{name}: {error:?}");
    }

    // IPv4 within IPv6 (RFC 4291, section 2.5.5.2) is the same address.
    for named in ["192.0.2.1", "::ffff:192.0.2.1"] {
        let world = World::h1(&root.leaf([named]));
        world.refused(&config, "https://[::ffff:192.0.2.1]").await;
    }
    let mapped = trusting(&root).pin("[::ffff:192.0.2.1]", WRONG).build().unwrap();
    let world = World::h1(&root.leaf(["192.0.2.1"]));
    for url in ["https://192.0.2.1", "https://[::ffff:c000:201]"] {
        assert!(tls_error(&world.refused(&mapped, url).await).is_pin());
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_of_pins_can_be_built_separately() {
    let root = Ca::new("root");
    let pins = Pins::new().pin("a.test", WRONG).unwrap();
    let config = trusting(&root).pins(pins).build().unwrap();
    assert!(tls_error(&World::h1(&root.leaf(["a.test"])).refused(&config, "https://a.test").await).is_pin());
}

/// A route that is observed.
fn observed(world: &World, url: &str) -> (Route, Arc<Recorder>) {
    let recorder = Recorder::new();
    let mut route = world.route(url);
    let ctx: Ctx = world.executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    route.target.ctx = ctx;
    (route, recorder)
}

/// What an observer is told of pins that were not enforced.
fn told(recorder: &Recorder) -> Vec<String> {
    recorder.lines().into_iter().filter(|line| line.contains("pins_not_enforced")).collect()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(3600 * hours)
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "certificates are verified by the system's clock")]
async fn pins_that_have_expired_refuse_nobody_and_an_observer_is_told() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test", "b.test"]));
    let set = |until: SystemTime| Pins::new().until(until).pin("a.test", WRONG).unwrap();
    let expired = set(SystemTime::now() - hours(1));
    let config = trusting(&root).pins(expired.clone()).build().unwrap();
    for resumed in [false, true] {
        let (route, recorder) = observed(&world, "https://a.test");
        assert_eq!(world.exchange_by(&config, route).await.resumed, resumed);
        let told = told(&recorder);
        assert!(
            told.len() == 1 && told[0].contains("the pins of a.test have expired") && told[0].contains(WRONG),
            "{told:?}"
        );
        // Those of others don't matter.
        let (route, recorder) = observed(&world, "https://b.test");
        world.exchange_by(&config, route).await;
        assert_eq!(recorder.count("pins_not_enforced"), 0);
    }

    // Until then they hold; others hold on, and what has expired allows nothing either.
    let world = World::h1(&root.leaf(["a.test"]));
    for config in [
        trusting(&root).pins(set(SystemTime::now() + hours(1))),
        trusting(&root).pins(expired).pin("a.test", WRONG),
        trusting(&root)
            .pins(Pins::new().pin("a.test", &root.pin()).unwrap().until(SystemTime::now() - hours(1)))
            .pin("a.test", WRONG),
        trusting(&root).pins(Pins::new().pin_every_leaf(WRONG).unwrap().until(SystemTime::now() + hours(1))),
    ] {
        assert!(tls_error(&world.refused(&config.build().unwrap(), "https://a.test").await).is_pin());
    }
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "certificates are verified by the system's clock")]
async fn pins_of_every_leaf_and_for_report_only_expire_as_others_do() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test", "b.test"]));
    let every_leaf = || Pins::new().pin_every_leaf(WRONG).unwrap();
    let reported = Pins::new().pin("a.test", WRONG).unwrap().pin("b.test", WRONG).unwrap().report_only();
    for set in [every_leaf(), every_leaf().report_only(), reported] {
        let config = trusting(&root).pins(set.until(SystemTime::now() - hours(1))).build().unwrap();
        let (route, recorder) = observed(&world, "https://a.test");
        let tls = world.exchange_by(&config, route).await;
        let told = told(&recorder);
        assert!(told.len() == 1 && told[0].contains("the pins of a.test have expired"), "{told:?}");
        // They keep the connection from no other host either.
        assert!(tls.covers.covers(world.route("https://b.test").target.origin()));
    }
    // Those that haven't are told of in other words.
    let config = trusting(&root).pins(every_leaf().report_only()).build().unwrap();
    let (route, recorder) = observed(&world, "https://a.test");
    world.exchange_by(&config, route).await;
    let told = told(&recorder);
    assert!(told.len() == 1 && told[0].contains("a.test has none of its pins"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn pins_for_report_only_refuse_nobody_and_an_observer_is_told_of_who_has_none() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "b.test"]);
    let world = World::h1(&cert);
    let set = Pins::new().pin("a.test", WRONG).unwrap().report_only();
    for enforced in [None, Some(root.pin())] {
        let config = trusting(&root).pins(set.clone());
        let config = enforced.iter().fold(config, |config, pin| config.pin("a.test", pin)).build().unwrap();
        for resumed in [false, true] {
            let (route, recorder) = observed(&world, "https://a.test");
            let tls = world.exchange_by(&config, route).await;
            assert_eq!(tls.resumed, resumed);
            let told = told(&recorder);
            let path = format!("the path has {}, {}; pinned: {WRONG}", cert.pin(), root.pin());
            assert!(
                told.len() == 1 && told[0].contains("a.test has none of its pins") && told[0].ends_with(&path),
                "{told:?}"
            );
        }
    }
    // Who has one is not told of, and pins that hold are held to.
    let config = trusting(&root).pins(Pins::new().pin("a.test", &root.pin()).unwrap().report_only()).build().unwrap();
    let (route, recorder) = observed(&world, "https://a.test");
    world.exchange_by(&config, route).await;
    assert_eq!(recorder.count("pins_not_enforced"), 0);
    let world = World::h1(&cert);
    let config = trusting(&root).pins(set).pin("a.test", &Ca::new("other").pin()).build().unwrap();
    assert!(tls_error(&world.refused(&config, "https://a.test").await).is_pin());
}

/// Otherwise nobody would ever be told.
#[tokio::test(start_paused = true)]
async fn a_host_whose_pins_are_only_reported_shares_no_connection_without_them() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test", "b.test", "c.test"]));
    let set = Pins::new().pin("b.test", WRONG).unwrap().pin("c.test", &root.pin()).unwrap().report_only();
    let tls = world.exchange(&trusting(&root).pins(set).build().unwrap(), "https://a.test").await;
    let covers = |url: &str| tls.covers.covers(world.route(url).target.origin());
    assert_eq!((covers("https://b.test"), covers("https://c.test")), (false, true));
}

#[tokio::test(start_paused = true)]
async fn pins_as_curl_writes_them_are_of_the_hosts_own_key() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let curls = |pin: &str| pin.replacen('/', "//", 1);
    let config = |hashes: &str| trusting(&root).pins(Pins::new().curl("a.test", hashes).unwrap()).build().unwrap();
    World::h1(&cert).exchange(&config(&format!("{};{}", curls(WRONG), curls(&cert.pin()))), "https://a.test").await;
    assert!(tls_error(&World::h1(&cert).refused(&config(&curls(&root.pin())), "https://a.test").await).is_pin());
    for wrong in [WRONG, "", "sha256//", "md5//AAAA", &format!("{};", curls(WRONG))] {
        assert!(Pins::new().curl("a.test", wrong).is_err(), "{wrong}");
    }
}

/// As `openssl pkey -pubout` writes them, with `-outform der` too.
#[tokio::test(start_paused = true)]
async fn the_pin_of_a_public_key_is_read_from_pem_and_der() {
    let der = STANDARD.decode(KEY).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----\n");
    for key in [&der[..], pem.as_bytes(), format!("comment\n{pem}").as_bytes()] {
        assert_eq!(Pin::of_public_key(key).unwrap().to_string(), PIN);
    }
    let certificate = Ca::new("root");
    let cut = &der[..der.len() - 1];
    for wrong in
        [&b""[..], b"\x30\x00", &certificate.der(), certificate.pem().as_bytes(), cut, &[&der[..], b"x"].concat()]
    {
        assert_eq!(Pin::of_public_key(wrong), Err(PinError::PublicKey));
    }
}

/// A pin that never matches would be a host without pins.
#[cfg(feature = "idn")]
#[tokio::test(start_paused = true)]
async fn a_pin_for_a_name_that_is_not_ascii_is_enforced_however_the_host_is_written() {
    let root = Ca::new("root");
    let cert = root.leaf(["xn--bcher-kva.test"]);
    let named = |name: &str| ConnectOptions::default().server_name(name);
    for pattern in ["bücher.test", "*.test", "BÜCHER\u{3002}Test", "xn--BCHER-kva.test."] {
        let wrong = trusting(&root).pin(pattern, WRONG).build().unwrap();
        let right = trusting(&root).pin(pattern, WRONG).pin(pattern, &root.pin()).build().unwrap();
        let world = World::h1(&cert);
        let error = world.refused(&wrong, "https://XN--bcher-kva.test").await;
        assert!(tls_error(&error).is_pin(), "{pattern}: {error:?}");
        world.exchange(&right, "https://xn--bcher-kva.test.").await;
        for name in ["Bücher.test", "xn--bcher-kva.test", "bücher\u{3002}test\u{3002}"] {
            let error = world.connect_by(&wrong, world.route_on("https://a.test", named(name))).await.unwrap_err();
            assert!(tls_error(&error).is_pin(), "{pattern} {name}: {error:?}");
            let tls = world.exchange_by(&right, world.route_on("https://a.test", named(name))).await;
            assert_eq!(tls.sni.as_deref(), Some("xn--bcher-kva.test"));
        }
    }
    // Another name than it seems.
    let config = trusting(&root).pin("strasse.test", WRONG).insecure_for("straße.test").build().unwrap();
    World::h1(&Ca::new("another").leaf(["b.test"])).exchange(&config, "https://xn--strae-oqa.test").await;
}
