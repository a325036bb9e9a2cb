//! Secrets for a proxy are in no output.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::{World, all_of};
use skybridge_core::{Proxy, RequestOptions};

/// `alice:hidden`, as it is sent to an HTTP proxy.
const ENCODED: &str = "YWxpY2U6aGlkZGVu";

#[tokio::test(start_paused = true)]
async fn secrets_are_in_no_debug_error_or_event() {
    let refusal =
        "HTTP/1.1 407 alice\r\nset-cookie: hidden\r\nx-echo: Basic YWxpY2U6aGlkZGVu\r\ncontent-length: 6\r\n\r\nhidden";
    let answers: [(&str, Vec<u8>); 6] = [
        ("http://alice:hidden@proxy.test", refusal.into()),
        ("http://alice:hidden@proxy.test", format!("{ENCODED} alice:hidden\r\n\r\n").into()),
        ("http://alice:hidden@proxy.test", b"HTTP/1.1 200 OK\r\n\r\nhidden".into()),
        ("socks5h://alice:hidden@proxy.test", b"\x05\x02\x01\x01".into()),
        ("socks5h://alice:hidden@proxy.test", b"hidden".into()),
        ("socks4a://alice:hidden@proxy.test", b"\0\x5b\0\0\0\0\0\0".into()),
    ];
    for (proxy, answer) in answers {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[proxy], async |proxy| {
                proxy.take(4).await;
                proxy.send(answer).await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            })
            .await;
        let route = world.route("https://a.test", &[proxy]);
        let mut message =
            format!("{route:?} {route} {:?} {:?}", RequestOptions::new().proxies(route.proxies.clone()), route.ctx());
        match &linked {
            Ok(link) => message += &format!("{link:?} {:?} {}", link.info, link.info),
            Err(error) => message += &all_of(error),
        }
        let reports = linked.as_ref().err().map(|error| error.attempts().to_vec());
        message += &format!("{:?} {reports:?}", world.recorder.lines());
        let proxy = Proxy::parse(proxy).unwrap();
        message += &format!("{proxy:?} {proxy} {:?}", proxy.auth);
        for secret in ["alice", "hidden", ENCODED] {
            assert!(!message.contains(secret), "`{secret}` in {message}");
        }
    }
}
