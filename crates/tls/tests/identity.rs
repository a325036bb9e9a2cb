//! Which client certificate a peer is shown, and which keys and certificates can be used.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use base64::Engine as _;
use skybridge_core::{Advice, ConnectOptions, Connector, Partition, TlsConnect};
use skybridge_testkit::{
    certs::{Ca, Cert},
    ech::EchKeys,
    fixtures,
    net::Conn,
    origin::{Builder, Origin},
};
use skybridge_tls::{
    ClientIdentity, TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError, TlsLayer,
    rustls::{
        DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
        client::danger::HandshakeSignatureValid,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, UnixTime, pem::PemObject},
        server::danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use support::{ADDR, World, message, tls_error, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio_rustls::TlsAcceptor;

fn pem(me: &Cert) -> (String, String) {
    (me.chain_pem(), me.key_pem())
}

trait Given {
    fn with(self, pattern: Option<&str>, me: &Cert) -> Self;
}

impl Given for TlsConfigBuilder {
    fn with(self, pattern: Option<&str>, me: &Cert) -> Self {
        let (chain, key) = pem(me);
        match pattern {
            Some(pattern) => self.client_auth_pem_for(pattern, chain.as_bytes(), key.as_bytes()),
            None => self.client_auth_pem(chain.as_bytes(), key.as_bytes()),
        }
    }
}

fn identity(me: &Cert) -> ClientIdentity {
    let (chain, key) = pem(me);
    ClientIdentity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
}

/// Asks everybody for a certificate of this CA, and requires none.
fn asking(cert: &Cert, clients: &Ca, tls12: bool) -> Builder {
    let origin = Origin::h1().tls(cert).request_client_cert(clients);
    if tls12 { origin.tls12() } else { origin }
}

/// What the origin was shown in its last handshake.
fn shown(world: &World) -> Vec<CertificateDer<'static>> {
    world.origin.handshakes().last().unwrap().client.clone()
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_shown_to_the_hosts_of_its_pattern_alone() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let [one, two, all] = ["one", "two", "all"].map(|name| clients.client(name));
    let names = ["a.test", "b.a.test", "c.test", "192.0.2.1"];
    for tls12 in [false, true] {
        let world = World::new(asking(&root.leaf(names), &clients, tls12));
        let limited = || trusting(&root).with(Some("a.test"), &one).with(Some("**.a.test"), &two);
        let (limited, with_rest) = (limited().build().unwrap(), limited().with(None, &all).build().unwrap());
        let none = Vec::new();
        // Of who has none for it, a host that has one of its own does not take a connection.
        let tls = world.exchange(&limited, "https://c.test").await;
        let differs = |url| tls.covers.identity_differs(world.route(url).target.origin());
        assert_eq!(["https://a.test", "https://c.test"].map(differs), [true, false]);
        for (url, by_limited, by_rest) in [
            ("https://a.test", one.chain(), one.chain()),
            ("https://b.a.test", two.chain(), two.chain()),
            ("https://A.test.", one.chain(), one.chain()),
            ("https://c.test", none.clone(), all.chain()),
            ("https://192.0.2.1", none.clone(), all.chain()),
        ] {
            for (config, expected) in [(&limited, &by_limited), (&with_rest, &by_rest)] {
                let tls = world.exchange(config, url).await;
                assert_eq!((&shown(&world), tls.client_auth), (expected, !expected.is_empty()), "{url} {tls12}");
            }
        }
    }
}

/// The name that is verified decides: whoever proves to be another is not shown what is for the origin's host.
#[tokio::test(start_paused = true)]
async fn an_overridden_server_name_is_the_one_that_counts() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let me = clients.client("me");
    let world = World::new(asking(&root.leaf(["a.test", "b.test"]), &clients, false));
    let config = trusting(&root).with(Some("a.test"), &me).build().unwrap();
    for (url, name, is_shown) in [("https://a.test", "b.test", false), ("https://b.test", "a.test", true)] {
        let mut options = ConnectOptions::default();
        options.server_name = Some(name.into());
        world.exchange_by(&config, world.route_on(url, options)).await;
        assert_eq!(!shown(&world).is_empty(), is_shown, "{url} as {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_chooses_by_host_and_port_and_what_the_peer_accepts() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let (one, two, stranger) = (clients.client("one"), clients.client("two"), others.client("stranger"));
    for tls12 in [false, true] {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let [given_one, given_two, given_stranger] = [&one, &two, &stranger].map(identity);
        let noted = Arc::clone(&asked);
        let choose = move |request: &skybridge_tls::IdentityRequest<'_>| {
            let takes = [&given_one, &given_stranger].map(|identity| request.accepts(identity));
            let (host, port, issuers) = (request.host(), request.port(), request.issuers().len());
            noted.lock().unwrap().push(format!("{host} {port:?} {issuers} {takes:?}"));
            assert!(request.schemes().contains(&SignatureScheme::ECDSA_NISTP256_SHA256));
            match (request.host(), request.port()) {
                ("a.test", Some(443)) => Some(given_one.clone()),
                ("a.test", Some(8443)) => Some(given_two.clone()),
                _ => None,
            }
        };
        // What is given beside it is shown to nobody.
        let config = trusting(&root).with(None, &stranger).client_auth(choose).build().unwrap();
        let world = World::new(asking(&root.leaf(["a.test", "b.test"]), &clients, tls12));
        for (url, expected) in [
            ("https://a.test", one.chain()),
            ("https://a.test:8443", two.chain()),
            ("https://b.test", Vec::new()),
            // Resumed: they are who they were, and nobody is asked.
            ("https://a.test", one.chain()),
            ("https://a.test:8443", two.chain()),
            ("https://b.test", Vec::new()),
        ] {
            let tls = world.exchange(&config, url).await;
            assert_eq!((shown(&world), tls.client_auth), (expected.clone(), !expected.is_empty()), "{url} {tls12}");
        }
        let resumed: Vec<bool> = world.origin.handshakes().iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(resumed, [false, false, false, true, true, true]);
        let expected =
            ["a.test Some(443)", "a.test Some(8443)", "b.test Some(443)"].map(|who| format!("{who} 1 [true, false]"));
        assert_eq!(*asked.lock().unwrap(), expected);
    }
}

/// By any certificate of the chain, and by what the key can sign.
#[tokio::test(start_paused = true)]
async fn what_a_peer_accepts_is_told_by_the_issuers_of_the_chain_and_by_the_kinds_of_signature() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let below = clients.intermediate("between").client("below");
    let cert = root.leaf(["a.test"]);
    // One that takes no signature by the keys of these, and one that takes all.
    for (takes, fine) in [(SignatureScheme::ED25519, false), (SignatureScheme::ECDSA_NISTP256_SHA256, true)] {
        let known: Arc<Mutex<Vec<bool>>> = Arc::default();
        let (given, noted) = (identity(&below), Arc::clone(&known));
        let config = trusting(&root).client_auth(move |request| {
            noted.lock().unwrap().push(request.accepts(&given));
            Some(given.clone())
        });
        let mut trusted = RootCertStore::empty();
        trusted.add(clients.der()).unwrap();
        let asks = TakesAny { issuers: trusted.subjects(), schemes: vec![takes], taken: Arc::default() };
        let (seen, client_auth) = asked_by(asks, &config.build().unwrap(), &cert).await;
        assert_eq!(*known.lock().unwrap(), [fine], "{takes:?}");
        assert_eq!((seen, client_auth), (fine.then(|| below.chain()), fine), "{takes:?}");
    }
}

