//! What is told of certificates, and of what proxies say on the way to a tunnel.

use crate::ran::{Ran, fed_in, reports, skybridge};
use skybridge_testkit::{
    certs::{Ca, Cert},
    h1::Script,
    origin::Origin,
    proxy::ProxyServer,
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

/// An authority, its file, and a place for others.
struct Desk {
    ca: Ca,
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { ca: Ca::new("a root"), folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.file("ca.pem"), desk.ca.pem()).unwrap();
        desk
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks `a.test` at this address.
    async fn run(&self, origin: SocketAddr, arguments: &[&str]) -> Ran {
        let port = origin.port();
        let resolve = format!("--resolve=a.test:{port}:127.0.0.1");
        let trust = format!("--cacert={}", self.file("ca.pem").display());
        let url = format!("https://a.test:{port}/");
        skybridge([resolve.as_str(), &trust].iter().chain(arguments).copied().chain([url.as_str()])).await
    }
}

/// The lines of `-v` that have this, without their marks.
fn lines<'a>(ran: &'a Ran, with: &str) -> Vec<&'a str> {
    ran.err.lines().filter(|line| line.contains(with)).map(|line| line[2..].trim()).collect()
}

async fn h1(cert: &Cert) -> Origin {
    Origin::h1().tls(cert).start().await
}

#[tokio::test]
async fn v_tells_whose_certificate_it_is_and_how_long_it_is_valid() {
    let desk = Desk::new();
    let cert = desk
        .ca
        .intermediate("between")
        .expiring(["b.test", "*.c.test", "a.test"], Duration::from_secs(12 * 86_400 + 60));
    let ran = desk.run(h1(&cert).await.addr(), &["-v"]).await;
    assert_eq!(lines(&ran, "certificate of a.test"), ["certificate of a.test (verified):"], "{}", ran.err);
    assert_eq!(lines(&ran, "names: "), ["names: DNS:a.test (matches), DNS:b.test, DNS:*.c.test"]);
    assert_eq!(lines(&ran, "issuer: "), ["issuer: CN=between"]);
    let valid = lines(&ran, "valid: ")[0];
    assert!(valid.starts_with("valid: from 1975-01-01 00:00:00 UTC to ") && valid.ends_with(", expires in 12 days"));
    assert_eq!(lines(&ran, "key: "), ["key: EC P-256 (256 bits), signed with ecdsa-with-SHA256"]);
    assert_eq!(lines(&ran, "sent with"), ["sent with another:"]);
    assert!(lines(&ran, "CN=between, issued by CN=a root, expires in ").len() == 1, "{}", ran.err);
}

