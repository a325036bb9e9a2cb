use crate::ran::{reports, skybridge};
use skybridge_testkit::{h1::Script, origin::Origin, proxy::ProxyServer};
use tokio::net::TcpListener;

/// An HTTP proxy that refuses everybody, and counts.
async fn refusing(status: &'static str) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        loop {
            let mut peer = Script::new(listener.accept().await.unwrap().0);
            peer.request().await;
            peer.send(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await;
        }
    });
    (address, serving)
}

#[tokio::test]
async fn a_refused_tunnel_is_exit_97_and_names_no_secret() {
    let (proxy, serving) = refusing("403 Forbidden").await;
    let through = format!("http://me:hunter2@{proxy}");
    let ran = skybridge(["-v", "-x", &through, "--report", "-", "https://a.test/"]).await;
    serving.abort();
    let report = &reports(&ran)[0];
    assert_eq!(
        (ran.exit, &report["error"]["kind"], &report["error"]["phase"]),
        (97, &"proxy".into(), &"tunnel".into())
    );
    assert_eq!(report["attempts"][0]["proxy"], format!("http://{proxy}"));
    assert!(ran.err.contains("403"), "{}", ran.err);
    assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"));
}

#[tokio::test]
async fn the_next_way_is_tried_when_a_proxy_is_gone() {
    let origin = Origin::h1().start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let ran = skybridge(["-x", &format!("http://{gone}"), "-x", "direct://", "--report", "-", &origin.url("/")]).await;
    let report = &reports(&ran)[0];
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let outcomes: Vec<_> = report["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "connected"]);
}

#[tokio::test]
async fn a_proxy_without_a_name_is_exit_5_and_an_exception_goes_directly() {
    let origin = Origin::h1().start().await;
    let ran = skybridge(["-x", "http://nobody.invalid:1", &origin.url("/")]).await;
    assert_eq!(ran.exit, 5, "{}", ran.err);
    let ran = skybridge(["-x", "http://nobody.invalid:1", "--noproxy", "127.0.0.0/8", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"));
}

#[tokio::test]
async fn a_preproxy_leads_to_the_proxy_and_alone_to_the_origin() {
    let origin = Origin::h1().start().await;
    let first = ProxyServer::socks5().user("you", "hunter2").start().await;
    let second = ProxyServer::http().user("me", "hunter3").start().await;
    let preproxy = format!("socks5h://you:hunter2@{}", first.addr());
    let ran = skybridge([
        "-v",
        "--preproxy",
        &preproxy,
        "-x",
        &second.url(),
        "-U",
        "me:hunter3",
        "--report",
        "-",
        &origin.url("/"),
    ])
    .await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert_eq!(first.asked()[0].line, format!("SOCKS5 {}", second.addr()));
    assert_eq!(second.asked()[0].line, format!("GET {} HTTP/1.1", origin.url("/")));
    assert_eq!(reports(&ran)[0]["connection"]["proxy"], format!("{}, {}", first.url(), second.url()));
    assert!(!ran.err.contains("hunter") && !ran.out.contains("hunter"), "a password is told: {}", ran.err);

    let ran = skybridge(["--preproxy", &preproxy, &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
    assert_eq!(first.asked()[1].line, format!("SOCKS5 {}", origin.addr()));
    let ran = skybridge(["--preproxy", &preproxy, "--noproxy", "*", &origin.url("/")]).await;
    assert_eq!((ran.exit, first.connections()), (0, 2), "{}", ran.err);
}

#[tokio::test]
async fn plain_http_goes_through_a_tunnel_when_it_is_asked_for() {
    let origin = Origin::h1().start().await;
    let proxy = ProxyServer::http().user("me", "hunter2").start().await;
    let ran = skybridge(["-p", "-x", &proxy.url(), "-U", "me:hunter2", "--repeat", "2", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hellohello"), "{}", ran.err);
    let asked: Vec<_> = proxy.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(asked, [format!("CONNECT {} HTTP/1.1", origin.addr())]);
    assert!(origin.seen().iter().all(|seen| seen.header("proxy-authorization").is_none() && seen.uri.path() == "/"));
}
