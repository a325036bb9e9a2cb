//! SOCKS, byte by byte.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use self::support::World;
use skybridge_core::{Advice, Connector as _, Phase};
use skybridge_testkit::{fixtures, proxy::ProxyServer};
use skybridge_tunnel::{SocksReply, TunnelError, TunnelLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Layer;

const SOCKS5H: &str = "socks5h://proxy.test";
const GRANTED: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

#[tokio::test(start_paused = true)]
async fn socks5_sends_names_or_addresses_and_keeps_early_bytes() {
    let rows: [(&str, &str, Option<&str>, Vec<u8>); 6] = [
        ("https://a.test", SOCKS5H, None, [&[3, 6][..], b"a.test", &[1, 187]].concat()),
        ("http://a.test:81", SOCKS5H, None, [&[3, 6][..], b"a.test", &[0, 81]].concat()),
        ("https://192.0.2.9", SOCKS5H, None, vec![1, 192, 0, 2, 9, 1, 187]),
        ("https://[::1]", SOCKS5H, None, [&[4][..], &[0; 15], &[1, 1, 187]].concat()),
        ("https://a.test", "socks5://proxy.test", Some("192.0.2.9:443"), vec![1, 192, 0, 2, 9, 1, 187]),
        ("https://a.test", "socks5://proxy.test", Some("[::1]:443"), [&[4][..], &[0; 15], &[1, 1, 187]].concat()),
    ];
    // The bound address, of each type, is ignored.
    let bound = [vec![1, 9, 9, 9, 9, 0, 9], [&[4][..], &[9; 18]].concat(), [&[3, 4][..], b"host", &[0, 9]].concat()];
    for (url, proxy, proxy_target, request) in rows {
        for bound in &bound {
            let world = World::new();
            let mut route = world.route(url, &[proxy]);
            route.proxy_target = proxy_target.map(fixtures::endpoint);
            let proxy = async {
                let mut proxy = world.accept().await;
                proxy.expect([5, 1, 0]).await;
                proxy.send([5, 0]).await;
                proxy.expect([&[5, 1, 0][..], &request].concat()).await;
                proxy.send([&[5, 0, 0][..], bound, b"hello"].concat()).await;
                proxy.expect("to the origin").await;
            };
            let client = async {
                let mut link = world.connect(route).await.unwrap();
                assert!(link.info.tunnelled && !link.info.forwarded);
                let mut said = [0; 5];
                link.io.read_exact(&mut said).await.unwrap();
                assert_eq!(&said, b"hello");
                link.io.write_all(b"to the origin").await.unwrap();
            };
            tokio::join!(client, proxy);
            let exchange = [&["tunnel_start"][..], &["proxy_socks"; 4], &["tunnel_end"]].concat();
            assert_eq!(world.recorder.names(), [&["connect_start", "connect_end", "at_proxy"][..], &exchange].concat());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn socks5_authenticates_when_the_proxy_selects_it() {
    for asks in [false, true] {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &["socks5h://alice:s%40cret@proxy.test"], async |proxy| {
                proxy.expect([5, 2, 0, 2]).await;
                if asks {
                    proxy.send([5, 2]).await;
                    proxy.expect(b"\x01\x05alice\x06s@cret").await;
                    proxy.send([1, 0]).await;
                } else {
                    proxy.send([5, 0]).await;
                }
                proxy.expect(b"\x05\x01\x00\x03\x06a.test\x01\xbb").await;
                proxy.send(GRANTED).await;
            })
            .await;
        linked.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_fatal_and_missing_ones_are_not() {
    let alice = "socks5h://alice:secret@proxy.test";
    for (proxy, answers) in
        [(SOCKS5H, vec![[5, 0xff]]), (SOCKS5H, vec![[5, 2]]), (alice, vec![[5, 0xff]]), (alice, vec![[5, 2], [1, 1]])]
    {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[proxy], async |proxy| {
                for answer in answers {
                    let said = proxy.take(3).await;
                    assert_ne!(said, "");
                    proxy.send(answer).await;
                }
            })
            .await;
        let error = linked.unwrap_err();
        // Digest is none of what SOCKS has.
        assert_eq!(error.advice(), Some(Advice::SocksCredentials));
        match error.source_as() {
            Some(TunnelError::CredentialsRefused) => assert!(proxy == alice && error.is_fatal()),
            Some(TunnelError::CredentialsRequired) => assert!(proxy == SOCKS5H && !error.is_fatal()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_socks_cannot_encode_is_an_error_before_anything_is_sent() {
    let long = "x".repeat(256);
    let (user, password) = (format!("socks5h://{long}:p@proxy.test"), format!("socks5h://u:{long}@proxy.test"));
    let name = format!("https://{}x.test", "x.".repeat(130));
    let rows: [(&str, &str, bool); 8] = [
        ("https://a.test", &user, true),
        ("https://a.test", &password, true),
        ("https://a.test", "socks5h://:p@proxy.test", true),
        ("https://a.test", "socks4a://u%00@proxy.test", true),
        (&name, SOCKS5H, false),
        ("https://[::1]", "socks4a://proxy.test", false),
        // In SOCKS4a this address means that a name follows.
        ("https://0.0.0.7", "socks4://proxy.test", false),
        ("https://a.test", "socks4://proxy.test", false),
    ];
    for (url, proxy, credentials) in rows {
        let world = World::new();
        let error = world.connect(world.route(url, &[proxy])).await.unwrap_err();
        match error.source_as() {
            Some(TunnelError::CredentialsUnsupported) => assert!(credentials && error.is_fatal()),
            Some(TunnelError::HostUnsupported) => assert!(!credentials && !error.is_fatal()),
            other => panic!("{other:?}"),
        }
        assert_eq!(world.net.wire(0).other_end().bytes_sent(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_may_have_255_bytes_and_no_more() {
    for proxy in [SOCKS5H, "socks4a://proxy.test"] {
        for (length, fits) in [(255, true), (256, false)] {
            let name = "x.".repeat(125) + &"y".repeat(length - 250);
            let world = World::new();
            let route = world.route(&format!("https://{name}"), &[proxy]);
            if !fits {
                let error = world.connect(route).await.unwrap_err();
                assert!(matches!(error.source_as(), Some(TunnelError::HostUnsupported)), "{error:?}");
                assert_eq!(world.net.wire(0).other_end().bytes_sent(), 0);
                continue;
            }
            let proxy = async {
                let mut script = world.accept().await;
                if proxy == SOCKS5H {
                    script.expect([5, 1, 0]).await;
                    script.send([5, 0]).await;
                    script.expect([&[5, 1, 0, 3, 255][..], name.as_bytes(), &[1, 187]].concat()).await;
                    script.send(GRANTED).await;
                } else {
                    script.expect([&[4, 1, 1, 187, 0, 0, 0, 1, 0][..], name.as_bytes(), &[0]].concat()).await;
                    script.send([0, 90, 0, 0, 0, 0, 0, 0]).await;
                }
            };
            let (linked, ()) = tokio::join!(world.connect(route), proxy);
            linked.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_reply_code_of_socks5_has_its_variant() {
    let expected = |reply| match reply {
        1 => SocksReply::Failed,
        2 => SocksReply::NotAllowed,
        3 => SocksReply::NetworkUnreachable,
        4 => SocksReply::HostUnreachable,
        5 => SocksReply::ConnectionRefused,
        6 => SocksReply::TtlExpired,
        7 => SocksReply::CommandNotSupported,
        8 => SocksReply::AddressNotSupported,
        other => SocksReply::Other(other),
    };
    for reply in 1..=255 {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[SOCKS5H], async |proxy| {
                proxy.take(3).await;
                proxy.send([5, 0]).await;
                proxy.take(13).await;
                // Some proxies close the connection before the rest.
                proxy.send([5, reply, 0]).await;
            })
            .await;
        let error = linked.unwrap_err();
        match error.source_as() {
            Some(TunnelError::Socks(message)) => assert_eq!(*message, expected(reply)),
            other => panic!("{other:?}"),
        }
        assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tunnel), false));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_socks_is_reported_as_such() {
    for proxy in [SOCKS5H, "socks4a://proxy.test"] {
        let world = World::new();
        let (linked, ()) = world
            .play("https://a.test", &[proxy], async |proxy| {
                proxy.take(3).await;
                proxy.send("H").await;
            })
            .await;
        assert!(matches!(linked.unwrap_err().source_as(), Some(TunnelError::NotSocks(b'H'))));
    }
}

#[tokio::test(start_paused = true)]
async fn socks4_sends_an_address_and_4a_a_name() {
    let rows: [(&str, &str, Option<&str>, &[u8]); 4] = [
        ("https://a.test", "socks4://proxy.test", Some("192.0.2.9:443"), b"\x04\x01\x01\xbb\xc0\x00\x02\x09\x00"),
        (
            "https://a.test",
            "socks4://alice@proxy.test",
            Some("192.0.2.9:443"),
            b"\x04\x01\x01\xbb\xc0\x00\x02\x09alice\x00",
        ),
        ("http://192.0.2.9", "socks4a://proxy.test", None, b"\x04\x01\x00\x50\xc0\x00\x02\x09\x00"),
        ("https://a.test", "socks4a://alice@proxy.test", None, b"\x04\x01\x01\xbb\x00\x00\x00\x01alice\x00a.test\x00"),
    ];
    for (url, proxy, proxy_target, request) in rows {
        for (reply, refusal) in [
            (90, None),
            (91, Some(SocksReply::Failed)),
            (92, Some(SocksReply::NotIdentified)),
            (93, Some(SocksReply::NotIdentified)),
            (7, Some(SocksReply::Other(7))),
        ] {
            let world = World::new();
            let mut route = world.route(url, &[proxy]);
            route.proxy_target = proxy_target.map(fixtures::endpoint);
            let proxy = async {
                let mut proxy = world.accept().await;
                proxy.expect(request).await;
                proxy.send([0, reply, 0, 0, 0, 0, 0, 0]).await;
                proxy.send("hello").await;
            };
            let (linked, ()) = tokio::join!(world.connect(route), proxy);
            match (linked, refusal) {
                (Ok(mut link), None) => {
                    let mut said = [0; 5];
                    link.io.read_exact(&mut said).await.unwrap();
                    assert_eq!(&said, b"hello");
                }
                (Err(error), Some(refusal)) => {
                    assert!(matches!(error.source_as(), Some(TunnelError::Socks(message)) if *message == refusal));
                }
                (linked, refusal) => panic!("{linked:?} {refusal:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_testkits_socks_proxies_tunnel() {
    for (builder, proxy, line, credentials) in [
        (ProxyServer::socks5(), "socks5h://alice:secret@proxy.test", "SOCKS5 a.test:443", "alice:secret"),
        (ProxyServer::socks4(), "socks4a://alice@proxy.test", "SOCKS4 a.test:443", "alice"),
    ] {
        let world = World::new();
        let (route, connector) = (world.route("https://a.test", &[proxy]), world.net.connector());
        let net = world.net;
        let origin = net.listen("192.0.2.9:443".parse().unwrap());
        net.host("a.test", ["192.0.2.9".parse().unwrap()]);
        let proxy = builder.user("alice", "secret").early("hello").serve_on(world.listener, &net);
        let mut link = TunnelLayer::new().layer(connector).connect(route).await.unwrap();
        let (mut peer, _) = origin.accept().await;
        peer.write_all(b" world").await.unwrap();
        let mut said = [0; 11];
        link.io.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"hello world");
        let asked = proxy.requests();
        assert_eq!((&*asked[0].line, asked[0].credentials.as_deref()), (line, Some(credentials)));
    }
}
