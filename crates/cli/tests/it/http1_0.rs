//! `--http1.0` and `--proxy1.0`.

use crate::{
    cleartext::echo,
    ran::{fed, skybridge},
};
use skybridge_testkit::h1::Script;
use tokio::net::TcpListener;

#[tokio::test]
async fn each_request_says_http_1_0_and_has_a_connection() {
    let origin = echo().await;
    let url = origin.url("/");
    let ran = skybridge(["-0", "-d", "x", "-v", &url, &url]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "xx"), "{}", ran.err);
    assert!(origin.requests().iter().all(|seen| seen.version == http::Version::HTTP_10));
    assert_eq!(origin.connections(), 2);
    let ran = fed(["--http1.0", "-T", "-", &url], "of no known length").await;
    assert_eq!((ran.exit, origin.requests().len()), (25, 2), "{}", ran.err);
    // What comes last counts, and parts without it have another connection.
    let ran = skybridge(["-0", "--http1.1", &url, "--next", "-0", &url]).await;
    let versions: Vec<_> = origin.requests()[2..].iter().map(|seen| seen.version).collect();
    assert_eq!((ran.exit, versions), (0, vec![http::Version::HTTP_11, http::Version::HTTP_10]), "{}", ran.err);
}

#[tokio::test]
async fn a_proxy_is_asked_for_tunnels_by_http_1_0() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let mut peer = Script::new(listener.accept().await.unwrap().0);
        let asked = peer.request().await.head().to_owned();
        peer.send("HTTP/1.0 200 Connected\r\n\r\n").await;
        let sent = peer.request().await.head().to_owned();
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        (asked, sent)
    });
    let ran = skybridge(["-x", "socks5://nobody.invalid", "--proxy1.0", &proxy, "-p", "http://a.test/"]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "ok"), "{}", ran.err);
    let (asked, sent) = serving.await.unwrap();
    assert!(asked.starts_with("CONNECT a.test:80 HTTP/1.0\r\n"), "{asked}");
    assert!(sent.starts_with("GET / HTTP/1.1\r\n"), "{sent}");
    let ran = skybridge(["--proxy1.0", "socks5://p.test", "http://a.test/"]).await;
    assert!(ran.exit == 2 && ran.err.contains("not an HTTP proxy"), "{}", ran.err);
}
