//! Hosts that aren't verified, and verifiers of one's own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::{
    ConnectError, ConnectOptions, Connector, Link, Proxy, ProxyKind, Route, TlsConnect, TlsInfo, Trust,
};
use skybridge_testkit::{
    certs::{Ca, Cert},
    net::Conn,
    observe::Recorder,
    origin::Origin,
};
use skybridge_tls::{
    TlsConfig, TlsError, TlsLayer,
    rustls::{
        self, CertificateError, DigitallySignedStruct, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};
use std::sync::{Arc, Mutex};
use support::{World, message, tls_error, trusting};
use tower::{Layer, service_fn};

/// With an observer.
fn observed(world: &World, url: &str) -> (Route, Arc<Recorder>) {
    let recorder = Recorder::new();
    let mut route = world.route(url);
    route.target.ctx = world.executor.ctx().observer(Some(recorder.clone()));
    (route, recorder)
}

fn covers(tls: &TlsInfo, world: &World, url: &str) -> bool {
    tls.covers.covers(world.route(url).target.origin())
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_exempt_is_not_verified_and_facts_and_an_event_say_so() {
    let (root, stranger) = (Ca::new("root"), Ca::new("stranger"));
    let config = || trusting(&root).insecure_for("a.test").insecure_for("*.lab.test").build().unwrap();
    for (cert, host, may_resume) in [
        (stranger.leaf(["b.test"]), "a.test", true),
        (stranger.expired(["a.test"]), "a.test", false),
        (stranger.leaf([]), "x.lab.test", true),
        (root.leaf(["a.test", "b.test"]), "a.test", true),
    ] {
        let origin = || Origin::h1().tls(&cert);
        for (origin, version) in [(origin(), "1.3"), (origin().tls12(), "1.2")] {
            let world = World::new(origin);
            // One of its own: sessions are kept by name.
            let config = config();
            for resumed in [false, may_resume] {
                let (route, recorder) = observed(&world, &format!("https://{host}"));
                let tls = world.exchange_by(&config, route).await;
                assert_eq!((tls.resumed, tls.trust, tls.version), (resumed, Trust::Unverified, Some(version)));
                assert_eq!(*tls.pins, [cert.pin().into()]);
                // Not even the host itself, by another connection's word.
                assert!(!covers(&tls, &world, "https://b.test") && !covers(&tls, &world, "https://a.test"));
                let told: Vec<_> = recorder.lines().into_iter().filter(|line| line.contains("unverified")).collect();
                assert!(told.len() == 1 && told[0].contains(host), "{told:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_other_host_is_verified_as_ever() {
    let (root, stranger) = (Ca::new("root"), Ca::new("stranger"));
    let config = trusting(&root).insecure_for("*.lab.test").build().unwrap();
    for host in ["a.test", "lab.test", "x.y.lab.test", "xlab.test"] {
        let error = World::h1(&stranger.leaf([host])).refused(&config, &format!("https://{host}")).await;
        assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
    }
    let world = World::h1(&root.leaf(["a.test", "b.test"]));
    let (route, recorder) = observed(&world, "https://a.test");
    let tls = world.exchange_by(&config, route).await;
    assert_eq!((tls.trust, recorder.count("tls_unverified")), (Trust::Verified, 0));
    assert!(covers(&tls, &world, "https://b.test"));
}

/// Of two names the one counts that the certificate would have to be for.
#[tokio::test(start_paused = true)]
async fn the_name_to_verify_is_what_a_pattern_matches() {
    let (root, stranger) = (Ca::new("root"), Ca::new("stranger"));
    let config = trusting(&root).insecure_for("a.test").build().unwrap();
    let named = |name: &str| {
        let mut options = ConnectOptions::default();
        options.server_name = Some(name.into());
        options
    };
    let world = World::h1(&stranger.leaf(["a.test", "b.test"]));
    let refused = world.connect_by(&config, world.route_on("https://a.test", named("b.test"))).await.unwrap_err();
    assert!(matches!(tls_error(&refused), TlsError::UnknownIssuer { .. }), "{refused:?}");
    let tls = world.exchange_by(&config, world.route_on("https://b.test", named("a.test"))).await;
    assert_eq!(tls.trust, Trust::Unverified);
}

#[tokio::test(start_paused = true)]
async fn pins_hold_for_hosts_that_are_exempt() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let pinned = |pin: &str| trusting(&root).insecure_for("a.test").pin("a.test", pin).build().unwrap();
    // Of the server's own key alone: nobody has verified that the issuer is one.
    let error = World::h1(&cert).refused(&pinned(&root.pin()), "https://a.test").await;
    assert!(tls_error(&error).is_pin(), "{error:?}");
    World::h1(&cert).exchange(&pinned(&cert.pin()), "https://a.test").await;
}

/// Connects TLS to a proxy by the layer's configuration for origins.
async fn proxy(config: TlsConfig, cert: &Cert) -> Result<Link<impl Sized + use<>>, ConnectError> {
    let world = World::new(Origin::h1().tls(cert));
    let mut route = world.route("https://a.test");
    route.proxies = vec![Proxy::new(ProxyKind::Https, "proxy.test", 443)].into();
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    TlsLayer::new(config).proxy_connector().tls_connect(link, "proxy.test", &ctx).await
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_verified_whatever_its_name() {
    let (root, stranger) = (Ca::new("root"), Ca::new("stranger"));
    let config = || trusting(&root).insecure_for("**.test").insecure_for("proxy.test");
    let error = proxy(config().build().unwrap(), &stranger.leaf(["proxy.test"])).await.map(drop).unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
    let link = proxy(config().build().unwrap(), &root.leaf(["proxy.test"])).await.unwrap();
    assert_eq!(link.info.tls.unwrap().trust, Trust::Verified);
}

#[tokio::test(start_paused = true)]
async fn of_a_proxy_that_is_not_verified_the_event_has_the_name() {
    let world = World::h1(&Ca::new("stranger").leaf([]));
    let (mut route, recorder) = observed(&world, "https://a.test");
    route.proxies = vec![Proxy::new(ProxyKind::Https, "proxy.test", 443)].into();
    let ctx = route.ctx().clone();
    let link = world.net.connector().connect(route).await.unwrap();
    let connector = TlsConfig::builder().insecure().build().unwrap().tls_connector();
    connector.tls_connect(link, "proxy.test", &ctx).await.unwrap();
    let told: Vec<_> = recorder.lines().into_iter().filter(|line| line.contains("unverified")).collect();
    assert!(told.len() == 1 && told[0].contains("proxy.test"), "{told:?}");
}

#[test]
fn a_pattern_that_is_none_is_an_error() {
    for pattern in ["", "*", "a*.test"] {
        let Err(error) = TlsConfig::builder().insecure_for(pattern).build() else { panic!("{pattern}") };
        assert_eq!(error.to_string(), "certificates would be left unverified for no host");
    }
}

type Answers = fn(&str) -> Result<(), rustls::Error>;

/// Accepts the certificates of hosts that it knows, and writes down what it is asked.
#[derive(Debug)]
struct Own {
    asked: Mutex<Vec<String>>,
    answers: Answers,
    /// What it says of each signature; `None`: what is right.
    signature: Option<CertificateError>,
    provider: CryptoProvider,
}

impl Own {
    fn new(answers: Answers) -> Arc<Self> {
        Self::with(answers, None)
    }

    fn with(answers: Answers, signature: Option<CertificateError>) -> Arc<Self> {
        let provider = aws_lc_rs::default_provider();
        Arc::new(Self { asked: Mutex::default(), answers, signature, provider })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let server = server.to_str();
        self.asked.lock().unwrap().push(server.to_string());
        (self.answers)(&server).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.signature {
            Some(refused) => Err(refused.clone().into()),
            None => verify_tls12_signature(
                message,
                certificate,
                signature,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match &self.signature {
            Some(refused) => Err(refused.clone().into()),
            None => verify_tls13_signature(
                message,
                certificate,
                signature,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test(start_paused = true)]
async fn a_verifier_of_ones_own_is_asked_once_for_each_connection_that_is_not_resumed() {
    let stranger = Ca::new("stranger");
    let cert = stranger.leaf(["b.test"]);
    for origin in [Origin::h1().tls(&cert), Origin::h1().tls(&cert).tls12()] {
        let own = Own::new(|_| Ok(()));
        let config = TlsConfig::builder().custom_verifier(own.clone()).build().unwrap();
        let world = World::new(origin);
        for (resumed, asked) in [(false, vec!["a.test"]), (true, vec![])] {
            let (route, recorder) = observed(&world, "https://a.test");
            let tls = world.exchange_by(&config, route).await;
            assert_eq!(
                (tls.resumed, tls.trust, own.asked()),
                (resumed, Trust::Other, asked.into_iter().map(Into::into).collect())
            );
            assert_eq!(*tls.pins, [cert.pin().into()]);
            assert!(!covers(&tls, &world, "https://b.test"));
            assert_eq!(recorder.count("tls_unverified"), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_for_the_origin_through_a_proxy_and_never_for_the_proxy() {
    let root = Ca::new("root");
    let own = Own::new(|_| Ok(()));
    let config = trusting(&root).custom_verifier(own.clone()).build().unwrap();
    // The layer is above the tunnel, whose link says which proxies it has passed.
    let world = World::h1(&Ca::new("stranger").leaf(["a.test"]));
    let net = world.net.clone();
    let tunnel = service_fn(move |mut route: Route| {
        let mut net = net.connector();
        route.proxies = vec![Proxy::new(ProxyKind::Https, "proxy.test", 443)].into();
        async move {
            let mut link: Link<Conn> = net.connect(route).await?;
            link.info.proxies_passed = 1;
            Ok::<_, ConnectError>(link)
        }
    });
    TlsLayer::new(config.clone()).layer(tunnel).connect(world.route("https://a.test")).await.unwrap();
    assert_eq!(own.asked(), ["a.test"]);
    // A proxy is verified by the roots.
    let error = proxy(config.clone(), &Ca::new("stranger").leaf(["proxy.test"])).await.map(drop).unwrap_err();
    assert!(matches!(tls_error(&error), TlsError::UnknownIssuer { .. }), "{error:?}");
    proxy(config, &root.leaf(["proxy.test"])).await.unwrap();
    assert!(own.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn its_refusal_is_final_and_pins_hold_beside_it() {
    let cert = Ca::new("stranger").leaf(["a.test"]);
    let refusals: [(Answers, &str); 3] = [
        (|_| Err(CertificateError::Revoked.into()), "the certificate of a.test was revoked"),
        (
            |_| Err(rustls::Error::General("not on our list".into())),
            "the certificate of a.test is invalid: not on our list",
        ),
        (
            |_| Err(CertificateError::UnknownIssuer.into()),
            "the issuer `stranger` of the certificate of a.test is not trusted",
        ),
    ];
    for (answers, told) in refusals {
        let config = TlsConfig::builder().custom_verifier(Own::new(answers)).build().unwrap();
        let error = World::h1(&cert).refused(&config, "https://a.test").await;
        assert!(tls_error(&error).is_certificate() && message(&error).ends_with(told), "{error:?}");
    }
    let pinned =
        |pin: &str| TlsConfig::builder().custom_verifier(Own::new(|_| Ok(()))).pin("a.test", pin).build().unwrap();
    let error = World::h1(&cert).refused(&pinned(&Ca::new("other").pin()), "https://a.test").await;
    assert!(tls_error(&error).is_pin(), "{error:?}");
    World::h1(&cert).exchange(&pinned(&cert.pin()), "https://a.test").await;
}

#[tokio::test(start_paused = true)]
async fn its_word_on_the_servers_signature_is_final_too() {
    let cert = Ca::new("stranger").leaf(["a.test"]);
    for origin in [Origin::h1().tls(&cert), Origin::h1().tls(&cert).tls12()] {
        let own = Own::with(|_| Ok(()), Some(CertificateError::BadSignature));
        let config = TlsConfig::builder().custom_verifier(own).build().unwrap();
        let error = World::new(origin).refused(&config, "https://a.test").await;
        assert!(message(&error).ends_with("a signature is wrong"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_may_have_so_many_intermediates() {
    let root = Ca::new("root");
    let leaf = root.intermediate("upper").intermediate("lower").leaf(["a.test"]);
    for (most, fine) in [(2, true), (1, false), (0, false)] {
        let config = trusting(&root).max_intermediates(most).build().unwrap();
        match World::h1(&leaf).connect(&config, "https://a.test").await {
            Ok(_) => assert!(fine, "{most}"),
            Err(error) => {
                let told = format!("the chain to a trusted root is too long: the most intermediates are {most}");
                assert!(!fine && message(&error).ends_with(&told), "{error:?}");
            }
        }
    }
    // A shorter path that is there as well is taken.
    let (upper, other) = (root.intermediate("upper"), Ca::new("other"));
    let lower = upper.intermediate("lower");
    let crossed = lower.leaf(["a.test"]).also(other.cross_sign(&lower));
    let both = trusting(&root).add_root_pem(other.pem().as_bytes()).max_intermediates(1).build().unwrap();
    World::h1(&crossed).exchange(&both, "https://a.test").await;
}

#[test]
fn what_another_verifier_can_not_keep_to_is_an_error() {
    let custom = || TlsConfig::builder().custom_verifier(Own::new(|_| Ok(())));
    for (config, told) in [
        (custom().require_staple(true), "takes no lists of revoked certificates, and requires no staple"),
        (custom().max_intermediates(6), "doesn't tell by which path it trusts a server: its length can't be limited"),
    ] {
        let Err(error) = config.build() else { panic!("{told}") };
        assert_eq!(error.to_string(), format!("this verifier {told}"));
    }
    custom().max_intermediates(usize::MAX).build().unwrap();
}
