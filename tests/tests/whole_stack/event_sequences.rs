//! OkHttp's sequences of events, one row each: what `events` has not. Where ours differ on purpose the row says so.
//! Everywhere: headers and bodies are phases (`send`, `wait`, `body`), and `connection_released` comes before
//! `retry_decision`, as the pool is below who decides. OkHttp's dispatcher, cache, cookies and interceptors are no part
//! of the stack, nor are redirects, which are another call each.

use http::{Request, header};
use skybridge::{Client, Proxy, RequestBody, Timeouts, Upgrade, types::CallId};
use skybridge_testkit::{
    certs::{Ca, Cert},
    executor::run_until_idle,
    h1::Script,
    h2::Peer,
    observe::Recorder,
    origin::Origin,
};
use skybridge_tests::{World, addr, get, h2, post, read, wishing};
use skybridge_tls::{Roots, TlsConfig, TlsLayer};
use std::{net::SocketAddr, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
/// A connect, as far as most rows have it.
const COLD: &str = "call_start acquire_start resolve_start addresses_found resolve_end connect_start connect_end \
    handshake_start handshake_end connection_created connection_acquired acquire_end";

/// Why a connection is chosen has a test of its own.
fn told(world: &World) -> String {
    world.recorder.assert_balanced();
    let names = world.recorder.names();
    names.into_iter().filter(|name| *name != "connection_search").collect::<Vec<_>>().join(" ")
}

fn assert_told(world: &World, start: &str, rest: &str) {
    assert_eq!(told(world), format!("{start} {rest}").trim());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_unknown_fails_its_look_up() {
    let world = World::new();
    let request = Request::get("http://unknown.test/").body(RequestBody::empty()).unwrap();
    read(world.client().request(request)).await.unwrap_err();
    run_until_idle().await;
    // Nothing was sent on a connection: there is nothing to decide about sending it again.
    assert_told(&world, "call_start acquire_start resolve_start resolve_failed acquire_failed", "call_failed");
}

/// A connect that fails at one address goes on at the next within the same call.
#[tokio::test(start_paused = true)]
async fn an_address_that_refuses_is_followed_by_the_next() {
    let world = World::new();
    let second = "192.0.2.2:80".parse().unwrap();
    world.net.host("a.test", [addr().ip(), std::net::SocketAddr::ip(&second)]);
    world.net.at(addr()).refuse();
    let _origin = Origin::h1().serve_on(world.net.listen(second));
    let client = world.client();
    read(client.request(get("/"))).await.unwrap();
    run_until_idle().await;
    let start = "call_start acquire_start resolve_start addresses_found resolve_end connect_start connect_failed \
        connect_start connect_end handshake_start handshake_end connection_created connection_acquired acquire_end";
    assert_told(
        &world,
        start,
        "send_start send_end wait_start response_head wait_end body_start response_body body_end connection_released \
         call_end",
    );
}

/// Unlike OkHttp's `connectFailed`: the limit of an attempt drops what it ends, and the search fails with it.
#[tokio::test(start_paused = true)]
async fn a_connect_that_takes_too_long_is_dropped_and_fails_the_search() {
    let world = World::new();
    world.net.at(addr()).black_hole();
    let mut timeouts = Timeouts::new();
    timeouts.attempt = Some(SECOND);
    let client = world.builder().timeouts(timeouts).build();
    read(client.request(get("/"))).await.unwrap_err();
    run_until_idle().await;
    let start = "call_start acquire_start resolve_start addresses_found resolve_end connect_start connect_dropped";
    assert_told(&world, start, "acquire_failed call_failed");
}

/// OkHttp's `canceled` is the end of what was going on: each phase is dropped, the call last.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_connects_ends_its_phases() {
    let world = World::new();
    world.net.at(addr()).black_hole();
    let client = world.client();
    tokio::time::timeout(SECOND / 10, client.request(get("/"))).await.unwrap_err();
    run_until_idle().await;
    let start = "call_start acquire_start resolve_start addresses_found resolve_end connect_start";
    let told = told(&world);
    assert!(told.starts_with(start) && told.contains("acquire_dropped") && told.contains("call_dropped"), "{told}");
    assert!(told.contains("connect_dropped") && !told.contains("connection_created"), "{told}");
}

/// Over HTTP/1.1 the connection is closed, over HTTP/2 its stream is reset, and it stays.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_ends_or_keeps_its_connection() {
    for over_h2 in [false, true] {
        let world = World::new();
        let origin = if over_h2 { Origin::h2c() } else { Origin::h1() };
        let origin = origin.handle(|_| std::future::pending::<http::Response<String>>());
        let _origin = origin.serve_on(world.listen());
        let client = world.client();
        let request = if over_h2 { h2(get("/")) } else { get("/") };
        tokio::time::timeout(SECOND, client.request(request)).await.unwrap_err();
        run_until_idle().await;
        let end = if over_h2 { "reset_sent" } else { "connection_closed" };
        let mut told: Vec<_> = told(&world).split(' ').map(str::to_owned).collect();
        let rest = told.split_off(COLD.split_whitespace().count());
        assert_eq!(told.join(" "), COLD.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(rest[..3], ["send_start", "send_end", "wait_start"]);
        let mut rest = rest[3..].to_vec();
        rest.sort();
        let mut expected = ["call_dropped", "connection_released", "wait_dropped", end];
        expected.sort_unstable();
        assert_eq!(rest, expected, "h2: {over_h2}");
    }
}

/// A request that was lost with its connection is sent again on another: one call.
#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_within_its_call() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let calls = async {
        read(client.request(get("/1"))).await.unwrap();
        run_until_idle().await;
        world.recorder.clear();
        read(client.request(get("/2"))).await.unwrap()
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "one").await;
        first.request().await;
        first.fin().await;
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.respond(200, "two").await;
        (first, second)
    };
    let (_, _peers) = tokio::join!(calls, server);
    run_until_idle().await;
    let lost = "call_start acquire_start connection_acquired acquire_end send_start send_end wait_start \
        connection_closed wait_failed connection_released retry_decision";
    let again = COLD.strip_prefix("call_start ").unwrap();
    assert_told(
        &world,
        &format!("{lost} {again}"),
        "send_start send_end wait_start response_head wait_end body_start response_body body_end connection_released \
         call_end",
    );
}

