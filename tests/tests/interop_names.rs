//! A real DNS server, started by `cargo xtask interop`; what each variable names is in `xtask/fixtures/README.md`.

use http::Request;
use skybridge::{CacheLayer, Client, Hickory, Protocol, RequestBody, ResponseExt, Roots, TlsConfig, TlsLayer};
use skybridge_tests::{certificate, named};
use std::fs;
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
