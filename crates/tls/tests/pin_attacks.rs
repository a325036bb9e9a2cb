//! Whoever has a certificate of another trusted authority (CVE-2016-2402), or of the pinned one for another name, and
//! everything that the real server shows: the pins must not be met by what vouches for nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use rustls::{
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use skybridge_testkit::{
    certs::{Ca, Cert, SelfSigned},
    executor::run_until_idle,
};
use skybridge_tls::{Roots, TlsConfig, TlsError, rustls};
use std::sync::Arc;
use support::{ADDR, World, tls_error};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What an attacker shows for a.test, and what becomes of it.
struct Row {
    name: &'static str,
    shows: Cert,
    pin: String,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// It is verified, and refused by the pin alone.
    Pin,
    /// It isn't verified, with a pin or without.
    Unverified,
    /// It is who it says.
    Passes,
}

use Verdict::{Passes, Pin, Unverified};

/// The authority that is pinned, and another that is trusted as well.
struct Trusted {
    good: Ca,
    bad: Ca,
}

impl Trusted {
    fn config(&self, pin: Option<&str>) -> TlsConfig {
        let builder = TlsConfig::builder().roots(Roots::Given(vec![self.good.der(), self.bad.der()]));
        pin.into_iter().fold(builder, |builder, pin| builder.pin("a.test", pin)).build().unwrap()
    }
}

fn also(cert: Cert, more: impl IntoIterator<Item = CertificateDer<'static>>) -> Cert {
    more.into_iter().fold(cert, Cert::also)
}

/// By our own connector, and by the verifier under a foreign one.
async fn attempts(config: &TlsConfig, shows: &Cert) -> [Result<(), TlsError>; 2] {
    let world = World::h1(shows);
    let ours = world.connect(config, "https://a.test").await;
    let ours = ours.map(drop).map_err(|error| match tls_error(&error) {
        TlsError::PinMismatch(mismatch) => TlsError::PinMismatch(mismatch.clone()),
        error => TlsError::NotAName(error.to_string().into()),
    });
    let stream = world.net.connect(ADDR.parse().unwrap()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config.rustls_config()));
    let foreign = connector.connect("a.test".try_into().unwrap(), stream).await;
    let foreign = foreign.map(drop).map_err(|error| match TlsError::find(&error) {
        Some(TlsError::PinMismatch(mismatch)) => TlsError::PinMismatch(mismatch.clone()),
        _ => TlsError::NotAName(error.to_string().into()),
    });
    run_until_idle().await;
    if ours.is_err() && foreign.is_err() {
        assert_eq!(world.origin.handshakes().len(), 0);
    }
    [ours, foreign]
}

#[tokio::test(start_paused = true)]
async fn nothing_that_does_not_vouch_for_the_peer_meets_a_pin() {
    let trusted = Trusted { good: Ca::new("good"), bad: Ca::new("bad") };
    let Trusted { good, bad } = &trusted;
    let middle = good.intermediate("middle");
    let real = middle.leaf(["a.test"]);
    let forged = || bad.leaf(["a.test"]);
    let all_of_real = || real.chain().into_iter().chain([good.der()]);

    let namesake = bad.intermediate("middle");
    let namesake_leaf = namesake.leaf(["a.test"]);
    let last = good.last_intermediate("last");
    let beyond = last.intermediate("beyond").leaf(["a.test"]);
    let other_name = middle.leaf(["b.test"]);
    let usurped = Ca::usurping(&other_name).leaf(["a.test"]);
    let own = SelfSigned::new(["a.test"]).make();

    let row = |name, shows, pin: &str, verdict| Row { name, shows, pin: pin.to_owned(), verdict };
    let rows = [
        row("an unrelated leaf, pinned", also(forged(), all_of_real()), &real.pin(), Pin),
        row("an unrelated intermediate, pinned", also(forged(), all_of_real()), &middle.pin(), Pin),
        row("an unrelated root, pinned", also(forged(), [good.der()]), &good.pin(), Pin),
        row("the pinned intermediate alone", also(forged(), [middle.der()]), &middle.pin(), Pin),
        row(
            "the pinned leaf twice",
            also(forged(), [real.chain().remove(0), real.chain().remove(0)]),
            &real.pin(),
            Pin,
        ),
        row("its own leaf twice", also(forged(), [forged().chain().remove(0), good.der()]), &good.pin(), Pin),
        row(
            "an intermediate of the pinned one's name",
            also(namesake_leaf.clone(), [middle.der()]),
            &middle.pin(),
            Pin,
        ),
        row(
            "the pinned one before its namesake",
            also(namesake_leaf.clone().without(1), [middle.der(), namesake.der()]),
            &middle.pin(),
            Pin,
        ),
        row(
            "a leaf that signs as if it were a CA",
            usurped.clone().also(other_name.chain().remove(0)).also(middle.der()),
            &middle.pin(),
            Unverified,
        ),
        row("the same, with the leaf pinned", also(usurped, other_name.chain()), &other_name.pin(), Unverified),
        row("an intermediate beyond the path length", beyond, &last.pin(), Unverified),
        row("the pinned key's certificate for another name", other_name.clone(), &other_name.pin(), Unverified),
        row("a self-signed leaf before the real chain", also(own, all_of_real()), &good.pin(), Unverified),
        row(
            "the root's name with another key",
            also(Ca::new("good").leaf(["a.test"]), [good.der()]),
            &good.pin(),
            Unverified,
        ),
        row("a pinned key of the trusted attacker's", forged(), &bad.pin(), Passes),
        row("the pinned root, not presented", real.clone(), &good.pin(), Passes),
        row(
            "the real chain in disorder, with junk",
            also(real.clone().without(1), [bad.der(), good.der(), middle.der()]),
            &middle.pin(),
            Passes,
        ),
        row("the real leaf twice", also(real.clone(), [real.chain().remove(0)]), &real.pin(), Passes),
        row(
            "a key that another root has signed as well",
            also(real.clone().without(1), [bad.cross_sign(&middle)]),
            &middle.pin(),
            Passes,
        ),
        row(
            "the same, and the first root is pinned",
            also(real.clone().without(1), [bad.cross_sign(&middle), middle.der()]),
            &good.pin(),
            Passes,
        ),
        row(
            "the same, and the pinned root's isn't shown",
            also(real.without(1), [bad.cross_sign(&middle)]),
            &good.pin(),
            Pin,
        ),
    ];
    for Row { name, shows, pin, verdict } in rows {
        for (result, who) in attempts(&trusted.config(Some(&pin)), &shows).await.into_iter().zip(["ours", "foreign"]) {
            let found = match &result {
                Ok(()) => Passes,
                Err(TlsError::PinMismatch(mismatch)) => {
                    assert_eq!(*mismatch.pinned, [pin.parse().unwrap()]);
                    Pin
                }
                Err(_) => Unverified,
            };
            assert_eq!(found, verdict, "{name}, {who}: {result:?}");
        }
        // It is the pin that refuses it, and nothing else.
        for result in attempts(&trusted.config(None), &shows).await {
            assert_eq!(result.is_ok(), verdict != Unverified, "{name}, without a pin: {result:?}");
        }
    }
}

