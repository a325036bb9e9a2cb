//! A proxy that forwards requests and asks for credentials (407): they are sent again with an answer, if they may be.

use http::{HeaderMap, HeaderValue, Request};
use skybridge::{
    Body, PasswordAuth, Proxy, RequestBody,
    types::{Origin, ProxyAuth, ProxyRequest},
};
use skybridge_testkit::{
    h1::Script,
    net::{Conn, Listener},
};
use skybridge_tests::{World, addr, get, h2, post, read};
use tower::service_fn;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Shows nothing at first, then answers with the number of the challenge.
struct Numbered;

impl ProxyAuth for Numbered {
    fn identity(&self) -> &[u8] {
        b"numbered"
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        let number = challenge?.get("proxy-authenticate")?.to_str().ok()?;
        HeaderValue::try_from(number.replace("challenge", "answer")).ok()
    }
}

fn challenge(number: usize, more: &str) -> String {
    format!("HTTP/1.1 407 Who\r\nproxy-authenticate: challenge {number}\r\n{more}content-length: 3\r\n\r\nwho")
}

/// A client behind a proxy, which listens here.
fn behind(world: &World, auth: impl ProxyAuth) -> (skybridge::Client, Listener) {
    let listener = world.listen();
    let proxy = Proxy::parse(&format!("http://{}", addr())).unwrap().auth(auth);
    (world.builder().proxies([vec![proxy]]).build(), listener)
}

async fn accept(listener: &Listener) -> Script<Conn> {
    Script::new(listener.accept().await.0)
}