/// The tunnel is a phase of the connect, before TLS and the handshake; its name is looked up by the proxy.
#[tokio::test(start_paused = true)]
async fn a_proxy_has_its_steps_between_tcp_and_the_handshake() {
    let world = World::new();
    let listener = world.listen();
    let proxy = Proxy::parse("socks5h://192.0.2.1:80").unwrap();
    let client = world.client();
    let call = read(client.request(wishing(get("/"), |options| options.proxies([proxy]))));
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.expect(b"\x05\x01\x00").await;
        peer.send(b"\x05\x00").await;
        peer.expect(b"\x05\x01\x00\x03\x06a.test\x00\x50").await;
        peer.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00").await;
        peer.request().await;
        peer.respond(200, "fine").await;
        peer
    };
    let (answer, _peer) = tokio::join!(call, server);
    answer.unwrap();
    run_until_idle().await;
    let told = told(&world);
    let steps = ["connect_end", "at_proxy", "tunnel_start", "tunnel_end", "handshake_start", "connection_created"];
    let places: Vec<_> = steps.iter().map(|step| told.find(step).unwrap_or_else(|| panic!("{step}: {told}"))).collect();
    assert!(!told.contains("resolve_start"), "{told}");
    assert!(places[0] < places[3] && places[2] < places[3] && places[3] < places[4] && places[4] < places[5], "{told}");
}

/// The interim response is no event of its own: the body is what was waited with.
#[tokio::test(start_paused = true)]
async fn a_body_that_waits_for_100_is_sent_in_one_phase() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let mut request = post("12345");
    request.headers_mut().insert(header::EXPECT, "100-continue".parse().unwrap());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.head().await;
        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        peer.expect("12345").await;
        peer.respond(200, "hello").await;
        peer
    };
    let (answer, _peer) = tokio::join!(read(client.request(request)), server);
    answer.unwrap();
    run_until_idle().await;
    assert_told(
        &world,
        COLD,
        "send_start request_body send_end wait_start response_head wait_end body_start response_body body_end \
         connection_released call_end",
    );
}

/// The connection leaves the pool with the head, which is its end there; what its user does with it is told to nobody.
#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_the_exchange_with_its_head() {
    let world = World::new();
    let listener = world.listen();
    let client = world.client();
    let mut request = get("/chat");
    request.headers_mut().insert("connection", "upgrade".parse().unwrap());
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\n\r\n").await;
        peer
    };
    let (answer, _peer) = tokio::join!(client.request(request), server);
    let mut answer = answer.unwrap();
    let stream = answer.extensions_mut().remove::<Upgrade>().unwrap().take();
    drop(answer);
    run_until_idle().await;
    drop(stream);
    run_until_idle().await;
    assert_told(
        &world,
        COLD,
        "send_start send_end wait_start connection_closed response_head wait_end body_start call_end body_dropped \
         connection_released",
    );
}

