//! Whom names are asked for.

use crate::ran::skybridge;
use http::{Response, header::CONTENT_TYPE};
use http_body_util::Full;
use skybridge_testkit::{
    certs::Ca,
    closed::Closed,
    dns::{self, DnsServer, Reply},
    origin::Origin,
};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn given_dns_servers_are_asked_once_for_each_name() {
    let origin = Origin::h1().start().await;
    let server = DnsServer::start(|_| Reply::Addresses(vec![[127, 0, 0, 1].into()], 60)).await;
    let servers = server.addr().to_string();
    let url = format!("http://a.test:{}/", origin.addr().port());
    let ran = skybridge(["--dns-servers", &servers, "--no-reuse", "--repeat", "2", &url]).await;
    assert_eq!((ran.exit, ran.out.as_str(), origin.connections()), (0, "hellohello", 2), "{}", ran.err);
    let asked = server.asked();
    for question in ["a.test A", "a.test AAAA"] {
        assert_eq!(asked.iter().filter(|asked| *asked == question).count(), 1, "{asked:?}");
    }
}

#[tokio::test]
async fn a_name_that_no_given_server_knows_is_not_resolved() {
    let server = DnsServer::start(|_| Reply::NotFound).await;
    let servers = server.addr().to_string();
    let ran = skybridge(["--dns-servers", &servers, "http://nobody.test/"]).await;
    assert_eq!(ran.exit, 6, "{}", ran.err);
    assert!(ran.err.contains("nobody.test"), "{}", ran.err);
}

/// It was a timeout: 28, after 10 s.
#[tokio::test]
async fn a_given_server_that_is_not_there_is_exit_6() {
    let closed = Closed::udp();
    let nobody = closed.addr().to_string();
    let ran = skybridge(["--dns-servers", &nobody, "http://a.test/"]).await;
    assert_eq!(ran.exit, 6, "{}", ran.err);
    assert!(ran.err.contains("refused") && ran.err.contains(&nobody), "{}", ran.err);
}

#[tokio::test]
async fn a_server_that_is_no_address_is_refused_before_anything_is_sent() {
    let ran = skybridge(["--dns-servers", "dns.test", "http://a.test/"]).await;
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("--dns-servers \"dns.test\": not addresses of DNS servers"), "{}", ran.err);
    for name in ["a b", "a\u{ff0f}b.test"] {
        let ran = skybridge(["--dns-servers", &format!("tls://127.0.0.1#{name}"), "http://a.test/"]).await;
        let told = format!(": the host `{name}` is not a host name; nearest: ");
        assert!(ran.exit == 2 && ran.err.contains(&told), "{}", ran.err);
    }
}

#[tokio::test]
async fn servers_over_tls_prove_their_name_even_to_who_is_insecure() {
    let (origin, root) = (Origin::h1().start().await, Ca::new("root"));
    let server = DnsServer::start(|_| Reply::Addresses(vec![[127, 0, 0, 1].into()], 60)).await;
    let (listener, inner) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), server.addr());
    let front = listener.local_addr().unwrap();
    let cert = root.leaf(["dns.test", "xn--bcher-kva.test"]);
    let acceptor = TlsAcceptor::from(Arc::new(cert.server(&["dot"])));
    let _front = tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut plain = TcpStream::connect(inner).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let cacert = folder.path().join("root.pem");
    std::fs::write(&cacert, root.pem()).unwrap();
    let (cacert, url) = (cacert.to_string_lossy(), format!("http://a.test:{}/", origin.addr().port()));
    // As URLs' hosts are, in either form.
    for (name, exit) in [("dns.test", 0), ("b\u{fc}cher.test", 0), ("other.test", 60)] {
        let servers = format!("tls://{front}#{name}");
        let ran = skybridge(["-k", "--cacert", &cacert, "--dns-servers", &servers, &url]).await;
        assert_eq!(ran.exit, exit, "{}", ran.err);
        assert_eq!(ran.err.contains("certificate"), exit != 0, "{}", ran.err);
    }
    // Lists of who is revoked, and pins by name, are for them too; what is only reported is so of them.
    let list = folder.path().join("list.crl");
    std::fs::write(&list, root.crl([&cert], (2020, 4000))).unwrap();
    let (list, servers) = (list.to_string_lossy(), format!("tls://{front}#dns.test"));
    let pin = format!("dns.test={}", Ca::new("other").pin());
    for (flags, exit) in
        [(&["--crlfile", &*list][..], 60), (&["--pin", &pin], 90), (&["--pin", &pin, "--pin-report-only"], 0)]
    {
        let fixed = ["-k", "--cacert", &cacert, "--dns-servers", &servers, &url];
        let ran = skybridge([flags, &fixed].concat()).await;
        assert_eq!(ran.exit, exit, "{flags:?}: {}", ran.err);
    }
    assert!(server.asked().iter().all(|asked| asked.ends_with(" tcp")), "{:?}", server.asked());
}

/// A server over HTTPS, which is `dns.test` and `bücher.test`, and says that every name is this machine; and a file
/// with its root.
struct Doh {
    origin: Origin,
    _folder: TempDir,
    cacert: PathBuf,
}