#[tokio::test]
async fn v_says_that_nothing_was_verified_and_what_is_wrong() {
    let desk = Desk::new();
    let ran = desk.run(h1(&desk.ca.expired(["b.\u{1b}[2J.test"])).await.addr(), &["-v", "-k"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(lines(&ran, "certificate of"), ["certificate of a.test (NOT verified):"]);
    assert_eq!(lines(&ran, "names: "), ["names: DNS:b.\\1b[2J.test (NONE matches)"]);
    assert!(lines(&ran, "EXPIRED ")[0].ends_with(" days ago") && !ran.err.contains('\u{1b}'), "{}", ran.err);
}

#[tokio::test]
async fn the_report_and_w_have_all_certificates() {
    let desk = Desk::new();
    let cert = desk.ca.intermediate("between").leaf(["a.test"]);
    let format = "%{num_certs} %{http_connect} %{certs}";
    let report = desk.file("report");
    let arguments = ["--report", report.to_str().unwrap(), "-w", format, "-o", "/dev/null"];
    let ran = desk.run(h1(&cert).await.addr(), &arguments).await;
    let certificates = cert.chain_pem();
    let (first, second) = certificates.split_at(certificates[1..].find("-----BEGIN").unwrap() + 1);
    assert!(ran.out.starts_with("2 000 Subject:") && ran.out.ends_with(second), "{}", ran.out);
    for part in [first, "\nIssuer:CN=between\n", "\nX509v3 Subject Alternative Name:DNS:a.test\n"] {
        assert!(ran.out.contains(part), "{part}");
    }
    assert!(ran.out.contains("\nStart date:Jan  1 00:00:00 1975 GMT\nExpire date:Jan  1 00:00:00 4096 GMT\n"));
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let told = report["connection"]["tls"]["certificates"].as_array().unwrap();
    assert_eq!((told.len(), &told[0]["names"], &told[0]["pin"]), (2, &["DNS:a.test"].into(), &cert.pin().into()));
    assert_eq!((&told[1]["subject"], &told[1]["is_ca"]), (&"CN=between".into(), &true.into()));
    assert_eq!((&told[0]["not_after"], &told[0]["key"]["bits"]), (&"4096-01-01T00:00:00.000Z".into(), &256.into()));
    assert_eq!(report["proxies"], serde_json::json!([]));
}

const REFUSAL: &str = "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n";

/// A proxy that asks who it is, and then leads to this origin.
async fn asking(origin: SocketAddr) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let mut peer = Script::new(listener.accept().await.unwrap().0);
        peer.head().await;
        peer.send(REFUSAL).await;
        peer.head().await;
        peer.send("HTTP/1.1 200 Connection Established\r\nVia: 1.1 squid\r\n\r\n").await;
        let mut upstream = tokio::net::TcpStream::connect(origin).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut peer.into_parts().0, &mut upstream).await;
    });
    (address, serving)
}

#[tokio::test]
async fn v_shows_each_connect_and_each_answer_and_no_credentials() {
    let desk = Desk::new();
    let origin = h1(&desk.ca.leaf(["a.test"])).await;
    for (flag, credentials) in [(&[][..], "[hidden]"), (&["--show-secrets"], "Basic bWU6aHVudGVyMg==")] {
        let (proxy, serving) = asking(origin.addr()).await;
        let proxy = format!("http://{proxy}");
        let arguments = ["-v", "--proxy-anyauth", "-U", "me:hunter2", "-x", &proxy];
        let ran = desk.run(origin.addr(), &[&arguments, flag].concat()).await;
        serving.abort();
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let asked = format!("> CONNECT a.test:{} HTTP/1.1", origin.addr().port());
        let said = ran.err.lines().filter(|line| line.starts_with(['<', '>'])).collect::<Vec<_>>();
        let expected = [
            &*asked,
            "< HTTP/1.1 407 Who?",
            "< proxy-authenticate: Basic realm=\"x\"",
            &asked,
            &format!("> proxy-authorization: {credentials}"),
            "< HTTP/1.1 200 Connection Established",
            "< via: 1.1 squid",
            "> GET / HTTP/1.1",
        ];
        let mut rest = said.iter();
        assert!(expected.iter().all(|line| rest.any(|said| said == line)), "{said:#?}");
    }
}

#[tokio::test]
async fn i_and_d_and_w_and_the_report_have_the_proxys_answers() {
    let desk = Desk::new();
    let origin = h1(&desk.ca.leaf(["a.test"])).await;
    for suppressed in [false, true] {
        let (proxy, serving) = asking(origin.addr()).await;
        let (proxy, dump, report) = (format!("http://{proxy}"), desk.file("dump"), desk.file("report"));
        let mut arguments = vec!["-i", "--proxy-anyauth", "-U", "me:hunter2", "-x", &proxy];
        arguments.extend([
            "-D",
            dump.to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
            "-w",
            " %{http_connect}",
        ]);
        arguments.extend(suppressed.then_some("--suppress-connect-headers"));
        let ran = desk.run(origin.addr(), &arguments).await;
        serving.abort();
        let answers = format!("{}HTTP/1.1 200 Connection Established\r\nVia: 1.1 squid\r\n\r\n", REFUSAL);
        let head = if suppressed { "HTTP/1.1 200 OK\r\n" } else { &answers };
        let dump = std::fs::read_to_string(dump).unwrap();
        assert!(ran.out.starts_with(head) && ran.out.ends_with("hello 200") && dump.starts_with(head), "{}", ran.out);
        let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
        let [told] = report["proxies"].as_array().unwrap().as_slice() else { panic!("{report}") };
        let statuses: Vec<_> =
            told["answers"].as_array().unwrap().iter().map(|answer| answer["status"].clone()).collect();
        assert_eq!((statuses, &told["proxy"]), (vec![407.into(), 200.into()], &proxy.into()));
        assert!(told["tls"].is_null());
        assert_eq!(told["answers"][1]["headers"], serde_json::json!([["via", "1.1 squid"]]));
    }
}

