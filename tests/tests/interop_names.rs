//! Real DNS servers, started by `cargo xtask interop`; what each variable names is in `xtask/fixtures/README.md`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use skybridge::{
    CacheLayer, Cause, Client, DohError, Hickory, Protocol, RequestBody, ResponseExt, Roots, TlsConfig, TlsLayer,
};
use skybridge_testkit::{certs::Ca, ech::EchKeys, origin::Origin};
use skybridge_tests::{certificate, named};
use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};
use tower::Layer;

fn trusting() -> TlsConfig {
    let root = fs::read(certificate("root.pem")).unwrap();
    TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&root).build().unwrap()
}

/// What was asked of unbound, one after the other, in the order of its names' types.
fn asked_unbound(name: &str) -> Vec<String> {
    let log = fs::read_to_string(named("SKYBRIDGE_UNBOUND_LOG")).unwrap();
    let asked = log.lines().filter_map(|line| line.split_once(&format!(" {name}. "))).map(|(_, kind)| kind.into());
    asked.collect()
}

/// Nobody listens on 443: the port is the record's. So it is by UDP, over TLS, and over HTTPS.
#[tokio::test]
async fn unbound_leads_to_the_port_of_an_origin_however_it_is_asked() {
    let url = format!("https://{}/dns-query", named("SKYBRIDGE_UNBOUND_HTTPS"));
    let doh = Client::builder().tls(TlsLayer::new(trusting())).build();
    let over_tls = (named("SKYBRIDGE_UNBOUND_TLS").parse().unwrap(), "a.test".into());
    let resolvers = [
        ("UDP", Hickory::new([named("SKYBRIDGE_UNBOUND").parse().unwrap()]).unwrap()),
        ("TLS", Hickory::over_tls([over_tls], trusting().tls_connector().no_alpn()).unwrap()),
        ("HTTPS", Hickory::over_https(&url, doh.clone()).unwrap()),
    ];
    for (over, resolver) in resolvers {
        let before = asked_unbound("a.test").len();
        let resolver = CacheLayer::new().layer(resolver);
        let client = Client::builder().tls(TlsLayer::new(trusting())).resolver(resolver).build();
        for _ in 0..2 {
            let request = Request::get("https://a.test/").body(RequestBody::empty()).unwrap();
            let response = client.request(request).await.unwrap();
            let info = response.connection().unwrap();
            assert_eq!(info.remote.to_string(), named("SKYBRIDGE_NGINX_TLS"), "{over}");
            assert_eq!(info.protocol, Some(Protocol::Http2));
        }
        let mut asked = asked_unbound("a.test").split_off(before);
        asked.sort();
        assert_eq!(asked, ["A IN", "AAAA IN", "HTTPS IN"], "{over}: each once");
    }
    let stats = doh.stats();
    assert_eq!(stats.idle + stats.active, 1, "one connection of HTTP/2 for all questions: {stats:?}");
}

/// What unbound says where there is nothing to say.
#[tokio::test]
async fn names_that_unbound_does_not_know_and_its_own_errors_are_told() {
    let doh = Client::builder().tls(TlsLayer::new(trusting())).build();
    let get = async |path: &str, name: &str| {
        let url = format!("https://{}{path}", named("SKYBRIDGE_UNBOUND_HTTPS"));
        let client = Client::builder().resolver(Hickory::over_https(&url, doh.clone()).unwrap()).build();
        client.get(format!("http://{name}/")).await.unwrap_err()
    };
    let error = get("/dns-query", "nobody.test").await;
    let text = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let text: Vec<_> = text.map(ToString::to_string).collect();
    assert!(text.join(": ").contains("`nobody.test` was not found"), "{text:?}");
    let error = get("/elsewhere", "a.test").await;
    let Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
    let cause = error.source_as::<DohError>();
    assert!(matches!(cause, Some(DohError::Status(status)) if *status == 404), "{error:?}");
}

/// Nobody listens on 443: the port is the record's.
#[tokio::test]
async fn an_https_record_of_dnsmasq_leads_to_the_port_of_an_origin() {
    let hickory = Hickory::new([named("SKYBRIDGE_DNSMASQ").parse().unwrap()]).unwrap();
    let resolver = CacheLayer::new().layer(hickory);
    let client = Client::builder().tls(TlsLayer::new(trusting())).resolver(resolver).build();
    for _ in 0..2 {
        let request = Request::get("https://a.test/").body(RequestBody::empty()).unwrap();
        let response = client.request(request).await.unwrap();
        let info = response.connection().unwrap();
        assert_eq!(info.remote.to_string(), named("SKYBRIDGE_NGINX_TLS"));
        assert_eq!(info.protocol, Some(Protocol::Http2));
    }
    let log = fs::read_to_string(named("SKYBRIDGE_DNSMASQ_LOG")).unwrap();
    for kind in ["A", "AAAA", "HTTPS"] {
        let asked = log.lines().filter(|line| line.contains(&format!("query[{kind}] a.test"))).count();
        assert_eq!(asked, 1, "{kind}: {log}");
    }
}

/// NSS has none of our code: what it takes for a server of Encrypted Client Hello, the client can be tested with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nss_is_accepted_by_the_encrypted_hello_of_the_test_kit() {
    let (root, keys, others) = (Ca::new("root"), EchKeys::new("public.test"), EchKeys::new("public.test"));
    let origin = Origin::h1().tls(&root.leaf(["a.test"])).ech(&keys, &root.leaf(["public.test"])).start().await;
    // From a pipe it would read on for ever.
    let request = Path::new(env!("CARGO_TARGET_TMPDIR")).join("request");
    fs::write(&request, "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").unwrap();
    for (list, accepted) in [(keys.list(), true), (others.list(), false)] {
        // It overrides that it doesn't trust the root.
        let client = Command::new(named("SKYBRIDGE_TSTCLNT"))
            .args(["-D", "-o", "-V", "tls1.3:tls1.3", "-a", "a.test", "-h", "127.0.0.1", "-p"])
            .args([&origin.addr().port().to_string(), "-N", &STANDARD.encode(list)])
            .stdin(File::open(&request).unwrap())
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&client.stdout), String::from_utf8_lossy(&client.stderr));
        assert_eq!(out.contains("hello"), accepted, "{out} {err}");
        assert_eq!(err.contains("ECH"), !accepted, "{out} {err}");
    }
    let shown: Vec<_> = origin.outer_hellos().into_iter().map(|hello| (hello.sni.unwrap(), hello.decrypted)).collect();
    assert_eq!(shown, [("public.test".into(), true), ("public.test".into(), false)]);
    assert_eq!(origin.handshakes()[0].sni.as_deref(), Some("a.test"));
}
