//! CONNECT over HTTP/2 (RFC 9113, section 8.5): many tunnels on one connection to the proxy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![allow(clippy::disallowed_methods, reason = "those who come at once are tasks")]

mod support;

use self::support::{World, all_of};
use bytes::Bytes;
use h2::{Reason, server};
use http::{HeaderMap, HeaderValue, Method, Response};
use skybridge_core::{
    CertificateScope, ConnectError, ConnectOptions, Connector as _, Ctx, Egress, EgressRefused, EgressRule, Io, Key,
    Link, Origin, Partition, Protocol, Proxy, ProxyAuth, ProxyHeaders, ProxyRequest, Route, Target, TlsConnect,
    TlsInfo,
};
use skybridge_testkit::{fixtures, net::Conn, proxy::ProxyServer};
use skybridge_tunnel::{TunnelError, TunnelIo, TunnelLayer};
use std::{
    future::{Future, Ready, poll_fn, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::Layer;

const PROXY: &str = "https://proxy.test:3128";

const CHALLENGE: &str = "HTTP/1.1 407 Who\r\nproxy-authenticate: Who\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// TLS that seals nothing, and whose peer has chosen this.
#[derive(Clone, Copy)]
struct Chosen(Option<Protocol>);

impl<I: Io> TlsConnect<I> for Chosen {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn tls_connect(&self, mut link: Link<I>, _: &str, _: &Ctx) -> Self::Future {
        let mut tls = TlsInfo::unknown();
        tls.alpn = self.0;
        link.info.tls = Some(tls);
        ready(Ok(link))
    }
}

/// Each authority, with the credentials that were shown.
type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// What a proxy does with tunnels.
#[derive(Clone)]
struct Peer {
    /// How many streams it allows.
    streams: u32,
    /// What each was asked for, with the credentials.
    asked: Asked,
    challenges: bool,
    refuses: bool,
    resets: Option<Reason>,
    goes: bool,
    /// It answers the first, and nobody after it.
    stalls: bool,
    /// Whoever asks for this gets no answer.
    silent: Option<&'static str>,
    /// What it reaches is another proxy, which challenges and hangs up.
    second: bool,
    /// Its refusals don't end.
    endless: bool,
    /// How long a field of its refusals is, and their body.
    field: usize,
    body: usize,
    /// With what it grants them.
    status: u16,
    /// Whoever asks for this is reset.
    rejects: Option<&'static str>,
    /// Whoever asks for this is refused the stream, so often.
    refused: Option<(&'static str, usize)>,
}

impl Peer {
    fn new() -> Self {
        let asked = Arc::default();
        Self {
            streams: 1000,
            asked,
            challenges: false,
            refuses: false,
            resets: None,
            goes: false,
            stalls: false,
            silent: None,
            second: false,
            endless: false,
            field: 5,
            body: 7,
            status: 200,
            rejects: None,
            refused: None,
        }
    }

    async fn serve(self, conn: Conn) {
        let mut connection =
            server::Builder::new().max_concurrent_streams(self.streams).handshake::<_, Bytes>(conn).await.unwrap();
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            assert_eq!((request.method(), request.uri().scheme()), (&Method::CONNECT, None));
            let shown = request.headers().get("proxy-authorization").map(|value| value.to_str().unwrap().to_owned());
            self.asked.lock().unwrap().push((request.uri().to_string(), shown.clone()));
            let is_silent = self.silent.is_some_and(|authority| request.uri() == authority);
            if is_silent || self.stalls && self.asked.lock().unwrap().len() == 2 {
                tokio::spawn(async move {
                    let _held = (request, answer);
                    std::future::pending::<()>().await;
                });
                continue;
            }
            assert!(answer.push_request(http::Request::new(())).is_err(), "nothing is to be pushed");
            if self.goes {
                connection.graceful_shutdown();
            }
            if self.rejects.is_some_and(|authority| request.uri() == authority) {
                answer.send_reset(Reason::CONNECT_ERROR);
                continue;
            }
            if let Some((authority, times)) = self.refused
                && request.uri() == authority
                && self.asked.lock().unwrap().iter().filter(|(other, _)| other == authority).count() <= times
            {
                answer.send_reset(Reason::REFUSED_STREAM);
                continue;
            }
            let say = |status: u16| Response::builder().status(status);
            if self.challenges && shown.is_none() {
                let who = say(407).header("proxy-authenticate", "Who").body(()).unwrap();
                answer.send_response(who, false).unwrap().send_data("who".into(), true).unwrap();
            } else if self.endless {
                let mut held = answer.send_response(say(407).body(()).unwrap(), false).unwrap();
                held.send_data("wh".repeat(self.body / 7).into(), false).unwrap();
                tokio::spawn(async move {
                    let _held = (request, held);
                    std::future::pending::<()>().await;
                });
            } else if self.refuses {
                let no = say(403).header("x-why", "rules".repeat(self.field / 5)).body(()).unwrap();
                answer
                    .send_response(no, false)
                    .unwrap()
                    .send_data("no way!".repeat(self.body / 7).into(), true)
                    .unwrap();
            } else {
                let mut send = answer.send_response(say(self.status).body(()).unwrap(), false).unwrap();
                let (resets, second) = (self.resets, self.second);
                tokio::spawn(async move {
                    let mut receive = request.into_body();
                    if second {
                        let head = receive.data().await.unwrap().unwrap();
                        receive.flow_control().release_capacity(head.len()).unwrap();
                        if !head.windows(8).any(|part| part == b"Answer 1") {
                            return send.send_data(CHALLENGE.into(), true).unwrap();
                        }
                        send.send_data("HTTP/1.1 200 OK\r\n\r\n".into(), false).unwrap();
                    }
                    while let Some(Ok(data)) = receive.data().await {
                        if let Some(reason) = resets {
                            return send.send_reset(reason);
                        }
                        receive.flow_control().release_capacity(data.len()).unwrap();
                        send.send_data(data, false).unwrap();
                    }
                    _ = send.send_data(Bytes::new(), true);
                });
            }
        }
    }
}

/// A layer with HTTP/2, over a proxy that serves so.
macro_rules! stage {
    ($world:ident, $peer:expr) => {{
        let (net, peer) = ($world.net.clone(), $peer);
        let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http2)));
        let World { net: _, executor, recorder, timeouts: _, listener } = $world;
        let serving = listener.serve(move |_, conn| peer.clone().serve(conn));
        (layer.layer(net.connector()), net, executor, recorder, serving)
    }};
}

