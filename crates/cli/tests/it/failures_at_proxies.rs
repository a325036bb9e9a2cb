//! What a person reads when something fails with a proxy on the way: whom to look at, and by which flags.

use crate::ran::{Ran, fed_in, skybridge};
use skybridge_testkit::{
    certs::{Ca, SelfSigned},
    closed::Closed,
    origin::Origin,
    proxy::ProxyServer,
};
use std::fs;
use tempfile::TempDir;

/// The one line on stderr, with these words in place of their ports.
fn told(ran: &Ran, ports: &[(u16, &str)]) -> String {
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let line = ran.err.trim_end().strip_prefix("skybridge: ").unwrap().to_owned();
    ports.iter().fold(line, |line, (port, name)| line.replace(&format!(":{port}"), &format!(":{name}")))
}

/// A file with an authority.
fn file_of(ca: &Ca) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, ca.pem()).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

const TRUST: &str = "check the URL of --proxy; --proxy-cacert FILE trusts it";

#[tokio::test]
async fn a_proxy_that_cannot_prove_who_it_is_has_flags_of_its_own() {
    let (ca, own) = (Ca::new("a root"), SelfSigned::new(["127.0.0.1"]).make());
    let (_folder, file) = file_of(&ca);
    let rows = [
        (ProxyServer::http().tls(&own), "certificate is self-signed, and not trusted"),
        (ProxyServer::http().tls(&ca.leaf(["p.test"])), "certificate is for p.test, not for 127.0.0.1"),
    ];
    for (proxy, why) in rows {
        let proxy = proxy.start().await;
        let ran = skybridge(["-x", &proxy.url(), "--proxy-cacert", &file, "https://a.test/"]).await;
        let line = told(&ran, &[(proxy.addr().port(), "PROXY")]);
        let at = "(60) https://a.test: TLS to the proxy https://127.0.0.1:PROXY failed";
        assert_eq!(line, format!("{at}: {why} (nothing was sent); {TRUST}"));
    }
    let plain = Origin::h1().start().await;
    let ran = skybridge(["-x", &format!("https://{}", plain.addr()), "https://a.test/"]).await;
    assert_eq!(
        told(&ran, &[(plain.addr().port(), "PROXY")]),
        "(35) https://a.test: TLS to the proxy https://127.0.0.1:PROXY failed: the peer does not speak TLS (nothing was sent); check the URL of --proxy: http://, https://, socks4://, socks5://"
    );
}

#[tokio::test]
async fn an_origin_behind_a_proxy_is_not_told_by_the_proxys_address() {
    let own = SelfSigned::new(["127.0.0.1"]).make();
    let origin = Origin::h1().tls(&own).start().await;
    let proxy = ProxyServer::http().start().await;
    let ran = skybridge(["-x", &proxy.url(), &origin.url("/")]).await;
    assert_eq!(
        told(&ran, &[(origin.addr().port(), "PORT"), (proxy.addr().port(), "PROXY")]),
        "(60) https://127.0.0.1:PORT: TLS via http://127.0.0.1:PROXY failed: certificate is self-signed, and not trusted (nothing was sent); trust that one certificate: --cacert FILE"
    );
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_called_one_and_so_is_the_variable_that_may_name_it() {
    const CHECK: &str = "check --proxy, or the variable that names it (skybridge explain says which), and that it runs";
    let nobody = Closed::tcp();
    let ports = [(nobody.addr().port(), "PROXY")];
    let url = format!("http://{}", nobody.addr());
    let ran = fed_in(&[("https_proxy", &*url)], ["https://a.test/"], "").await;
    let line = "TCP to the proxy http://127.0.0.1:PROXY failed: connection refused (nothing was sent)";
    assert_eq!(told(&ran, &ports), format!("(7) https://a.test: {line}; {CHECK}"));
    let ran = skybridge(["-x", "http://proxy.invalid:3128", "https://a.test/"]).await;
    let line = "the name lookup of the proxy http://proxy.invalid:3128 failed: `proxy.invalid` was not found";
    assert_eq!(told(&ran, &[]), format!("(5) https://a.test: {line} (nothing was sent); {CHECK}"));
}

#[tokio::test]
async fn a_name_that_only_the_proxy_may_know_is_asked_of_it() {
    let proxy = ProxyServer::socks5().start().await;
    let ran = skybridge(["-x", &proxy.url().replace("socks5h", "socks5"), "http://inside.invalid/"]).await;
    assert_eq!(
        told(&ran, &[(proxy.addr().port(), "PROXY")]),
        "(6) http://inside.invalid: the name lookup (to go via socks5://127.0.0.1:PROXY) failed: `inside.invalid` was not found (nothing was sent); let the proxy look it up: socks5h:// or socks4a://; or check the spelling"
    );
}

#[tokio::test]
async fn what_a_proxy_cannot_reach_is_no_fault_of_its_own() {
    let proxy = ProxyServer::http().status(502, "no").start().await;
    let ran = skybridge(["-x", &proxy.url(), "https://a.test/"]).await;
    let line = told(&ran, &[]);
    assert!(
        line.ends_with("; check the host and the port; --noproxy LIST names the hosts that need no proxy"),
        "{line}"
    );
}