/// A partition has its own sessions, and so is asked for again.
#[tokio::test(start_paused = true)]
async fn a_session_of_one_identity_is_never_resumed_by_another() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let [one, two] = ["one", "two"].map(|name| clients.client(name));
    let people = Arc::new(Mutex::new(vec![identity(&two), identity(&one)]));
    let config = trusting(&root).client_auth(move |_| people.lock().unwrap().pop()).build().unwrap();
    let world = World::new(asking(&root.leaf(["a.test"]), &clients, false));
    for (partition, expected) in [("x", &one), ("y", &two), ("x", &one), ("y", &two)] {
        let mut options = ConnectOptions::default();
        options.partition = Some(Partition::new(partition));
        world.exchange_by(&config, world.route_on("https://a.test", options)).await;
        assert_eq!(shown(&world), expected.chain());
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_shown_what_its_own_connector_is_given_alone() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let me = clients.client("me");
    let world = World::new(asking(&root.leaf(["proxy.test"]), &clients, false));
    let chosen = || {
        let me = identity(&me);
        let choose = move |request: &skybridge_tls::IdentityRequest<'_>| {
            (request.host() == "proxy.test" && request.port().is_none()).then(|| me.clone())
        };
        trusting(&root).client_auth(choose).build().unwrap()
    };
    let by_pattern = |pattern: &str| trusting(&root).with(Some(pattern), &me).build().unwrap();
    let own = |config: TlsConfig| config.tls_connector();
    let layers = |config: TlsConfig| TlsLayer::new(config).proxy_connector();
    for (tls_connector, is_shown) in [
        (own(chosen()), true),
        (layers(chosen()), false),
        (own(by_pattern("proxy.test")), true),
        (own(by_pattern("a.test")), false),
        (layers(by_pattern("proxy.test")), false),
    ] {
        let route = world.route("https://a.test");
        let ctx = route.ctx().clone();
        let link = world.net.connector().connect(route).await.unwrap();
        let mut link = tls_connector.tls_connect(link, "proxy.test", &ctx).await.unwrap();
        link.io.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        link.io.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(!shown(&world).is_empty(), is_shown);
    }
}

