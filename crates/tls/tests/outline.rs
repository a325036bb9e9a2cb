//! What a handshake would offer and ask for, which is told without one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{ConnectOptions, EchMode};
use skybridge_testkit::certs::Ca;
use skybridge_tls::{ConnectionSpec, EchOutline, Pins, TlsLayer, TlsOutline, TlsVersion, TrustOutline};
use std::time::{Duration, SystemTime};
use support::{World, trusting};

fn pins(outline: &TlsOutline) -> Vec<String> {
    outline.pins.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "pins expire by the system's clock")]
async fn the_pins_are_those_that_a_host_is_held_to_now() {
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test"]));
    let [of_a, of_b, old, reported, every] = ["1", "2", "3", "4", "5"].map(|name| Ca::new(name).pin());
    let set = |pin: &str| Pins::new().pin("a.test", pin).unwrap();
    let config = trusting(&root)
        .pin("a.test", &of_a)
        .pin("b.test", &of_b)
        .pin_every_leaf(&every)
        .pins(set(&old).until(SystemTime::now() - Duration::from_secs(60)))
        .pins(set(&reported).report_only());
    let layer = TlsLayer::new(config.build().unwrap());
    let outline = |url: &str, options| layer.outline(&world.route_on(url, options)).unwrap().unwrap();
    assert_eq!(pins(&outline("https://a.test", ConnectOptions::new())), [&*every, &of_a]);
    assert_eq!(pins(&outline("https://c.test", ConnectOptions::new())), [&*every]);
    // Of the name that is verified, and of the origin's host.
    let by_another = outline("https://a.test", ConnectOptions::new().server_name("b.test"));
    assert_eq!((pins(&by_another), &*by_another.name), (vec![every, of_a, of_b], "b.test"));
    assert_eq!(world.net.opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_vouches_and_what_is_offered_and_shown_is_told_of_each_host() {
    let (root, me) = (Ca::new("root"), Ca::new("clients").client("me"));
    let world = World::h1(&root.leaf(["a.test"]));
    let (chain, key) = (me.chain_pem(), me.key_pem());
    let config = trusting(&root).insecure_for("lab.test");
    let config = config.client_auth_pem_for("a.test", chain.as_bytes(), key.as_bytes()).build().unwrap();
    let layer = TlsLayer::new(config);
    let outline = |url: &str, options| layer.outline(&world.route_on(url, options)).unwrap();
    for (host, trust, has_certificate) in
        [("a.test", TrustOutline::Roots(1), true), ("lab.test", TrustOutline::Anyone, false)]
    {
        let told = outline(&format!("https://{host}"), ConnectOptions::new()).unwrap();
        assert_eq!((told.trust, told.client_certificate), (trust, has_certificate), "{host}");
        assert_eq!(told.versions, [TlsVersion::Tls13, TlsVersion::Tls12]);
        assert_eq!(
            (told.sni.as_deref(), told.alpn, told.ech),
            (Some(host), vec!["h2".into(), "http/1.1".into()], None)
        );
    }
    for (mode, ech, versions) in [
        (EchMode::Grease, Some(EchOutline::Grease), &[TlsVersion::Tls13][..]),
        (EchMode::Require, Some(EchOutline::NoKeys), &[TlsVersion::Tls13, TlsVersion::Tls12]),
        (EchMode::Offer, None, &[TlsVersion::Tls13, TlsVersion::Tls12]),
    ] {
        let told = outline("https://a.test", ConnectOptions::new().ech(mode)).unwrap();
        assert_eq!((told.ech, &*told.versions), (ech, versions), "{mode:?}");
    }
    assert!(outline("http://a.test", ConnectOptions::new()).is_none());
    assert_eq!(world.net.opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_specs_are_told_in_the_order_in_which_they_are_tried() {
    use TlsVersion::{Tls12, Tls13};
    let root = Ca::new("root");
    let world = World::h1(&root.leaf(["a.test"]));
    let older = ConnectionSpec::new("older").versions(Tls12..=Tls12);
    let specs = |specs: Vec<ConnectionSpec>, mode: Option<EchMode>| {
        let layer = TlsLayer::new(trusting(&root).specs(specs).build().unwrap());
        let options = mode.map_or_else(ConnectOptions::new, |mode| ConnectOptions::new().ech(mode));
        let told = layer.outline(&world.route_on("https://a.test", options)).unwrap().unwrap();
        assert_eq!(told.versions, told.specs[0].versions);
        told.specs.into_iter().map(|spec| (spec.name.to_string(), spec.versions)).collect::<Vec<_>>()
    };
    let both = || vec![Tls13, Tls12];
    assert_eq!(specs(vec![ConnectionSpec::MODERN], None), [("modern".to_owned(), both())]);
    let three =
        || vec![ConnectionSpec::CLEARTEXT, ConnectionSpec::RESTRICTED, ConnectionSpec::COMPATIBLE, older.clone()];
    let [restricted, compatible, older_one] =
        [("restricted", vec![Tls13]), ("compatible", both()), ("older", vec![Tls12])]
            .map(|(name, it)| (name.to_owned(), it));
    assert_eq!(specs(three(), None), [restricted.clone(), compatible.clone(), older_one.clone()]);
    // A name is hidden in TLS 1.3 alone, also beside a decoy.
    let hidden = specs(three(), Some(EchMode::Grease));
    assert_eq!(hidden[..2], [restricted, ("compatible".to_owned(), vec![Tls13])]);
    assert_eq!(world.net.opened(), 0);
}
