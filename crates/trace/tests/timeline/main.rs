//! Timelines as they are printed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(unreachable_pub, reason = "a test has no public")]

mod odd;
mod world;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use skybridge::RequestBody;
use skybridge::types::{Acquired, CallId, Connector, Ctx, EventKind, Phase, Protocol, Proxy, ProxyKind};
use skybridge_testkit::{
    executor::run_until_idle,
    fixtures,
    h1::Script,
    net::Network,
    origin::{Incoming, Origin},
};
use world::{World, addr, get, h2, ms, read, slow};

/// Prints the difference as it looks.
#[track_caller]
fn assert_drawn(drawn: &str, expected: &str) {
    let expected = expected.strip_prefix('\n').unwrap_or(expected);
    assert!(drawn == expected, "drawn:\n{drawn}\nexpected:\n{expected}");
}

#[tokio::test(start_paused = true)]
async fn a_cold_call() {
    let (world, _origin) = World::usual();
    let client = world.client();
    read(client.request(get())).await;
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  122.0 ms on new connection 1: h1, 192.0.2.1:80
                               at   took  0                               122.0 ms
  acquire                     0.0   52.0  ──────────────────                        new connection 1
    resolve                   0.0   12.0  ████
    tcp       192.0.2.1:80   12.0   40.0     ███████████████
    handshake                52.0    0.0                   ▏                        h1
  wait                       52.0   70.0                   ███████████████████████
  body                      122.0    0.0                                         ▏  5 bytes
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_warm_call_and_the_end_of_its_connection_after_it() {
    let (world, origin) = World::usual();
    let client = world.client();
    read(client.request(get())).await;
    read(client.request(get())).await;
    tokio::time::sleep(ms(4980)).await;
    origin.close_all();
    tokio::time::sleep(ms(100)).await;
    assert_drawn(
        &world.drawn(2),
        "
call 2  GET http://a.test/  70.00 ms on reused connection 1: h1, 192.0.2.1:80
                               at   took  0                         70.00 ms
  acquire                    0.00   0.00  ─                                   reused connection 1
  wait                       0.00  70.00  ██████████████████████████████████
  body                      70.00   0.00                                   ▏  5 bytes
  closed      connection 1                5.0 s later: its peer has closed it
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_race_has_a_row_for_each_attempt() {
    let world = World::new();
    let hosts = ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(|ip| ip.parse().unwrap());
    world.net.host("a.test", hosts).latency(ms(12));
    world.net.at("[2001:db8::1]:80".parse().unwrap()).black_hole();
    world.net.at("[2001:db8::2]:80".parse().unwrap()).connect_latency(ms(15)).refuse();
    world.net.at(addr()).connect_latency(ms(280)).latency(ms(20));
    let _origin = slow(Origin::h2c()).serve_on(world.net.listen(addr()));
    let client = world.client();
    read(client.request(h2(get()))).await;
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  612.0 ms on new connection 1: h2, 192.0.2.1:80
                                      at   took  0                      612.0 ms
  acquire                            0.0  542.0  ────────────────────────────     new connection 1
    resolve                          0.0   12.0  █                                3 addresses
    tcp       #1 [2001:db8::1]:80   12.0  530.0  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░     lost the race
    tcp       #2 192.0.2.1:80      262.0  280.0               ███████████████
    tcp       #3 [2001:db8::2]:80  512.0   15.0                           ▓✗      connection refused
    handshake #2                   542.0    0.0                             ▏     h2
  wait                             542.0   70.0                             ████
  body                             612.0    0.0                                ▏  5 bytes
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_connection_says_why() {
    let world = World::new();
    world.net.host("a.test", [addr().ip(), "192.0.2.2".parse().unwrap()]).latency(ms(12));
    world.net.at(addr()).connect_latency(ms(40)).refuse();
    let client = world.client();
    read(client.request(get())).await;
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  FAILED after 52.00 ms
  ✗ http://a.test: TCP to 192.0.2.1:80 and 192.0.2.2:80 failed: connection refused (nothing was
    sent)
                                  at   took  0                          52.00 ms
  acquire                       0.00  52.00  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓✗  no connection
    resolve                     0.00  12.00  █████████                            2 addresses
    tcp       #1 192.0.2.1:80  12.00  40.00          ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓✗  connection refused
    tcp       #2 192.0.2.2:80  52.00   0.00                                    ✗  connection refused
",
    );
}

/// After two seconds a second one begins beside it.
#[tokio::test(start_paused = true)]
async fn a_connect_that_times_out() {
    let world = World::new();
    world.net.host("a.test", [addr().ip(), "192.0.2.2".parse().unwrap()]);
    world.net.at(addr()).black_hole();
    world.net.at("192.0.2.2:80".parse().unwrap()).black_hole();
    let client = world.client();
    read(client.request(get())).await;
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  FAILED after 12250.0 ms
  ✗ http://a.test: TCP to 192.0.2.1:80 and 192.0.2.2:80 took longer than 10s (nothing was sent)
                                    at     took  0              12250.0 ms
  acquire                          0.0  12250.0  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓✗  tcp took longer than 10s
    resolve                        0.0      0.0  ▏                          2 addresses
    tcp       #1 192.0.2.1:80      0.0  10000.0  ░░░░░░░░░░░░░░░░░░░░░      out of time
    tcp       #2 192.0.2.2:80    250.0  10000.0  ░░░░░░░░░░░░░░░░░░░░░      out of time
    resolve                     2000.0      0.0      ▏                      2 addresses
    tcp       #1 192.0.2.1:80   2000.0  10000.0      ░░░░░░░░░░░░░░░░░░░░░  out of time
    tcp       #2 192.0.2.2:80   2250.0  10000.0      ░░░░░░░░░░░░░░░░░░░░░  out of time
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_retried() {
    let world = World::new();
    world.net.host("a.test", [addr().ip()]);
    world.net.at(addr()).connect_latency(ms(8));
    let listener = world.net.listen(addr());
    let client = world.client();
    let call = async {
        read(client.request(get())).await;
        read(client.request(get())).await;
    };
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.respond(200, "warm").await;
        first.request().await;
        tokio::time::sleep(ms(10)).await;
        drop(first);
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        tokio::time::sleep(ms(30)).await;
        second.respond(200, "whole").await;
        second
    };
    let _peer = tokio::join!(call, server).1;
    assert_drawn(
        &world.drawn(2),
        "
call 2  GET http://a.test/  48.00 ms on new connection 2: h1, 192.0.2.1:80
                               at   took  0                   48.00 ms
  acquire                    0.00   0.00  ─                             reused connection 1
  wait                       0.00  10.00  ▓▓▓▓▓✗  the peer closed the connection without a response
  closed      connection 1  10.00              ◆                        its peer has closed it
  retry                     10.00              ◆
              └ sent again: the peer closed the connection without a response (it may have been
                processed)
  acquire                   10.00   8.00       ──────                   new connection 2
    resolve                 10.00   0.00       ▏
    tcp       192.0.2.1:80  10.00   8.00       ██████
    handshake               18.00   0.00            ▏                   h1
  wait                      18.00  30.00            ██████████████████
  body                      48.00   0.00                             ▏  5 bytes
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_joins_anothers_connect() {
    let world = World::far();
    let _origin = slow(Origin::h2c()).serve_on(world.net.listen(addr()));
    let client = world.client();
    let second = async {
        tokio::time::sleep(ms(20)).await;
        read(client.request(h2(get()))).await;
    };
    tokio::join!(read(client.request(h2(get()))), second);
    assert_drawn(
        &world.drawn(2),
        "
call 2  GET http://a.test/  122.0 ms on joined connection 1: h2, 192.0.2.1:80
                   at   took  0                               122.0 ms
  acquire         0.0   52.0  ──────────────────                        joined connection 1
  search          0.0         ◆  it waits for a connection that is being opened for another request
  wait           52.0   70.0                   ███████████████████████
  body          122.0    0.0                                         ▏  5 bytes
",
    );
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_not_part_of_the_wait() {
    let world = World::far();
    world.net.at(addr()).bandwidth(1_000_000);
    let origin = Origin::h1().handle(|request: Request<Incoming>| async {
        let length = request.into_body().collect().await.unwrap().to_bytes().len();
        tokio::time::sleep(ms(30)).await;
        Response::new(Full::from(length.to_string()))
    });
    let _origin = origin.serve_on(world.net.listen(addr()));
    let client = world.client();
    let body = RequestBody::from(vec![b'x'; 100_000]);
    read(client.request(Request::post("http://a.test/").body(body).unwrap())).await;
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  244.0 ms on new connection 1: h1, 192.0.2.1:80
                               at   took  0                               244.0 ms
  acquire                     0.0   52.0  ─────────                                 new connection 1
    resolve                   0.0   12.0  ██
    tcp       192.0.2.1:80   12.0   40.0   ████████
    handshake                52.0    0.0          ▏                                 h1
  send                       52.0   86.0          ███████████████                   100.0 kB
  wait                      138.0  106.0                        ██████████████████
  body                      244.0    0.0                                         ▏  6 bytes
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits() {
    let (world, _origin) = World::usual();
    let client = world.client();
    tokio::time::timeout(ms(75), client.request(get())).await.unwrap_err();
    run_until_idle().await;
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  given up after 75.00 ms on new connection 1: h1, 192.0.2.1:80
                               at   took  0                   75.00 ms
  acquire                    0.00  52.00  ────────────────────          new connection 1
    resolve                  0.00  12.00  █████
    tcp       192.0.2.1:80  12.00  40.00      ████████████████
    handshake               52.00   0.00                     ▏          h1
  wait                      52.00  23.00                     ░░░░░░░░░  given up
  closed      connection 1  75.00                                    ◆
              └ a request on it was cancelled
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_running() {
    let (world, _origin) = World::usual();
    let client = world.client();
    let mut call = std::pin::pin!(client.request(get()));
    tokio::time::timeout(ms(30), call.as_mut()).await.unwrap_err();
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  still running, the latest news at 12.00 ms
                               at   took  0                                               12.00 ms
  acquire                    0.00    ...  ───────────────────────────────────────────────────────›
    resolve                  0.00  12.00  ████████████████████████████████████████████████████████
    tcp       192.0.2.1:80  12.00    ...                                                         ›
",
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_read_to_its_end() {
    let world = World::far();
    let listener = world.net.listen(addr());
    let client = world.client();
    let call = async {
        let response = client.request(get()).await.unwrap();
        tokio::time::sleep(ms(25)).await;
        drop(response);
        run_until_idle().await;
    };
    let server = async {
        let mut peer = Script::new(listener.accept().await.0);
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhalf").await;
        peer
    };
    tokio::join!(call, server);
    assert_drawn(
        &world.drawn(1),
        "
call 1  GET http://a.test/  117.0 ms on new connection 1: h1, 192.0.2.1:80
                               at   took  0                   117.0 ms
  acquire                     0.0   52.0  ─────────────                 new connection 1
    resolve                   0.0   12.0  ███
    tcp       192.0.2.1:80   12.0   40.0    ███████████
    handshake                52.0    0.0              ▏                 h1
  wait                       52.0   40.0              ███████████
  body                       92.0   25.0                        ░░░░░░  not read to its end
  closed      connection 1  117.0                                    ◆
              └ a response on it was not read to its end
",
    );
}

#[tokio::test(start_paused = true)]
async fn tunnel_and_tls_and_what_was_negotiated() {
    let (world, origin) = (World::new(), Origin::h1());
    let addr = "192.0.2.7:3128".parse().unwrap();
    world.net.at(addr).connect_latency(ms(5)).latency(ms(10));
    let _origin = origin.serve_on(world.net.listen(addr));
    let recorder = world.recorder.clone();
    let ctx = world.executor.ctx().with_call(CallId(1)).observer(Some(recorder.clone()));
    tunnel_and_tls(&world.net, ctx).await;
    assert_drawn(
        &recorder.timeline(CallId(1)).titled("GET https://a.test/").to_string(),
        "
call 1  GET https://a.test/  69.00 ms on new connection 1: h2, TLS 1.3 resumed, a.test via
    http://proxy.test:3128
                                         at   took  0                     69.00 ms
  acquire                              0.00  69.00  ──────────────────────────────  new connection 1
    tcp       192.0.2.7:3128           0.00   5.00  ███
    tunnel    http://proxy.test:3128   5.00  22.00    ██████████
    tls       a.test                  27.00  41.00             ███████████████████  TLS 1.3 resumed
    handshake                         68.00   1.00                               ▏  h2
",
    );
}

#[tokio::test(start_paused = true)]
async fn narrow_in_ascii_and_in_colours() {
    let world = World::new();
    world.net.host("a.test", [addr().ip()]).latency(ms(12));
    world.net.at(addr()).connect_latency(ms(40)).refuse();
    let client = world.client();
    read(client.request(get())).await;
    let timeline = world.recorder.timeline(CallId(1));
    assert_drawn(
        &timeline.clone().ascii().width(70).to_string(),
        "
call 1  GET http://a.test/  FAILED after 52.00 ms
  x http://a.test: TCP to 192.0.2.1:80 failed: connection refused
    (nothing was sent)
                               at   took  0       52.00 ms
  acquire                    0.00  52.00  %%%%%%%%%%%%%%%x
    ` no connection
    resolve                  0.00  12.00  ####
    tcp       192.0.2.1:80  12.00  40.00     %%%%%%%%%%%%x
    ` connection refused
",
    );
    let colored = timeline.clone().colored().to_string();
    assert!(colored.contains("\x1b[31m▓"), "{colored}");
    let plain = colored.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    assert!(plain.collect::<String>().contains("connection refused"));
}

/// Two calls at once: the same scale, times from the first one's beginning, one scale for all.
#[tokio::test(start_paused = true)]
async fn calls_that_run_at_once_share_an_axis() {
    let (world, _origin) = World::usual();
    let client = world.client();
    let later = async {
        tokio::time::sleep(ms(100)).await;
        read(client.request(get())).await;
    };
    tokio::join!(read(client.request(get())), later);
    assert_drawn(
        &world.recorder.timelines().to_string(),
        "
                               at   took  0                   192.0 ms
call 1  GET http://a.test/  122.0 ms on new connection 1: h1, 192.0.2.1:80
  acquire                     0.0   52.0  ────────                      new connection 1
    resolve                   0.0   12.0  ██
    tcp       192.0.2.1:80   12.0   40.0   ███████
    handshake                52.0    0.0         ▏                      h1
  wait                       52.0   70.0         ███████████
  body                      122.0    0.0                   ▏            5 bytes
call 2  GET http://a.test/  92.0 ms on reused connection 1: h1, 192.0.2.1:80
  acquire                   100.0   22.0                ────            reused connection 1
  passed over               100.0                       ◆
              └ connection 1 to a.test passed over: it carries another request
  search                    100.0                       ◆               a new connection is opened
    resolve                 100.0   12.0                ███
    tcp       192.0.2.1:80  112.0   10.0                  ░░            given up
  wait                      122.0   70.0                   ███████████
  body                      192.0    0.0                             ▏  5 bytes
",
    );
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_drawn_until_now() {
    let (world, _origin) = World::usual();
    let client = world.client();
    let mut call = std::pin::pin!(client.request(get()));
    tokio::time::timeout(ms(30), call.as_mut()).await.unwrap_err();
    let now = world.executor.runtime().now();
    let timeline = world.recorder.timeline(CallId(1)).until(now);
    assert!(timeline.is_running());
    assert_drawn(
        &timeline.to_string(),
        "
call 1  GET http://a.test/  still running after 30.00 ms
                               at   took  0                                               30.00 ms
  acquire                    0.00    ...  ───────────────────────────────────────────────────────›
    resolve                  0.00  12.00  ███████████████████████
    tcp       192.0.2.1:80  12.00    ...                        █████████████████████████████████›
",
    );
}

/// A proxy of HTTP/2 has two: for its connection, and for the way through.
#[tokio::test(start_paused = true)]
async fn each_tunnel_names_its_hop_and_each_tls_its_peer() {
    let world = World::new();
    let addr = "192.0.2.7:3128".parse().unwrap();
    let _listener = world.net.listen(addr);
    let ctx = world.executor.ctx().with_call(CallId(1)).observer(Some(world.recorder.clone()));
    let route = fixtures::route("https://a.test", ["192.0.2.7:3128"], ctx.clone());
    let link = world.net.connector().connect(route).await.unwrap();
    let first = Proxy::new(ProxyKind::Https, "first.test", 443);
    let second = Proxy::new(ProxyKind::Socks5, "second.test", 1080);
    for (proxy, phases) in [
        (Some(&first), &[Phase::Tls, Phase::Tunnel][..]),
        (Some(&first), &[Phase::Tunnel]),
        (Some(&second), &[Phase::Tunnel]),
        (None, &[Phase::Tls]),
    ] {
        if let Some(proxy) = proxy {
            ctx.emit(Some(link.info.attempt), None, EventKind::AtProxy(proxy));
        }
        for phase in phases {
            let guard = link.phase(*phase);
            tokio::time::sleep(ms(10)).await;
            guard.done();
        }
    }
    let drawn = world.recorder.timeline(CallId(1)).to_string();
    let rows: Vec<_> = drawn
        .lines()
        .filter_map(|line| Some(line.trim().split_once("  ")?.0.to_owned() + " " + line.split_whitespace().nth(1)?))
        .collect();
    let expected = [
        "tcp 192.0.2.7:3128",
        "tls https://first.test:443",
        "tunnel https://first.test:443",
        "tunnel https://first.test:443",
        "tunnel socks5://second.test:1080",
        "tls a.test",
    ];
    assert_eq!(rows[rows.len() - 6..], expected, "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn no_line_is_longer_than_the_terminal_is_wide() {
    let world = World::new();
    world.net.host("a.test", [addr().ip()]).latency(ms(12));
    world.net.at(addr()).connect_latency(ms(40)).refuse();
    let client = world.client();
    read(client.request(get())).await;
    for width in 40..=300 {
        let drawn = world.recorder.timeline(CallId(1)).width(width).to_string();
        let widest = drawn.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width, "{width}: {widest}\n{drawn}");
        assert!(drawn.contains("resolve") && drawn.contains("refused"), "{drawn}");
    }
}

/// The events of tunnel and TLS, besides those of a stack in cleartext.
async fn tunnel_and_tls(net: &Network, ctx: Ctx) {
    let mut route = fixtures::route("https://a.test", ["192.0.2.7:3128"], ctx.clone());
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128)].into();
    ctx.emit(None, None, EventKind::PhaseStarted(Phase::Acquire));
    let mut link = net.connector().connect(route).await.unwrap();
    for (phase, took) in [(Phase::Tunnel, 22), (Phase::Tls, 41)] {
        let guard = link.phase(phase);
        tokio::time::sleep(ms(took)).await;
        guard.done();
    }
    let mut tls = fixtures::tls(Some(Protocol::Http2), ["a.test"]);
    (tls.version, tls.resumed) = (Some("1.3"), true);
    link.info.tls = Some(tls);
    let guard = link.phase(Phase::Handshake);
    tokio::time::sleep(ms(1)).await;
    guard.done();
    let info = link.info.freeze(Protocol::Http2);
    ctx.emit(Some(info.attempt), info.id, EventKind::Created(&info));
    ctx.emit(None, info.id, EventKind::PhaseEnded(Phase::Acquire, ms(69)));
    ctx.emit(None, info.id, EventKind::Acquired(Acquired::New));
    ctx.emit(None, None, EventKind::CallEnded(None));
}