async fn echoes(link: &mut Link<TunnelIo<Conn>>, text: &str) -> bool {
    link.io.write_all(text.as_bytes()).await.unwrap();
    let mut said = vec![0; text.len()];
    link.io.read_exact(&mut said).await.unwrap();
    said == text.as_bytes()
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

fn routes(world: &World, count: usize) -> Vec<Route> {
    (0..count).map(|i| world.route(&format!("https://a{i}.test"), &[PROXY])).collect()
}

#[tokio::test(start_paused = true)]
async fn fifty_tunnels_at_once_are_streams_of_one_connection_that_ends_with_the_last() {
    let world = World::new();
    let (routes, peer) = (routes(&world, 50), Peer::new());
    let asked = Arc::clone(&peer.asked);
    let (tunnels, net, executor, recorder, _serving) = stage!(world, peer);
    let connecting = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route)));
    let mut links = Vec::new();
    for connecting in connecting.collect::<Vec<_>>() {
        links.push(connecting.await.unwrap().unwrap());
    }
    assert_eq!(net.opened(), 1);
    for (i, link) in links.iter_mut().enumerate() {
        assert!(link.info.tunnelled && link.info.proxies_passed == 1 && link.info.tls.is_none());
        assert!(link.info.route.target.origin().to_string().contains(&format!("a{i}.test")));
        assert!(echoes(link, &format!("hello {i}")).await);
    }
    let mut asked: Vec<_> = asked.lock().unwrap().iter().map(|(authority, _)| authority.clone()).collect();
    asked.sort();
    asked.dedup();
    assert_eq!((asked.len(), asked.contains(&"a49.test:443".to_owned())), (50, true));
    links.truncate(1);
    a_moment().await;
    assert_eq!(net.live_sockets(), 1, "one tunnel is left");
    drop(links);
    a_moment().await;
    assert_eq!((net.live_sockets(), executor.tasks()), (0, 0));
    recorder.assert_balanced();
}

/// As [`Chosen`], by settings that can be replaced.
#[derive(Clone)]
struct Replaceable(Arc<Settings>);

#[derive(Default)]
struct Settings(AtomicBool);

impl CertificateScope for Settings {
    fn covers(&self, _: &Origin) -> bool {
        false
    }

    fn is_current(&self) -> bool {
        !self.0.load(SeqCst)
    }

    fn generation(&self) -> Option<u64> {
        Some(1)
    }
}

impl<I: Io> TlsConnect<I> for Replaceable {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn tls_connect(&self, mut link: Link<I>, _: &str, _: &Ctx) -> Self::Future {
        let settings: Arc<dyn CertificateScope> =
            if self.0.is_current() { Arc::<Settings>::clone(&self.0) } else { Arc::new(Settings::default()) };
        let mut tls = TlsInfo::new(settings);
        tls.alpn = Some(Protocol::Http2);
        link.info.tls = Some(tls);
        ready(Ok(link))
    }
}