/// rustls doesn't say to a foreign stack who asks.
#[tokio::test(start_paused = true)]
async fn a_foreign_stack_shows_what_is_for_every_host_alone() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let (me, rest) = (clients.client("me"), clients.client("rest"));
    let chosen = || {
        let me = identity(&me);
        trusting(&root).client_auth(move |_| Some(me.clone()))
    };
    let by_pattern = || trusting(&root).with(Some("a.test"), &me);
    let world = World::new(asking(&root.leaf(["a.test"]), &clients, false));
    for (builder, expected) in
        [(chosen(), Vec::new()), (by_pattern(), Vec::new()), (by_pattern().with(None, &rest), rest.chain())]
    {
        let config = Arc::new(builder.build().unwrap().rustls_config());
        let link = world.net.connector().connect(world.route("https://a.test")).await.unwrap();
        let name = "a.test".try_into().unwrap();
        let mut tls = tokio_rustls::TlsConnector::from(config).connect(name, link.io).await.unwrap();
        tls.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        tls.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(shown(&world), expected);
    }
}

const SEC1: &str = include_str!("identities/ec.sec1.pem");
const PKCS8: &str = include_str!("identities/ec.pkcs8.pem");
const OF_EC: &str = include_str!("identities/ec.v1.pem");
const PKCS1: &str = include_str!("identities/rsa.pkcs1.pem");
const OF_RSA: &str = include_str!("identities/rsa.v1.pem");

/// Takes any certificate, as a server does that knows the keys of its clients.
#[derive(Debug)]
struct TakesAny {
    issuers: Vec<DistinguishedName>,
    schemes: Vec<SignatureScheme>,
    /// How many it was shown.
    taken: Arc<AtomicUsize>,
}

impl TakesAny {
    fn new() -> Self {
        let schemes = aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes();
        Self { issuers: Vec::new(), schemes, taken: Arc::default() }
    }
}

impl ClientCertVerifier for TakesAny {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.issuers
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.taken.fetch_add(1, SeqCst);
        Ok(ClientCertVerified::assertion())
    }

    /// rustls can't read the key of a certificate of version 1 to check a signature by it.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// A handshake with a server that asks so: what it was shown, and what the facts say of that.