#[tokio::test(start_paused = true)]
async fn a_challenged_request_is_sent_again_on_the_same_connection() {
    for request in [get("/"), post("a body"), Request::put("http://a.test/").body("a body".into()).unwrap()] {
        let world = World::new();
        let (client, listener) = behind(&world, Numbered);
        let with_body = request.method() != "GET";
        let proxy = async {
            let mut proxy = accept(&listener).await;
            for (shown, answer) in [(None, challenge(1, "")), (Some("answer 1"), OK.into())] {
                let head = proxy.head().await;
                assert!(head.line().contains(" http://a.test/"), "{}", head.line());
                assert_eq!(head.header("proxy-authorization"), shown);
                if with_body {
                    proxy.expect("a body").await;
                }
                proxy.send(answer).await;
            }
            proxy
        };
        let (text, proxy) = tokio::join!(read(client.request(request)), proxy);
        assert_eq!(text.unwrap(), "hello");
        assert_eq!(world.net.opened(), 1);
        drop((client, proxy, listener));
        world.assert_nothing_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_connection_ends_the_answer_is_sent_on_a_new_one() {
    let world = World::new();
    let (client, listener) = behind(&world, Numbered);
    let proxy = async {
        let mut proxy = accept(&listener).await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), None);
        proxy.send(challenge(1, "connection: close\r\n")).await;
        proxy.expect_close().await;
        let mut proxy = accept(&listener).await;
        assert_eq!(proxy.head().await.header("proxy-authorization"), Some("answer 1"));
        proxy.send(OK).await;
        proxy
    };
    let (text, _proxy) = tokio::join!(read(client.request(get("/"))), proxy);
    assert_eq!(text.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn endless_challenges_end_with_the_407_after_21_requests() {
    for close in ["", "connection: close\r\n"] {
        let world = World::new();
        let (client, listener) = behind(&world, Numbered);
        let mut requests = 0;
        let proxy = async {
            loop {
                let mut proxy = accept(&listener).await;
                loop {
                    proxy.head().await;
                    requests += 1;
                    proxy.send(challenge(requests, close)).await;
                    if !close.is_empty() || requests == 21 {
                        break;
                    }
                }
                proxy.expect_close().await;
            }
        };
        let call = async {
            let response = client.request(get("/")).await.unwrap();
            assert_eq!(
                (response.status().as_u16(), response.headers()["proxy-authenticate"].to_str().unwrap()),
                (407, "challenge 21")
            );
        };
        tokio::select! { () = call => {}, _ = proxy => {} }
        assert_eq!((requests, world.net.opened()), (21, if close.is_empty() { 1 } else { 21 }));
    }
}

#[tokio::test(start_paused = true)]
async fn proxies_that_take_turns_are_answered_no_more_often_together() {
    let world = World::new();
    let listener = world.listen();
    let other: std::net::SocketAddr = "192.0.2.7:3128".parse().unwrap();
    let listeners = [listener, world.net.listen(other)];
    let ways = [addr(), other].map(|addr| Proxy::parse(&format!("http://{addr}")).unwrap().auth(Numbered));
    let turns = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let selector = service_fn(move |_: Origin| {
        let turn = turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::future::ready(Ok::<_, std::convert::Infallible>(vec![[ways[turn % 2].clone()].into()]))
    });
    let client = world.builder().proxy_selector(selector).build();
    let proxies = async {
        for number in 1.. {
            assert!(number <= 21, "for ever");
            let mut proxy = accept(&listeners[(number - 1) % 2]).await;
            // What one has asked for, the other isn't shown.
            assert_eq!(proxy.head().await.header("proxy-authorization"), None);
            proxy.send(challenge(number, "connection: close\r\n")).await;
            proxy.expect_close().await;
        }
    };
    let call = async { client.request(get("/")).await.unwrap() };
    let response = tokio::select! { response = call => response, () = proxies => unreachable!() };
    assert_eq!(response.headers()["proxy-authenticate"], "challenge 21");
    assert_eq!((response.status().as_u16(), world.net.opened()), (407, 21));
}

#[tokio::test(start_paused = true)]
async fn a_digest_signs_the_absolute_form_and_is_shown_at_once_the_next_time() {
    let world = World::new();
    let (client, listener) = behind(&world, PasswordAuth::digest("alice", "secret"));
    let offer = "proxy-authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"";
    let proxy = async {
        let mut proxy = accept(&listener).await;
        proxy.head().await;
        proxy.send(format!("HTTP/1.1 407 Who\r\n{offer}\r\ncontent-length: 0\r\n\r\n")).await;
        for nc in 1..4 {
            let head = proxy.head().await;
            let shown = head.header("proxy-authorization").unwrap();
            assert!(
                shown.contains("uri=\"http://a.test/p?q\"") && shown.contains(&format!("nc=0000000{nc}")),
                "{shown}"
            );
            proxy.send(OK).await;
        }
        proxy
    };
    let calls = async {
        for _ in 0..3 {
            assert_eq!(read(client.request(get("/p?q"))).await.unwrap(), "hello");
        }
    };
    tokio::join!(calls, proxy);
    assert_eq!(world.net.opened(), 1);
}

/// Of an origin, it isn't even a challenge: the proxy's credentials are for the proxy.
#[tokio::test(start_paused = true)]
async fn the_407_of_an_origin_is_its_response() {
    for tunnelled in [false, true] {
        for over_h2 in [false, true] {
            let world = World::new();
            let request = if over_h2 { h2(get("/")) } else { get("/") };
            let origin = if over_h2 {
                skybridge_testkit::origin::Origin::h2c()
            } else {
                skybridge_testkit::origin::Origin::h1()
            };
            let proxy_addr: std::net::SocketAddr = "192.0.2.7:3128".parse().unwrap();
            let origin = origin
                .handle(async |_| {
                    let response = http::Response::builder().status(407).header("proxy-authenticate", "challenge 1");
                    response.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap()
                })
                .serve_on(world.listen());
            let proxy =
                skybridge_testkit::proxy::ProxyServer::http().serve_on(world.net.listen(proxy_addr), &world.net);
            let way = Proxy::parse("http://192.0.2.7:3128").unwrap().auth(Numbered).tunnels_all();
            let ways = if tunnelled { vec![way] } else { vec![] };
            let client = world.builder().proxies([ways]).build();
            let response = client.request(request).await.unwrap();
            assert_eq!((response.status().as_u16(), origin.requests().len()), (407, 1));
            assert_eq!(proxy.connections(), usize::from(tunnelled));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_copied_is_not_sent_again() {
    let world = World::new();
    let (client, listener) = behind(&world, Numbered);
    let (mut sender, body) = http_body_util::channel::Channel::<bytes::Bytes, std::convert::Infallible>::new(4);
    let request = Request::post("http://a.test/").body(RequestBody::wrap(body)).unwrap();
    let proxy = async {
        let mut proxy = accept(&listener).await;
        proxy.head().await;
        proxy.take(3).await;
        proxy.send(challenge(1, "")).await;
        proxy
    };
    let send = async {
        sender.send_data("x".into()).await.unwrap();
        drop(sender);
    };
    let (response, _proxy, ()) = tokio::join!(client.request(request), proxy, send);
    let response: http::Response<Body> = response.unwrap();
    assert_eq!((response.status().as_u16(), world.net.opened()), (407, 1));
}