#[tokio::test]
async fn the_certificate_of_a_proxy_and_the_steps_of_socks_are_told_as_theirs() {
    let desk = Desk::new();
    let origin = h1(&desk.ca.leaf(["a.test"])).await;
    let over_tls = ProxyServer::http().tls(&desk.ca.leaf(["127.0.0.1"])).host("a.test", origin.addr()).start().await;
    let proxy = format!("https://{}", over_tls.addr());
    let trust = format!("--proxy-cacert={}", desk.file("ca.pem").display());
    let ran = desk.run(origin.addr(), &["-v", "--report", "-", "-x", &proxy, &trust]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(lines(&ran, "certificate of ").len(), 2, "{}", ran.err);
    assert!(
        ran.err.contains(&format!(" with the proxy {proxy}\n*   certificate of 127.0.0.1 (verified):\n")),
        "{}",
        ran.err
    );
    let told = &reports(&ran)[0]["proxies"][0];
    assert_eq!(told["tls"]["certificates"][0]["names"], serde_json::json!(["IP Address:127.0.0.1"]));

    let socks = ProxyServer::socks5().host("a.test", origin.addr()).start().await;
    let proxy = format!("socks5h://{}", socks.addr());
    let ran = desk.run(origin.addr(), &["-v", "-x", &proxy]).await;
    let asked = format!("asked for a.test:{}", origin.addr().port());
    let steps = ["no authentication offered", "it wants no authentication", &asked, "granted"];
    assert_eq!(lines(&ran, "SOCKS with"), steps.map(|step| format!("SOCKS with {proxy}: {step}")));
}

#[tokio::test]
async fn a_key_log_is_written_by_the_flag_and_not_by_the_environment() {
    let desk = Desk::new();
    let origin = h1(&desk.ca.leaf(["a.test"])).await;
    let (log, other) = (desk.file("keys"), desk.file("others"));
    let url = format!("https://a.test:{}/", origin.addr().port());
    let resolve = format!("--resolve=a.test:{}:127.0.0.1", origin.addr().port());
    let trust = format!("--cacert={}", desk.file("ca.pem").display());
    let flag = format!("--sslkeylogfile={}", log.display());
    for flags in [&[][..], &[&*flag], &[&*flag]] {
        let arguments = [&[&*resolve, &trust], flags, &[&*url]].concat();
        let ran = fed_in(&[("SSLKEYLOGFILE", other.as_os_str())], arguments, "").await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
    }
    assert!(!other.exists());
    let lines = std::fs::read_to_string(&log).unwrap();
    let secrets = lines.lines().filter(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")).count();
    assert_eq!(secrets, 2, "{lines}");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&log).unwrap().permissions()) & 0o777, 0o600);

    let nowhere = format!("--sslkeylogfile={}", desk.file("no/folder").display());
    let ran = skybridge([&resolve, &trust, &nowhere, &url]).await;
    assert_eq!((ran.exit, origin.connections()), (23, 3), "{}", ran.err);
    assert!(ran.err.contains("the key log ") && ran.err.contains("no/folder can't be opened"), "{}", ran.err);
}