async fn asked_by(asks: TakesAny, config: &TlsConfig, cert: &Cert) -> (Option<Vec<CertificateDer<'static>>>, bool) {
    let world = World::h1(cert);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_client_cert_verifier(Arc::new(asks));
    let server = Arc::new(server.with_single_cert(cert.chain(), cert.key()).unwrap());
    let addr = "192.0.2.2:443";
    let listener = world.net.listen(addr.parse().unwrap());
    let route = skybridge_testkit::fixtures::route("https://a.test", [addr], world.executor.ctx());
    let accepting = async {
        let (conn, _) = listener.accept().await;
        let tls = TlsAcceptor::from(server).accept(conn).await.unwrap();
        tls.get_ref().1.peer_certificates().map(<[_]>::to_vec)
    };
    let (link, seen) = tokio::join!(world.connect_by(config, route), accepting);
    (seen, link.unwrap().info.tls.unwrap().client_auth)
}

#[tokio::test(start_paused = true)]
async fn keys_of_each_format_and_certificates_of_version_1_are_shown() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    for (chain, key) in [(OF_EC, SEC1), (OF_EC, PKCS8), (OF_RSA, PKCS1)] {
        let key_der = skybridge_tls::rustls::pki_types::PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let as_pem = trusting(&root).client_auth_pem(chain.as_bytes(), key.as_bytes());
        let as_der = trusting(&root).client_auth_der(vec![der(chain)], key_der.secret_der());
        for config in [as_pem, as_der] {
            let (seen, client_auth) = asked_by(TakesAny::new(), &config.build().unwrap(), &cert).await;
            assert_eq!(seen.unwrap(), [der(chain)]);
            assert!(client_auth);
        }
    }
}

/// It has proved to be the public name alone.
#[tokio::test(start_paused = true)]
async fn who_rejects_the_keys_of_an_encrypted_name_is_shown_no_certificate() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test", "public.test"]);
    for (is_encrypted, shown) in [(false, 1), (true, 0)] {
        let config = trusting(&root).client_auth_pem(OF_EC.as_bytes(), SEC1.as_bytes());
        let keys = EchKeys::new("public.test").list();
        let config = if is_encrypted { config.ech_keys("a.test", &keys) } else { config }.build().unwrap();
        let (world, asks) = (World::h1(&cert), TakesAny::new());
        let taken = Arc::clone(&asks.taken);
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let server = server.with_safe_default_protocol_versions().unwrap().with_client_cert_verifier(Arc::new(asks));
        let server = Arc::new(server.with_single_cert(cert.chain(), cert.key()).unwrap());
        let addr = "192.0.2.2:443";
        let listener = world.net.listen(addr.parse().unwrap());
        let route = fixtures::route("https://a.test", [addr], world.executor.ctx());
        let accepting = async {
            let (conn, _) = listener.accept().await;
            TlsAcceptor::from(server).accept(conn).await.map(drop)
        };
        let (link, accepted) = tokio::join!(world.connect_by(&config, route), accepting);
        assert_eq!((taken.load(SeqCst), link.is_ok(), accepted.is_ok()), (shown, !is_encrypted, !is_encrypted));
        assert!(link.err().is_none_or(|error| matches!(tls_error(&error), TlsError::EchRejected { .. })));
    }
}