/// `a.test` at port 443 of these addresses, and a client that trusts this authority alone.
fn over_tls(world: &World, hosts: &[u8], trusted: &Ca) -> (Vec<SocketAddr>, Client) {
    let addrs: Vec<SocketAddr> = hosts.iter().map(|last| ([192, 0, 2, *last], 443).into()).collect();
    world.net.host("a.test", addrs.iter().map(SocketAddr::ip).collect::<Vec<_>>());
    let trusting = TlsConfig::builder().roots(Roots::Given(vec![trusted.der()])).build().unwrap();
    (addrs, world.builder().tls(TlsLayer::new(trusting)).build())
}

fn secure() -> Request<RequestBody> {
    Request::get("https://a.test/").body(RequestBody::empty()).unwrap()
}

/// OkHttp's `secureConnectStart` without its end, and `connectFailed`.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_trusted_fails_tls() {
    let (world, other) = (World::new(), Ca::new("another root"));
    let (addrs, client) = over_tls(&world, &[1], &Ca::new("a root"));
    let cert: Cert = other.leaf(["a.test"]);
    let _origin = Origin::h1().tls(&cert).serve_on(world.net.listen(addrs[0]));
    read(client.request(secure())).await.unwrap_err();
    run_until_idle().await;
    let start =
        "call_start acquire_start resolve_start addresses_found resolve_end connect_start connect_end tls_start";
    assert_told(&world, start, "tls_failed acquire_failed call_failed");
}

/// The first address ends in the middle of TLS: the second is tried within the same call, and acquired once.
#[tokio::test(start_paused = true)]
async fn an_address_whose_tls_fails_is_followed_by_the_next() {
    let (world, ca) = (World::new(), Ca::new("a root"));
    let (addrs, client) = over_tls(&world, &[1, 2], &ca);
    let listener = world.net.listen(addrs[0]);
    let _origin = Origin::h1().tls(&ca.leaf(["a.test"])).serve_on(world.net.listen(addrs[1]));
    let (answer, ()) = tokio::join!(read(client.request(secure())), async { drop(listener.accept().await) });
    answer.unwrap();
    run_until_idle().await;
    let start = "call_start acquire_start resolve_start addresses_found resolve_end connect_start connect_end \
        tls_start tls_failed connect_start connect_end tls_start tls_end handshake_start handshake_end \
        connection_created connection_acquired acquire_end";
    assert_told(
        &world,
        start,
        "send_start send_end wait_start response_head wait_end body_start response_body body_end connection_released \
         call_end",
    );
}

/// The preface can't be written: nothing is created, acquired or released.
#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_in_its_handshake_fails_it() {
    let world = World::new();
    let listener = world.listen();
    world.net.at(addr()).window(0);
    let client = world.client();
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        run_until_idle().await;
        peer.reset();
    };
    let (answer, ()) = tokio::join!(read(client.request(h2(get("/")))), server);
    answer.unwrap_err();
    run_until_idle().await;
    let start = "call_start acquire_start resolve_start addresses_found resolve_end connect_start connect_end";
    assert_told(&world, start, "handshake_start handshake_failed acquire_failed call_failed");
}

/// As with OkHttp's listener of connections, released and then closed: a connection whose answer didn't come in time is
/// not used again.
#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_in_time_ends_the_connection() {
    let world = World::new();
    let origin = Origin::h1().handle(|_| std::future::pending::<http::Response<String>>());
    let _origin = origin.serve_on(world.listen());
    let mut timeouts = Timeouts::new();
    timeouts.response_head = Some(SECOND);
    let client = world.builder().timeouts(timeouts).build();
    read(client.request(get("/"))).await.unwrap_err();
    run_until_idle().await;
    assert_told(
        &world,
        COLD,
        "send_start send_end wait_start wait_failed connection_released connection_closed retry_decision call_failed",
    );
}

/// Whoever saves the request to send it again takes its extensions, in which the observer and the call are.
#[tokio::test(start_paused = true)]
async fn a_request_that_may_be_sent_again_is_told_of_its_reset_with_its_call() {
    let (world, own) = (World::new(), Recorder::new());
    let listener = world.listen();
    let client = world.client();
    let request = h2(wishing(get("/"), |options| options.observer(own.clone()).call(CallId(77))));
    let server = async {
        let mut peer = Peer::accept(listener.accept().await.0).await;
        let stream = peer.request().await.stream;
        peer.reset(stream, 2).await;
        let again = peer.request().await.stream;
        peer.respond(again, 200, "hello").await;
        peer
    };
    let (answer, _peer) = tokio::join!(read(client.request(request)), server);
    assert_eq!(answer.unwrap(), "hello");
    run_until_idle().await;
    let told: Vec<_> = own.recorded().into_iter().filter(|event| event.name == "reset_received").collect();
    assert_eq!(told.iter().map(|event| event.call).collect::<Vec<_>>(), [Some(CallId(77))]);
    assert_eq!(world.recorder.count("reset_received"), 0, "it is the request's own observer that is told");
}