impl Doh {
    async fn start() -> Self {
        let root = Ca::new("root");
        let origin = Origin::h2c().handle(|request| async move {
            let query = dns::query_in(request.uri()).unwrap();
            let reply = Reply::Addresses(vec![[127, 0, 0, 1].into()], 60).message(&query).unwrap();
            let response = Response::builder().header(CONTENT_TYPE, "application/dns-message");
            response.body(Full::from(reply)).unwrap()
        });
        let origin = origin.tls(&root.leaf(["dns.test", "xn--bcher-kva.test"])).start().await;
        let folder = tempfile::tempdir().unwrap();
        let cacert = folder.path().join("root.pem");
        std::fs::write(&cacert, root.pem()).unwrap();
        Self { origin, _folder: folder, cacert }
    }

    fn port(&self) -> u16 {
        self.origin.addr().port()
    }

    fn url(&self) -> String {
        format!("https://dns.test:{}/dns-query", self.port())
    }

    /// For `--resolve`: the server's own name.
    fn at(&self) -> String {
        format!("dns.test:{}:127.0.0.1", self.port())
    }
}

#[tokio::test]
async fn a_server_over_https_is_asked_over_one_connection_for_all_but_what_is_known() {
    let (doh, origin) = (Doh::start().await, Origin::h1().start().await);
    let port = origin.addr().port();
    let (cacert, url, at) = (doh.cacert.to_string_lossy(), doh.url(), doh.at());
    let known = format!("c.test:{port}:127.0.0.1");
    let urls = ["a.test", "b.test", "a.test", "c.test", "localhost", "127.0.0.1"];
    let urls = urls.map(|host| format!("http://{host}:{port}/"));
    let flags = ["--doh-url", &url, "--cacert", &cacert, "--resolve", &at, "--resolve", &known, "--no-reuse"];
    let ran = skybridge(flags.into_iter().chain(urls.iter().map(String::as_str))).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello".repeat(6).as_str()), "{}", ran.err);
    assert_eq!((doh.origin.connections(), doh.origin.requests().len()), (1, 4), "two families of two names");
}

#[tokio::test]
async fn the_name_of_a_server_over_https_is_converted_as_those_of_urls_are() {
    let (doh, origin) = (Doh::start().await, Origin::h1().start().await);
    let (cacert, port) = (doh.cacert.to_string_lossy(), doh.port());
    let url = format!("https://BU\u{308}CHER\u{3002}test:{port}/dns-query");
    let at = format!("b\u{fc}cher.test:{port}:127.0.0.1");
    let to = format!("http://a.test:{}/", origin.addr().port());
    let ran = skybridge(["--doh-url", &url, "--cacert", &cacert, "--resolve", &at, &to]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "hello"), "{}", ran.err);
    assert_eq!(doh.origin.requests().len(), 2);
}

#[tokio::test]
async fn a_server_over_https_is_asked_without_the_proxies_of_what_is_fetched() {
    let (doh, proxy) = (Doh::start().await, Origin::h1().start().await);
    let (cacert, url, at) = (doh.cacert.to_string_lossy(), doh.url(), doh.at());
    let proxy_url = format!("http://p.test:{}", proxy.addr().port());
    let flags = ["--doh-url", &url, "--cacert", &cacert, "--resolve", &at, "-x", &proxy_url, "http://a.test/"];
    let ran = skybridge(flags).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
    assert_eq!(doh.origin.requests().len(), 2, "for the proxy's name");
    assert_eq!(proxy.requests().len(), 1);
}

#[tokio::test]
async fn a_server_over_https_proves_its_name_even_to_who_is_insecure() {
    let (doh, origin) = (Doh::start().await, Origin::h1().start().await);
    let (cacert, at) = (doh.cacert.to_string_lossy(), doh.at());
    let url = format!("http://a.test:{}/", origin.addr().port());
    // A name that it hasn't, and a root that is not trusted.
    let other = format!("https://other.test:{}/dns-query", doh.port());
    let at_other = format!("other.test:{}:127.0.0.1", doh.port());
    let rows: [(&[&str], i32); 4] = [
        (&["--doh-url", &doh.url(), "--resolve", &at, "--cacert", &cacert], 0),
        (&["--doh-url", &doh.url(), "--resolve", &at, "-k"], 6),
        (&["--doh-url", &other, "--resolve", &at_other, "--cacert", &cacert, "-k"], 6),
        (&["--doh-url", &other, "--resolve", &at_other, "--doh-insecure"], 0),
    ];
    for (flags, exit) in rows {
        let ran = skybridge(flags.iter().copied().chain([&*url])).await;
        assert_eq!(ran.exit, exit, "{flags:?}: {}", ran.err);
        assert_eq!(ran.err.contains("certificate"), exit != 0, "{}", ran.err);
    }
}

#[tokio::test]
async fn a_url_that_is_not_over_https_is_refused_before_anything_is_sent() {
    let rows = [
        ("http://127.0.0.1/dns-query", "http://127.0.0.1/dns-query"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
        ("https://alice:s3cret@127.0.0.1/", "https://[hidden]@127.0.0.1/"),
        ("https://a\u{ff0f}b.test/", "https://a\u{ff0f}b.test/"),
    ];
    for (url, shown) in rows {
        let ran = skybridge(["--doh-url", url, "http://a.test/"]).await;
        assert_eq!(ran.exit, 2, "{}", ran.err);
        assert!(
            ran.err.contains(&format!("--doh-url {shown}: the URL of the DNS server")) && !ran.err.contains("s3cret"),
            "{}",
            ran.err
        );
    }
    let ran = skybridge(["--doh-cert-status", "--doh-url", "https://127.0.0.1/", "http://a.test/"]).await;
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("--doh-cert-status"), "{}", ran.err);
}