/// Whom a server refuses before its own half is encrypted is told so with this alert in the place of its own.
async fn saying(alert: u8, server: Conn, client: Conn) {
    let (mut from_server, mut to_server) = split(server);
    let (mut from_client, mut to_client) = split(client);
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    };
    let down = async {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            // A record of its own: an alert of TLS 1.2, of two bytes, that is fatal.
            if let [21, 3, 3, 0, 2, 2, own] = &mut bytes[..read] {
                *own = alert;
            }
            if to_client.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

/// A server of TLS 1.2 may have no better word for it than that the handshake failed.
#[tokio::test(start_paused = true)]
async fn a_refusal_after_showing_none_says_that_a_certificate_was_asked_for() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let stranger = others.client("stranger");
    let (asked, plain) = (Some(Advice::ClientCertificate), Some(Advice::NothingInCommon));
    let got_none = "the peer asked for a certificate of the client, and got none";
    let refused = "the peer refused the handshake";
    for (has, alert, told, name, advice) in [
        (None, 40, got_none, "handshake_failure", asked),
        (None, 42, got_none, "bad_certificate", asked),
        (None, 49, got_none, "access_denied", asked),
        (None, 116, got_none, "certificate_required", asked),
        // It has nothing to do with the certificate.
        (None, 80, refused, "internal_error", None),
        (None, 112, refused, "unrecognized_name", Some(Advice::WrongName)),
        // It was shown one, and doesn't say what is wrong with it.
        (Some(&stranger), 40, refused, "handshake_failure", plain),
        (Some(&stranger), 46, refused, "certificate_unknown", asked),
    ] {
        let origin = Origin::h1().tls(&root.leaf(["a.test"])).require_client_cert(&clients).tls12();
        let world = World::new(origin);
        let behind = world.net.connector();
        let relayed = fixtures::route("http://a.test", [ADDR], world.executor.ctx());
        let addr = "192.0.2.2:443";
        let _relay = world.net.listen(addr.parse().unwrap()).serve(move |_, client| {
            let (mut behind, relayed) = (behind.clone(), relayed.clone());
            async move { saying(alert, behind.connect(relayed).await.unwrap().io, client).await }
        });
        // Of the identities of a host that it is not for, there is none either.
        for for_others in [false, true] {
            let config = trusting(&root);
            let config = if for_others { config.with(Some("b.test"), &stranger) } else { config };
            let config = if let Some(me) = has { config.with(Some("a.test"), me) } else { config }.build().unwrap();
            let route = fixtures::route("https://a.test", [addr], world.executor.ctx());
            let error = world.connect_by(&config, route).await.unwrap_err();
            let said = message(&error);
            assert!(said.contains(told) && said.contains(&format!("alert {name}")), "{alert}: {said}");
            assert_eq!((error.advice(), error.is_fatal()), (advice, false), "{said}");
            let is_none = matches!(tls_error(&error), TlsError::NoClientCertificate(it) if it.code() == alert);
            assert_eq!(is_none, told == got_none, "{said}");
        }
    }
}

#[test]
fn a_key_that_cannot_be_used_is_told_in_words() {
    let root = Ca::new("root");
    let encrypted = "the client's private key is encrypted, and its password is not asked for: decrypt it before, for \
                     example by `openssl pkey`";
    let sealed = [include_str!("identities/ec.encrypted.pkcs8.pem"), include_str!("identities/ec.encrypted.sec1.pem")];
    let build = |chain: &str, key: &str| {
        trusting(&root).client_auth_pem(chain.as_bytes(), key.as_bytes()).build().map(drop).unwrap_err()
    };
    for key in sealed {
        for key in [key.to_owned(), format!("{OF_EC}{key}"), key.replace('\n', "\r\n")] {
            let error = build(OF_EC, &key);
            assert!(matches!(error, TlsConfigError::EncryptedKey), "{error:?}");
            assert_eq!(error.to_string(), encrypted);
            assert!(std::error::Error::source(&error).is_none());
        }
    }
    let mixed = "the client's certificate and key can't be used: the private key does not belong to the certificate";
    assert_eq!(build(OF_EC, PKCS1).to_string(), mixed);
    assert_eq!(build(OF_RSA, SEC1).to_string(), mixed);
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::engine::general_purpose::STANDARD.decode(body).unwrap()
    };
    let chain = || vec![CertificateDer::from_pem_slice(OF_EC.as_bytes()).unwrap()];
    let build = |key: &[u8]| trusting(&root).client_auth_der(chain(), key).build().map(drop).unwrap_err().to_string();
    assert_eq!(build(&der(sealed[0])), encrypted);
    assert_eq!(build(b"junk"), "the client's private key can't be used: it is neither PKCS#8 nor PKCS#1 nor SEC1");
    let none = trusting(&root).client_auth_pem_for("*", OF_EC.as_bytes(), SEC1.as_bytes()).build().unwrap_err();
    assert!(matches!(none, TlsConfigError::IdentityHost(_)), "{none:?}");
}