/// What it carries goes on, and knows that its settings were replaced.
#[tokio::test(start_paused = true)]
async fn nobody_joins_a_connection_whose_settings_of_tls_were_replaced() {
    let world = World::new();
    let [first, joined, later, last] = routes(&world, 4).try_into().unwrap();
    let settings = Arc::new(Settings::default());
    let World { net, listener, .. } = world;
    let peer = Peer::new();
    let _serving = listener.serve(move |_, conn| peer.clone().serve(conn));
    let layer = TunnelLayer::new().http2(true).proxy_tls(Replaceable(Arc::clone(&settings)));
    let mut tunnels = layer.layer(net.connector());
    let mut older = [tunnels.connect(first).await.unwrap(), tunnels.connect(joined).await.unwrap()];
    assert_eq!(net.opened(), 1);
    assert!(older.iter().all(|link| link.info.proxy_settings.is_current()));
    settings.0.store(true, SeqCst);
    let newer = [tunnels.connect(later).await.unwrap(), tunnels.connect(last).await.unwrap()];
    assert_eq!(net.opened(), 2);
    assert!(newer.iter().all(|link| link.info.proxy_settings.is_current()));
    for link in &mut older {
        assert!(!link.info.proxy_settings.is_current() && echoes(link, "hello").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_allows_ten_streams_gets_a_connection_for_each_ten() {
    let world = World::new();
    let routes = routes(&world, 25);
    let (tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer { streams: 10, ..Peer::new() });
    let all: Vec<_> = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
    let mut links = Vec::new();
    for connecting in all {
        links.push(connecting.await.unwrap().unwrap());
    }
    assert_eq!(net.opened(), 3);
    for link in &mut links {
        assert!(echoes(link, "hello").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_carries_a_hundred_tunnels_and_a_place_that_is_left_is_free() {
    let world = World::new();
    let mut routes = routes(&world, 104).into_iter();
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut links = Vec::new();
    for route in routes.by_ref().take(100) {
        links.push(tunnels.connect(route).await.unwrap());
    }
    for route in routes.by_ref().take(3) {
        links.pop();
        links.push(tunnels.connect(route).await.unwrap());
    }
    assert_eq!(net.opened(), 1);
    links.push(tunnels.connect(routes.next().unwrap()).await.unwrap());
    assert_eq!(net.opened(), 2);
}

#[tokio::test(start_paused = true)]
async fn of_one_tunnel_a_quarter_of_a_mebibyte_may_lie_unread() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    world.net.at(support::proxy()).window(1024 * 1024);
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut link = tunnels.connect(route).await.unwrap();
    link.io.write_all(&vec![0; 1024 * 1024]).await.unwrap();
    a_moment().await;
    let said = net.wire(0).bytes_sent();
    assert!((256 * 1024..300 * 1024).contains(&said), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_hits_its_size_limit() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let peer = Peer { refuses: true, field: 100_000, ..Peer::new() };
    let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, peer);
    let error = tunnels.connect(route).await.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::Http2(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mebibyte_goes_through_and_each_half_ends_by_itself() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let link = tunnels.connect(route).await.unwrap();
    let (mut read, mut write) = tokio::io::split(link.io);
    let sent = (0..1024 * 1024).map(|i: u32| i as u8).collect::<Vec<_>>();
    let (mut said, to_send) = (Vec::new(), sent.clone());
    let writing = async {
        write.write_all(&to_send).await.unwrap();
        write.shutdown().await.unwrap();
        write.shutdown().await.unwrap();
    };
    let (read, ()) = tokio::join!(read.read_to_end(&mut said), writing);
    read.unwrap();
    assert!(said == sent);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_up_nobody_else() {
    let world = World::new();
    let routes = routes(&world, 2);
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut links = Vec::new();
    for route in routes {
        links.push(tunnels.connect(route).await.unwrap());
    }
    let mut other = links.pop().unwrap();
    // It comes back until the window is full.
    links[0].io.write_all(&vec![0; 8 * 1024 * 1024]).await.unwrap();
    a_moment().await;
    assert!(echoes(&mut other, "hello").await);
    assert_eq!(net.opened(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_leaves_the_connection_to_the_others() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let (mut tunnels, net, executor, recorder, _serving) = stage!(world, Peer { refuses: true, ..Peer::new() });
    let error = tunnels.connect(route).await.unwrap_err();
    let Some(TunnelError::Refused { status, headers, body, .. }) = error.source_as() else { panic!("{error:?}") };
    assert_eq!((status.as_u16(), &headers["x-why"], &body[..]), (403, &"rules".parse().unwrap(), &b"no way!"[..]));
    assert!(all_of(&error).contains("no tunnel through https://proxy.test:3128"));
    a_moment().await;
    assert_eq!((net.live_sockets(), executor.tasks()), (0, 0));
    recorder.assert_balanced();
}

/// Who has refused credentials isn't asked by another way, as after a time limit.
#[tokio::test(start_paused = true)]
async fn a_407_without_end_still_refuses_the_credentials() {
    let world = World::new();
    let route = world.route("https://a.test", &["https://alice:secret@proxy.test:3128"]);
    let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, Peer { endless: true, ..Peer::new() });
    let error = tunnels.connect(route).await.unwrap_err();
    let Some(TunnelError::Refused { status, body, authorized, .. }) = error.source_as() else { panic!("{error:?}") };
    assert_eq!((status.as_u16(), &body[..], *authorized, error.is_fatal()), (407, &b"wh"[..], true, true));
}

/// Where the whole way to it is the same, and all that is shown on it.
#[tokio::test(start_paused = true)]
async fn tunnels_through_a_later_proxy_of_a_chain_share_its_connection_and_the_way_to_it() {
    let world = World::new();
    let chain = |url: &str, first: &str| world.route(url, &[first, "https://two.test:3129"]);
    let routes: Vec<_> = (0..4).map(|i| chain(&format!("https://a{i}.test"), "http://one.test:3128")).collect();
    let elsewhere = chain("https://b.test", "http://alice:secret@one.test:3128");
    let (peer, net) = (Peer::new(), world.net.clone());
    let asked = Arc::clone(&peer.asked);
    let World { listener, executor, .. } = world;
    let _serving = listener.serve(move |_, mut conn| {
        let peer = peer.clone();
        async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                conn.read_buf(&mut head).await.unwrap();
            }
            assert!(head.starts_with(b"CONNECT two.test:3129 HTTP/1.1\r\n"));
            conn.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            peer.serve(conn).await;
        }
    });
    let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http2)));
    let tunnels = layer.layer(net.connector());
    let connecting: Vec<_> = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
    let mut links = Vec::new();
    for connecting in connecting {
        links.push(connecting.await.unwrap().unwrap());
    }
    for (i, link) in links.iter_mut().enumerate() {
        assert!(echoes(link, &format!("hello {i}")).await);
        assert_eq!((link.info.tunnelled, link.info.proxies_passed), (true, 2));
    }
    assert_eq!(net.opened(), 1);
    let mut other = tunnels.clone().connect(elsewhere).await.unwrap();
    assert!(echoes(&mut other, "hello").await);
    assert_eq!(net.opened(), 2);
    let mut authorities: Vec<_> = asked.lock().unwrap().iter().map(|(authority, _)| authority.clone()).collect();
    authorities.sort_unstable();
    assert_eq!(authorities, ["a0.test:443", "a1.test:443", "a2.test:443", "a3.test:443", "b.test:443"]);
    drop((links, other, tunnels));
    executor.assert_idle().await;
    assert_eq!(net.live_sockets(), 0);
}

/// Nothing was done for a tunnel that is refused so (RFC 9113, section 8.7).
#[tokio::test(start_paused = true)]
async fn a_tunnel_that_is_refused_its_stream_has_another_connection_once() {
    for refusals in [1, 9] {
        let world = World::new();
        let routes = routes(&world, 2);
        let peer = Peer { refused: Some(("a1.test:443", refusals)), ..Peer::new() };
        let asked = Arc::clone(&peer.asked);
        let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, peer);
        let mut routes = routes.into_iter();
        let mut first = tunnels.connect(routes.next().unwrap()).await.unwrap();
        let second = tunnels.connect(routes.next().unwrap()).await;
        match second {
            Ok(mut link) => assert!(refusals == 1 && echoes(&mut link, "hello").await),
            Err(error) => assert!(refusals == 9 && matches!(error.source_as(), Some(TunnelError::Http2(_))), "{error}"),
        }
        assert_eq!((net.opened(), asked.lock().unwrap().len()), (2, 3));
        assert!(echoes(&mut first, "the first goes on").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_chose_http1_is_asked_again_after_a_while() {
    let world = World::new();
    let routes = routes(&world, 5);
    let net = world.net.clone();
    let origin = net.listen("192.0.2.9:443".parse().unwrap());
    (0..5).for_each(|i| _ = net.host(&format!("a{i}.test"), ["192.0.2.9".parse().unwrap()]));
    net.at(support::proxy()).connect_latency(Duration::from_millis(50));
    let World { listener, executor: _executor, .. } = world;
    let _proxy = ProxyServer::http().serve_on(listener, &net);
    let tunnels = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http1))).layer(net.connector());
    let mut routes = routes.into_iter();
    tunnels.clone().connect(routes.next().unwrap()).await.unwrap();
    // The second of two waits for the answer to the first.
    for (after, takes) in [(299, 50), (2, 100)] {
        tokio::time::sleep(Duration::from_secs(after)).await;
        let begun = tokio::time::Instant::now();
        let both = routes.by_ref().take(2).map(|route| tokio::spawn(tunnels.clone().connect(route)));
        for connecting in both.collect::<Vec<_>>() {
            connecting.await.unwrap().unwrap();
        }
        assert_eq!(begun.elapsed().as_millis(), takes);
    }
    drop(origin);
}

struct Answers;

impl ProxyAuth for Answers {
    fn identity(&self) -> &[u8] {
        b"answers"
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        challenge.map(|_| HeaderValue::from_static("Me"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_is_answered_on_another_stream_and_credentials_are_not_shared() {
    let world = World::new();
    let (mut route, peer) = (world.route("https://a.test", &[]), Peer { challenges: true, ..Peer::new() });
    route.proxies = [Proxy::parse(PROXY).unwrap().auth(Answers)].into();
    let stranger = world.route("https://b.test", &["https://mallory:pw@proxy.test:3128"]);
    let asked = Arc::clone(&peer.asked);
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, peer);
    let mut link = tunnels.connect(route).await.unwrap();
    assert!(echoes(&mut link, "hello").await);
    let shown: Vec<_> = asked.lock().unwrap().iter().map(|(_, shown)| shown.clone()).collect();
    assert_eq!((shown, net.opened()), (vec![None, Some("Me".to_owned())], 1));
    let _other = tunnels.connect(stranger).await.unwrap();
    assert_eq!(net.opened(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_challenges_and_goes_away_is_answered_on_a_new_connection() {
    let world = World::new();
    let (mut route, peer) = (world.route("https://a.test", &[]), Peer { challenges: true, goes: true, ..Peer::new() });
    route.proxies = [Proxy::parse(PROXY).unwrap().auth(Answers)].into();
    let asked = Arc::clone(&peer.asked);
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, peer);
    let mut link = tunnels.connect(route).await.unwrap();
    assert!(echoes(&mut link, "hello").await);
    let shown: Vec<_> = asked.lock().unwrap().iter().map(|(_, shown)| shown.clone()).collect();
    assert_eq!((shown, net.opened()), (vec![None, Some("Me".to_owned())], 2));
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_a_tunnel_is_its_cause() {
    for reason in [Reason::CONNECT_ERROR, Reason::CANCEL] {
        let world = World::new();
        let route = world.route("https://a.test", &[PROXY]);
        let peer = Peer { resets: Some(reason), ..Peer::new() };
        let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, peer);
        let mut link = tunnels.connect(route).await.unwrap();
        link.io.write_all(b"hello").await.unwrap();
        let error = link.io.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<h2::Error>()).unwrap();
        assert_eq!(cause.reason(), Some(reason));
    }
}

#[tokio::test(start_paused = true)]
async fn any_2xx_is_a_success() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, Peer { status: 299, ..Peer::new() });
    assert!(echoes(&mut tunnels.connect(route).await.unwrap(), "hello").await);
}

#[tokio::test(start_paused = true)]
async fn of_a_long_refusal_16_kib_are_kept_and_no_more_is_waited_for() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let begun = tokio::time::Instant::now();
    let peer = Peer { endless: true, body: 100_000, ..Peer::new() };
    let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, peer);
    let error = tunnels.connect(route).await.unwrap_err();
    let Some(TunnelError::Refused { body, .. }) = error.source_as() else { panic!("{error:?}") };
    assert_eq!((body.len(), begun.elapsed()), (16 * 1024, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn partitions_and_egress_policies_have_connections_of_their_own() {
    let world = World::new();
    let with = |change: fn(&mut ConnectOptions)| {
        let (mut route, mut options) = (world.route("https://a.test", &[PROXY]), ConnectOptions::default());
        change(&mut options);
        route.target = Target::new(Key::new(fixtures::key("https://a.test").origin, options), world.ctx());
        route
    };
    let routes = [
        with(|_| {}),
        with(|options| options.partition = Some(Partition::new("one"))),
        with(|options| options.partition = Some(Partition::new("two"))),
        with(|options| options.egress = Egress::any().deny(EgressRule::new().port(1))),
    ];
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut links = Vec::new();
    for (i, route) in routes.iter().enumerate() {
        links.push(tunnels.connect(route.clone()).await.unwrap());
        links.push(tunnels.connect(route.clone()).await.unwrap());
        assert_eq!(net.opened(), i + 1);
    }
}

/// What a caller can make grow has a bound.
#[tokio::test(start_paused = true)]
async fn with_256_proxies_one_more_is_not_shared_until_others_are_gone() {
    let world = World::new();
    let route = |user: usize| world.route("https://a.test", &[&format!("https://u{user}:p@proxy.test:3128")]);
    let routes: Vec<_> = (0..257).chain([256, 257, 257]).map(route).collect();
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let (mut links, mut routes) = (Vec::new(), routes.into_iter());
    for route in routes.by_ref().take(258) {
        links.push(tunnels.connect(route).await.unwrap());
    }
    assert_eq!(net.opened(), 258);
    links.clear();
    a_moment().await;
    for route in routes {
        links.push(tunnels.connect(route).await.unwrap());
    }
    assert_eq!(net.opened(), 259);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_away_is_joined_by_nobody() {
    let world = World::new();
    let routes = routes(&world, 3);
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer { goes: true, ..Peer::new() });
    let mut links = Vec::new();
    for route in routes {
        links.push(tunnels.connect(route).await.unwrap());
        a_moment().await;
    }
    assert_eq!(net.opened(), 3);
    for link in &mut links {
        assert!(echoes(link, "hello").await, "what it carries goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_joined_a_connection_that_answers_no_more_gets_another_which_is_shared() {
    let world = World::new();
    let routes = routes(&world, 3);
    let begun = tokio::time::Instant::now();
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer { stalls: true, ..Peer::new() });
    let mut links = Vec::new();
    for route in routes {
        links.push(tunnels.connect(route).await.unwrap());
    }
    assert_eq!((net.opened(), begun.elapsed().as_secs()), (2, 10), "after the limit of a tunnel");
    for link in &mut links {
        assert!(echoes(link, "hello").await, "what it carries goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_joins_when_settings_are_known_whatever_becomes_of_the_first_tunnel() {
    let world = World::new();
    let routes = routes(&world, 5);
    let begun = tokio::time::Instant::now();
    let peer = Peer { silent: Some("a0.test:443"), ..Peer::new() };
    let (tunnels, net, _executor, _recorder, _serving) = stage!(world, peer);
    let all: Vec<_> = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
    let (mut all, mut links) = (all.into_iter(), Vec::new());
    let first = all.next().unwrap();
    for connecting in all {
        links.push(connecting.await.unwrap().unwrap());
    }
    assert_eq!((net.opened(), begun.elapsed()), (1, Duration::ZERO));
    let error = first.await.unwrap().unwrap_err();
    assert_eq!((error.timed_out().is_some(), begun.elapsed().as_secs()), (true, 10));
    for link in &mut links {
        assert!(echoes(link, "hello").await);
    }
}

/// However late it is polled, and although another who waited has left.
#[tokio::test(start_paused = true)]
async fn who_waits_has_a_place_also_when_the_first_tunnel_is_over() {
    let world = World::new();
    let mut routes = routes(&world, 3).into_iter();
    let (mut tunnels, net, executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut connect = || Box::pin(tunnels.connect(routes.next().unwrap()));
    let (mut first, mut second, mut third) = (connect(), connect(), connect());
    for connecting in [&mut first, &mut second, &mut third] {
        assert!(poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx).is_pending())).await);
    }
    drop(first.await.unwrap());
    drop(third);
    a_moment().await;
    let mut second = second.await.unwrap();
    assert_eq!(net.opened(), 1);
    assert!(echoes(&mut second, "hello").await);
    drop(second);
    a_moment().await;
    assert_eq!((net.live_sockets(), executor.tasks()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_without_an_answer_leaves_a_connection_that_answers_others() {
    for rejects in [None, Some("a2.test:443")] {
        let world = World::new();
        let mut routes = routes(&world, 4).into_iter();
        let mut next = || routes.next().unwrap();
        let (first, silent, third, fourth) = (next(), next(), next(), next());
        let peer = Peer { silent: Some("a1.test:443"), rejects, ..Peer::new() };
        let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, peer);
        let _first = tunnels.connect(first).await.unwrap();
        let silent = tokio::spawn(tunnels.connect(silent));
        tokio::time::sleep(Duration::from_secs(5)).await;
        // One that was granted, and one that was reset.
        assert_eq!(tunnels.connect(third).await.is_ok(), rejects.is_none());
        assert!(silent.await.unwrap().unwrap_err().timed_out().is_some());
        let mut fourth = tunnels.connect(fourth).await.unwrap();
        assert!(echoes(&mut fourth, "hello").await);
        assert_eq!(net.opened(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_for_a_proxy_that_says_nothing_waits_no_second_time() {
    let world = World::new();
    let routes = routes(&world, 5);
    let begun = tokio::time::Instant::now();
    let net = world.net.clone();
    let World { listener, executor: _executor, .. } = world;
    let _serving = listener.serve(|_, conn| async move {
        let _held = conn;
        std::future::pending::<()>().await;
    });
    let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http2)));
    let tunnels = layer.layer(net.connector());
    let all: Vec<_> = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
    for connecting in all {
        assert!(connecting.await.unwrap().unwrap_err().timed_out().is_some());
    }
    assert_eq!((net.opened(), begun.elapsed().as_secs()), (5, 20));
}

/// Whoever meets only connections that are about to end would join one after the other.
#[tokio::test(start_paused = true)]
async fn after_two_joined_connections_that_ended_there_is_one_of_its_own() {
    let world = World::new();
    let mut routes = routes(&world, 5).into_iter();
    let first = routes.next().unwrap();
    let silent = || world.route("https://a1.test", &[PROXY]);
    let (before, joins, later) = (silent(), silent(), silent());
    let (mut tunnels, net, _executor, _recorder, _serving) =
        stage!(world, Peer { silent: Some("a1.test:443"), ..Peer::new() });
    let _first = tunnels.connect(first).await.unwrap();
    // Each gives up the connection that the one after it has joined, and opens another, which is joined too.
    let before = tokio::spawn(tunnels.connect(before));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = tokio::time::Instant::now();
    let joins = tokio::spawn(tunnels.connect(joins));
    tokio::time::sleep(Duration::from_millis(19_500)).await;
    assert_eq!(net.opened(), 2);
    let later = tokio::spawn(tunnels.connect(later));
    let error = joins.await.unwrap().unwrap_err();
    assert_eq!((error.timed_out().is_some(), begun.elapsed().as_secs()), (true, 30));
    for other in [before, later] {
        assert!(other.await.unwrap().unwrap_err().timed_out().is_some());
    }
    assert_eq!(net.opened(), 4);
}

/// The connection that was joined has ended too, but what the proxy said of the credentials holds on any.
#[tokio::test(start_paused = true)]
async fn who_has_joined_and_was_refused_for_good_is_not_asked_again_elsewhere() {
    let mut world = World::new();
    let proxy = "https://alice:secret@proxy.test:3128";
    let (first, joins) = (world.route("https://a.test", &[proxy]), world.route("https://b.test", &[proxy]));
    world.timeouts.tunnel = Some(Duration::from_secs(3));
    let silent = world.route("https://c.test", &[proxy]);
    let peer = Peer { endless: true, silent: Some("c.test:443"), ..Peer::new() };
    let asked = Arc::clone(&peer.asked);
    let (mut tunnels, net, _executor, _recorder, _serving) = stage!(world, peer);
    let mut all = Vec::new();
    for route in [first, joins, silent] {
        all.push(tokio::spawn(tunnels.connect(route)));
        a_moment().await;
    }
    assert_eq!(net.opened(), 1);
    let silent = all.pop().unwrap().await.unwrap().unwrap_err();
    assert!(silent.timed_out().is_some(), "{silent:?}");
    for refused in all {
        let error = refused.await.unwrap().unwrap_err();
        assert!(matches!(error.source_as(), Some(TunnelError::Refused { authorized: true, .. })) && error.is_fatal());
    }
    let asked: Vec<_> = asked.lock().unwrap().iter().map(|(authority, _)| authority.clone()).collect();
    assert_eq!(asked, ["a.test:443", "b.test:443", "c.test:443", "c.test:443"]);
}

/// TLS that seals nothing, and whose peer chooses HTTP/2 if it is `proxy.test`.
#[derive(Clone, Copy)]
struct ChosenByName;

impl<I: Io> TlsConnect<I> for ChosenByName {
    type Io = I;
    type Future = Ready<Result<Link<I>, ConnectError>>;

    fn tls_connect(&self, link: Link<I>, name: &str, ctx: &Ctx) -> Self::Future {
        let chosen = if name == "proxy.test" { Protocol::Http2 } else { Protocol::Http1 };
        Chosen(Some(chosen)).tls_connect(link, name, ctx)
    }
}

#[tokio::test(start_paused = true)]
async fn proxies_of_http1_are_forgotten_where_256_leave_no_room_for_one_of_http2() {
    let world = World::new();
    let older: Vec<_> =
        (0..256).map(|i| world.route("https://a.test", &[&format!("https://old{i}.test:3128")])).collect();
    let shared = routes(&world, 2);
    let (peer, net) = (Peer::new(), world.net.clone());
    let opened = net.clone();
    let World { listener, executor: _executor, .. } = world;
    let _serving = listener.serve(move |_, mut conn| {
        let (peer, is_old) = (peer.clone(), opened.opened() <= 256);
        async move {
            if !is_old {
                return peer.serve(conn).await;
            }
            conn.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            // Until the tunnel is dropped.
            while conn.read(&mut [0; 256]).await.is_ok_and(|length| length > 0) {}
        }
    });
    let mut tunnels = TunnelLayer::new().http2(true).proxy_tls(ChosenByName).layer(net.connector());
    for route in older {
        tunnels.connect(route).await.unwrap();
    }
    let mut links = Vec::new();
    for route in shared {
        links.push(tunnels.connect(route).await.unwrap());
    }
    assert_eq!(net.opened(), 257, "both are streams of one connection");
}

#[tokio::test(start_paused = true)]
async fn after_its_end_nothing_is_written() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let (mut tunnels, _net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut link = tunnels.connect(route).await.unwrap();
    link.io.shutdown().await.unwrap();
    let written = tokio::time::timeout(Duration::from_secs(1), link.io.write(b"more")).await;
    assert_eq!(written.unwrap().unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_later_proxy_that_challenges_and_hangs_up_is_answered_by_who_opens_and_by_who_joins() {
    let world = World::new();
    let peer = Peer { second: true, ..Peer::new() };
    let asked = Arc::clone(&peer.asked);
    let second = Proxy::parse("http://second.test:8080").unwrap().auth(Counted);
    let routes: Vec<_> = (0..3)
        .map(|i| {
            let mut route = world.route(&format!("https://a{i}.test"), &[PROXY]);
            route.proxies = [route.proxies[0].clone(), second.clone()].into();
            route
        })
        .collect();
    let (mut tunnels, net, executor, recorder, _serving) = stage!(world, peer);
    let mut links = Vec::new();
    for route in routes {
        links.push(tunnels.connect(route).await.unwrap());
    }
    for link in &mut links {
        assert!(link.info.proxies_passed == 2 && echoes(link, "hello").await);
    }
    // The first found nobody on the connection when it came back, and has opened another.
    assert_eq!((asked.lock().unwrap().len(), net.opened()), (6, 2));
    drop(links);
    a_moment().await;
    assert_eq!((net.live_sockets(), executor.tasks()), (0, 0));
    recorder.assert_balanced();
}

/// Counts the challenges that it answers.
struct Counted;

impl ProxyAuth for Counted {
    fn identity(&self) -> &[u8] {
        b"counted"
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        challenge.map(|_| HeaderValue::from_static("Answer 1"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_reads_no_more_keeps_no_connection_without_tunnels() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    world.net.at(support::proxy()).window(1024);
    let (mut tunnels, net, executor, _recorder, _serving) = stage!(world, Peer::new());
    let mut link = tunnels.connect(route).await.unwrap();
    net.wire(0).stall();
    link.io.write_all(&[0; 32 * 1024]).await.unwrap();
    a_moment().await;
    drop(link);
    a_moment().await;
    assert_eq!(executor.tasks(), 1, "it says good-bye");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(executor.tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn when_who_opens_it_leaves_the_others_get_there() {
    let world = World::new();
    let routes = routes(&world, 5);
    world.net.at(support::proxy()).connect_latency(Duration::from_millis(50));
    let (tunnels, net, _executor, _recorder, _serving) = stage!(world, Peer::new());
    let all: Vec<_> = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
    a_moment().await;
    assert_eq!(net.connects_to(support::proxy()), 1, "three wait");
    let mut all = all.into_iter();
    all.next().unwrap().abort();
    for connecting in all {
        assert!(echoes(&mut connecting.await.unwrap().unwrap(), "hello").await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_chooses_http1_gets_a_connection_for_each_tunnel() {
    let world = World::new();
    let routes = routes(&world, 3);
    let net = world.net.clone();
    let origin = net.listen("192.0.2.9:443".parse().unwrap());
    (0..3).for_each(|i| _ = net.host(&format!("a{i}.test"), ["192.0.2.9".parse().unwrap()]));
    let World { listener, executor: _executor, .. } = world;
    let proxy = ProxyServer::http().serve_on(listener, &net);
    let tunnels = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http1))).layer(net.connector());
    let all: Vec<_> = routes.into_iter().map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
    for connecting in all {
        assert!(connecting.await.unwrap().unwrap().info.tunnelled);
    }
    assert_eq!(proxy.connections(), 3);
    drop(origin);
}

/// Nobody waits for somebody else's connection where it can't be shared.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_speaks_no_http2_is_connected_to_at_once() {
    let rows = [
        ("https://a.test", "http://proxy.test:3128", false),
        ("https://a.test", PROXY, false),
        ("https://a.test", PROXY, true),
        ("http://a.test", PROXY, false),
    ];
    for (url, proxy, waits) in rows {
        let world = World::new();
        let net = world.net.clone();
        let origin = net.listen("192.0.2.9:443".parse().unwrap());
        net.host("a.test", ["192.0.2.9".parse().unwrap()]);
        net.at(support::proxy()).connect_latency(Duration::from_millis(50));
        let routes: Vec<_> = (0..4).map(|_| world.route(url, &[proxy])).collect();
        let World { listener, executor: _executor, .. } = world;
        let _proxy = ProxyServer::http().serve_on(listener, &net);
        let tunnels = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http1))).layer(net.connector());
        let mut routes = routes.into_iter();
        if (url, proxy, waits) == rows[1] {
            // It is known by then.
            tunnels.clone().connect(routes.next().unwrap()).await.unwrap();
        }
        let begun = tokio::time::Instant::now();
        let all: Vec<_> = routes.map(|route| tokio::spawn(tunnels.clone().connect(route))).collect();
        for connecting in all {
            connecting.await.unwrap().unwrap();
        }
        assert_eq!(begun.elapsed().as_millis(), if waits { 100 } else { 50 }, "{url} by {proxy}");
        drop(origin);
    }
}

#[tokio::test(start_paused = true)]
async fn where_it_is_off_nothing_is_said_in_http2() {
    let world = World::new();
    let route = world.route("https://a.test", &[PROXY]);
    let mut tunnels = TunnelLayer::new().proxy_tls(Chosen(Some(Protocol::Http2))).layer(world.net.connector());
    let error = tunnels.connect(route).await.unwrap_err();
    assert!(matches!(error.source_as(), Some(TunnelError::NoHttp2)) && error.is_fatal());
    assert_eq!(world.net.wire(0).other_end().bytes_sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_proxy_that_forwards_has_chosen_is_a_fact_of_the_link() {
    for (chosen, on) in [(Protocol::Http2, true), (Protocol::Http1, true), (Protocol::Http2, false)] {
        let world = World::new();
        let route = world.route("http://a.test", &[PROXY]);
        let layer = TunnelLayer::new().http2(on).proxy_tls(Chosen(Some(chosen)));
        let linked = layer.layer(world.net.connector()).connect(route).await;
        if !on {
            let error = linked.unwrap_err();
            assert!(matches!(error.source_as(), Some(TunnelError::NoHttp2)) && error.is_fatal());
            continue;
        }
        let info = linked.unwrap().info;
        let expected = (chosen == Protocol::Http2).then_some(Protocol::Http2);
        assert_eq!((info.forwarded, info.proxies_passed, info.protocol), (true, 1, expected));
        // Whatever speaks another version refuses it.
        let fit = [Protocol::Http1, Protocol::Http2].map(|version| info.fit_for_version(version).is_ok());
        assert_eq!(fit, if expected.is_some() { [false, true] } else { [true, true] });
    }
}

/// Behind others, too, which give tunnels.
#[tokio::test(start_paused = true)]
async fn the_last_of_a_chain_forwards_in_http2_as_the_first_does() {
    let world = World::new();
    let route = world.route("http://a.test", &["http://one.test:3128", "https://two.test:3129"]);
    let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http2)));
    let connecting = layer.layer(world.net.connector()).connect(route);
    let proxy = async {
        let mut proxy = world.accept().await;
        assert_eq!(proxy.head().await.line(), "CONNECT two.test:3129 HTTP/1.1");
        proxy.send("HTTP/1.1 200 OK\r\n\r\n").await;
        proxy
    };
    let (linked, _proxy) = tokio::join!(connecting, proxy);
    let info = linked.unwrap().info;
    assert_eq!((info.forwarded, info.proxies_passed, info.protocol), (true, 2, Some(Protocol::Http2)));
}

/// Who opened the connection was judged for another origin.
#[tokio::test(start_paused = true)]
async fn who_joins_a_connection_is_judged_for_the_proxy_as_who_opens_one() {
    let world = World::new();
    let egress = Egress::any().deny(EgressRule::new().port(3128).host("b.test").unwrap());
    let mut options = ConnectOptions::default();
    options.egress = egress;
    let route = |url: &str| {
        let mut route = world.route(url, &[PROXY]);
        route.target = Target::new(Key::new(fixtures::key(url).origin, options.clone()), world.ctx());
        route
    };
    let (allowed, denied) = (route("https://a.test"), route("https://b.test"));
    let (peer, net) = (Peer::new(), world.net.clone());
    let World { listener, executor: _executor, .. } = world;
    let _serving = listener.serve(move |_, conn| peer.clone().serve(conn));
    let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http2)));
    let mut tunnels = layer.layer(net.connector());
    let _first = tunnels.connect(allowed).await.unwrap();
    let error = tunnels.connect(denied).await.unwrap_err();
    assert!(error.source_as::<EgressRefused>().is_some() && error.is_fatal(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn connect_has_the_proxys_headers_the_user_agent_and_nothing_else() {
    let world = World::new();
    let mut route = world.route("https://a.test", &["https://alice:secret@proxy.test:3128"]);
    let fields = HeaderMap::from_iter([("x-session".parse().unwrap(), HeaderValue::from_static("7"))]);
    route.proxies = [route.proxies[0].clone().headers(ProxyHeaders::new(&fields).unwrap())].into();
    let layer = TunnelLayer::new().http2(true).proxy_tls(Chosen(Some(Protocol::Http2)));
    let mut connector = layer.layer(world.net.connector());
    let proxy = async {
        let mut connection = server::handshake(world.listener.accept().await.0).await.unwrap();
        let (request, mut answer) = connection.accept().await.unwrap().unwrap();
        let _stream = answer.send_response(Response::new(()), false).unwrap();
        let mut told: Vec<_> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        told.sort_unstable();
        let agent = concat!("user-agent: skybridge/", env!("CARGO_PKG_VERSION"));
        assert_eq!(told, ["proxy-authorization: Basic YWxpY2U6c2VjcmV0", agent, "x-session: 7"]);
        std::future::poll_fn(|cx| connection.poll_closed(cx)).await.unwrap();
    };
    let connected = async { drop(connector.connect(route).await.unwrap()) };
    tokio::join!(connected, proxy);
}
