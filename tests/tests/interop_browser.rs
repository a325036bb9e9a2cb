//! A real browser, named by `cargo xtask interop`: what the inspector shows is there to be seen, and nothing of it is
//! refused by its own policy; and a WebSocket through the reverse proxy, over HTTP/2 too, and of curl.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::{Router, response::Html, routing::get, serve::Listener};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{StatusCode, Uri};
use skybridge::{Client, inspect};
use skybridge_reverse_proxy::ReverseProxy;
use skybridge_testkit::{
    certs::{Cert, SelfSigned},
    h1::Script,
    origin::Origin,
};
use skybridge_tests::named;
use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// It isn't loaded before `/after` has come, and that comes once `/seen` is told what became of the WebSocket.
const CHAT: &str = r#"<!doctype html><link rel="icon" href="data:,"><script>
const heard = [];
const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/chat`);
socket.onmessage = ({data}) => {
  heard.push(data);
  if (heard.length < 4) socket.send(`ping ${heard.length}`); else socket.close(1000, "enough");
};
socket.onclose = ({code, reason, wasClean}) => fetch(`/seen?${[...heard, code, reason, wasClean].join("/")}`);
</script><img src="/after">"#;

/// Chromium without a window, with a profile of its own that goes away.
struct Browser(PathBuf);

impl Browser {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("skybridge-browser-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(named("SKYBRIDGE_CHROMIUM"));
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--window-size=800,900",
        ]);
        command.arg(format!("--user-data-dir={}", self.0.join("profile").display())).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// The document as the browser has understood it.
    fn document(&self, url: &str) -> String {
        self.document_by(&[], url)
    }

    fn document_by(&self, arguments: &[&str], url: &str) -> String {
        let output = self.run(&[arguments, &["--dump-dom", url]].concat());
        let log = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How large a picture of it is: of a blank one by far less.
    fn picture(&self, url: &str) -> usize {
        let file = self.0.join("picture.png");
        self.run(&[&format!("--screenshot={}", file.display()), url]);
        std::fs::read(file).unwrap().len()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_shows_the_inspector_and_a_waterfall_and_refuses_nothing() {
    let origin = Origin::h1().start().await;
    let client = Client::builder().keep_calls().build();
    client.get(origin.url("/seen")).await.unwrap().into_body().text().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/inspect", listener.local_addr().unwrap());
    let app = axum::Router::new().nest_service("/inspect", inspect(&client));
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, app).await });

    let browser = Browser::new("inspector");
    let page = browser.document(&format!("{base}?call=1"));
    for expected in ["The latest 1 of 1 calls", "/seen</td>", "idle for", "<svg", "href=\"?call=1\""] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let picture = browser.document(&format!("{base}/calls/1.svg"));
    assert!(picture.contains("<svg") && picture.contains("/seen"), "{picture}");
    let blank = browser.picture("about:blank");
    for url in [format!("{base}?call=1"), format!("{base}/calls/1.svg")] {
        let size = browser.picture(&url);
        assert!(size > 4 * blank, "{url}: {size} bytes, a blank one {blank}");
    }
}

/// SHA-1 (RFC 3174), which a WebSocket's handshake is made with.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = [message, &[0x80]].concat();
    padded.resize(padded.len() + (120 - padded.len() % 64) % 64, 0);
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut hash = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(64) {
        let mut words: Vec<_> =
            block.chunks_exact(4).map(|word| u32::from_be_bytes(word.try_into().unwrap())).collect();
        for at in 16..80 {
            words.push((words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (at, word) in words.iter().enumerate() {
            let (mixed, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in hash.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    std::array::from_fn(|at| hash[at / 4].to_be_bytes()[at % 4])
}

/// A frame of a server (RFC 6455, section 5.2): the whole of a message.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, u8::try_from(payload.len()).unwrap()], payload].concat()
}

/// The next frame of a client, which masks them.
async fn received(peer: &mut Script<TcpStream>) -> (u8, Vec<u8>) {
    let head = peer.take(6).await;
    assert!(head[1] & 0x80 != 0 && head[1] & 0x7f < 126, "{head:?}");
    let masked = peer.take(usize::from(head[1] & 0x7f)).await;
    (head[0] & 0xf, masked.iter().zip(head[2..].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())
}

/// A WebSocket's server, and the proxy in front of it, which gets what `routes` hasn't.
async fn proxied(routes: Router) -> (TcpListener, String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (upstream, server) = served(listener, routes).await;
    (upstream, url, server)
}

/// As [`proxied`], by TLS.
async fn proxied_by_tls(routes: Router, cert: &Cert) -> (TcpListener, String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = Arc::new(cert.server(&["h2", "http/1.1"])).into();
    let (upstream, server) = served(Tls(listener, acceptor), routes).await;
    (upstream, url, server)
}

async fn served<L>(listener: L, routes: Router) -> (TcpListener, JoinSet<()>)
where
    L: Listener<Addr: std::fmt::Debug>,
{
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = ReverseProxy::new(Client::new(), format!("http://{}", upstream.local_addr().unwrap()).parse().unwrap());
    let app = routes.fallback_service(proxy.unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, app).await.unwrap() });
    (upstream, server)
}

/// A browser opens connections that it doesn't use: who is next isn't kept waiting for their handshake by more than a
/// second.
struct Tls(TcpListener, TlsAcceptor);

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((io, from)) = self.0.accept().await else { continue };
            if let Ok(Ok(io)) = timeout(Duration::from_secs(1), self.1.accept(io)).await {
                return (io, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// What is asked for, and answered so that a WebSocket begins.
async fn upgraded(upstream: &TcpListener, via: &str) -> Script<TcpStream> {
    let mut peer = Script::new(upstream.accept().await.unwrap().0);
    let asked = peer.request().await;
    assert_eq!(asked.header("via"), Some(via));
    assert_eq!((asked.line(), asked.header("upgrade")), ("GET /chat HTTP/1.1", Some("websocket")));
    let key = asked.header("sec-websocket-key").unwrap();
    let accept = BASE64_STANDARD.encode(sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()));
    let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
    let head = format!("{head}sec-websocket-accept: {accept}\r\n\r\n");
    peer.send([head.as_bytes(), &frame(1, b"early")].concat()).await;
    peer
}

/// What a page with a WebSocket asks for, and what it has told of it.
fn chat() -> (Router, Arc<Mutex<String>>) {
    let (told, seen) = (Arc::new(Notify::new()), Arc::new(Mutex::new(String::new())));
    let (after, noted) = (Arc::clone(&told), Arc::clone(&seen));
    let routes = Router::new()
        .route("/", get(async || Html(CHAT)))
        .route(
            "/after",
            get(async move || {
                let _ = timeout(Duration::from_secs(60), after.notified()).await;
                StatusCode::NO_CONTENT
            }),
        )
        .route(
            "/seen",
            get(async move |uri: Uri| {
                noted.lock().unwrap().push_str(uri.query().unwrap());
                told.notify_one();
                StatusCode::NO_CONTENT
            }),
        );
    (routes, seen)
}

/// The server's part of it.
async fn chats(upstream: &TcpListener, via: &str) {
    let mut peer = upgraded(upstream, via).await;
    for round in 1..4 {
        assert_eq!(received(&mut peer).await, (1, format!("ping {round}").into_bytes()));
        peer.send(frame(1, format!("pong-{round}").as_bytes())).await;
    }
    let (opcode, close) = received(&mut peer).await;
    assert_eq!((opcode, &close[..]), (8, &[&[3, 232], &b"enough"[..]].concat()[..]));
    peer.send(frame(8, &close)).await;
    peer.fin().await;
    peer.expect_close().await;
}

const CHATTED: &str = "early/pong-1/pong-2/pong-3/1000/enough/true";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_speaks_by_a_websocket_through_the_reverse_proxy_and_closes_it() {
    let (routes, seen) = chat();
    let (upstream, url, _server) = proxied(routes).await;
    let browser = spawn_blocking(move || Browser::new("websocket").document(&url));
    let both = async { tokio::join!(chats(&upstream, "1.1 skybridge"), browser).1.unwrap() };
    let document = timeout(Duration::from_secs(120), both).await;
    assert_eq!(*seen.lock().unwrap(), CHATTED, "{document:?}");
    document.unwrap();
}

/// Chromium asks by extended CONNECT on the connection that the page came by, as the SETTINGS allow it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_speaks_by_a_websocket_over_http2_through_the_reverse_proxy_and_closes_it() {
    let (routes, seen) = chat();
    let cert = SelfSigned::new(["localhost"]).make();
    let trusted = format!("--ignore-certificate-errors-spki-list={}", cert.pin().trim_start_matches("sha256/"));
    let (upstream, url, _server) = proxied_by_tls(routes, &cert).await;
    let browser = spawn_blocking(move || Browser::new("websocket-h2").document_by(&[&trusted], &url));
    let both = async { tokio::join!(chats(&upstream, "2 skybridge"), browser).1.unwrap() };
    let document = timeout(Duration::from_secs(120), both).await;
    assert_eq!(*seen.lock().unwrap(), CHATTED, "{document:?}");
    document.unwrap();
}

/// This curl has no WebSocket of its own: it takes what comes behind a 101 as content, to the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_is_upgraded_through_the_reverse_proxy_and_gets_each_byte() {
    let (upstream, url, _server) = proxied(Router::new()).await;
    let server = async {
        let mut peer = upgraded(&upstream, "1.1 skybridge").await;
        peer.send(frame(1, b"late")).await;
    };
    let fields = ["connection: Upgrade", "upgrade: websocket", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="];
    let curl = spawn_blocking(move || {
        let mut command = Command::new(named("SKYBRIDGE_CURL"));
        command.args(["-sS", "-i", "-N", "--http1.1", "--max-time", "60", &format!("{url}/chat")]);
        command.args(fields.map(|field| ["-H", field]).as_flattened());
        command.output().unwrap()
    });
    let ((), output) = tokio::join!(server, curl);
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{output:?}");
    // The answer to this key is that of RFC 6455, section 1.3.
    assert!(said.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{said}");
    assert!(output.stdout.ends_with(&[frame(1, b"early"), frame(1, b"late")].concat()), "{output:?}");
}