/// Shows a chain, and signs with a key that isn't the leaf's.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn the_pinned_chain_without_its_key_is_refused() {
    let trusted = Trusted { good: Ca::new("good"), bad: Ca::new("bad") };
    let (real, forged) = (trusted.good.leaf(["a.test"]), trusted.bad.leaf(["a.test"]));
    for (version, leaf) in
        [(&rustls::version::TLS12, true), (&rustls::version::TLS13, true), (&rustls::version::TLS13, false)]
    {
        let world = World::h1(&real);
        let address = "192.0.2.2:443".parse().unwrap();
        let listener = world.net.listen(address);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(if leaf { forged.key() } else { real.key() }).unwrap();
        let impostor = Impostor(Arc::new(CertifiedKey::new(real.chain(), key)));
        let server = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(impostor));
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let connect = async |config: &TlsConfig| {
            let connector = TlsConnector::from(Arc::new(config.rustls_config()));
            let stream = world.net.connect(address).await.unwrap();
            let accepted = async { acceptor.accept(listener.accept().await.0).await };
            let (connected, accepted) = tokio::join!(connector.connect("a.test".try_into().unwrap(), stream), accepted);
            let ours =
                skybridge_testkit::fixtures::route("https://a.test", [&*address.to_string()], world.executor.ctx());
            let (ours, _) = tokio::join!(world.connect_by(config, ours), async {
                acceptor.accept(listener.accept().await.0).await
            });
            [connected.is_ok(), accepted.is_ok(), ours.is_ok()]
        };
        for pin in [None, Some(real.pin()), Some(trusted.good.pin())] {
            let passes = connect(&trusted.config(pin.as_deref())).await;
            assert_eq!(passes, [!leaf; 3], "{version:?}: {pin:?}");
        }
        let insecure = TlsConfig::builder().insecure().pin("a.test", &real.pin()).build().unwrap();
        assert_eq!(connect(&insecure).await, [!leaf; 3], "{version:?}, insecure");
    }
}

/// Neither by a ticket, nor because the new configuration would take over what the former has verified.
#[tokio::test(start_paused = true)]
async fn pins_that_change_between_a_first_and_a_resumed_handshake_are_enforced() {
    let trusted = Trusted { good: Ca::new("good"), bad: Ca::new("bad") };
    let cert = trusted.bad.leaf(["a.test"]);
    for tls12 in [false, true] {
        let origin = skybridge_testkit::origin::Origin::h1().tls(&cert);
        let world = World::new(if tls12 { origin.tls12() } else { origin });
        let before = trusted.config(None);
        for resumed in [false, true] {
            assert_eq!(world.exchange(&before, "https://a.test").await.resumed, resumed);
        }
        let after = trusted.config(Some(&trusted.good.pin()));
        let handshakes = world.origin.handshakes().len();
        let error = world.connect(&after, "https://a.test").await.unwrap_err();
        assert!(tls_error(&error).is_pin() && error.is_fatal(), "{error:?}");
        run_until_idle().await;
        assert_eq!(world.origin.handshakes().len(), handshakes);
        // The former one goes on as it was.
        assert!(world.exchange(&before, "https://a.test").await.resumed);
    }
}
