//! A real DNS server, started by `cargo xtask interop`; what each variable names is in `xtask/fixtures/README.md`.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use skybridge::{CacheLayer, Client, Hickory, Protocol, RequestBody, ResponseExt, Roots, TlsConfig, TlsLayer};
use skybridge_testkit::{certs::Ca, ech::EchKeys, origin::Origin};
use skybridge_tests::{certificate, named};
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};
use tower::Layer;

/// Nobody listens on 443: the port is the record's.
#[tokio::test]
async fn an_https_record_of_dnsmasq_leads_to_the_port_of_an_origin() {
    let root = fs::read(certificate("root.pem")).unwrap();
    let config = TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&root).build().unwrap();
    let hickory = Hickory::new([named("SKYBRIDGE_DNSMASQ").parse().unwrap()]).unwrap();
    let resolver = CacheLayer::new().layer(hickory);
    let client = Client::builder().tls(TlsLayer::new(config)).resolver(resolver).build();
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
    for (list, accepted) in [(keys.list(), true), (others.list(), false)] {
        // It overrides that it doesn't trust the root, and reads its request.
        let mut client = Command::new(named("SKYBRIDGE_TSTCLNT"))
            .args(["-D", "-o", "-V", "tls1.3:tls1.3", "-a", "a.test", "-h", "127.0.0.1", "-p"])
            .args([&origin.addr().port().to_string(), "-N", &STANDARD.encode(list)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").unwrap();
        drop(stdin);
        let output = client.wait_with_output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(out.ends_with("hello"), accepted, "{out} {err}");
        println!("{out} {err}");
    }
    let shown: Vec<_> = origin.outer_hellos().into_iter().map(|hello| (hello.sni.unwrap(), hello.decrypted)).collect();
    assert_eq!(shown, [("public.test".into(), true), ("public.test".into(), false)]);
    assert_eq!(origin.handshakes()[0].sni.as_deref(), Some("a.test"));
}
