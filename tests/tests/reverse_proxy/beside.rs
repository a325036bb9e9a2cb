//! The proxy beside the few lines that axum shows for one: hyper-util's client in a handler. Its example,
//! `reverse-proxy`, does the same as [`theirs`].
//!
//! ```sh
//! cargo test -p skybridge-tests --test reverse_proxy beside:: -- --nocapture      # prints the table
//! ```

use super::{
    Front, Peer,
    bodies::{SIZE, UNDER_WAY, read, write},
};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        Client as Legacy,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use skybridge_reverse_proxy::{Forwarded, ReverseProxy};
use skybridge_testkit::{h1::Script, net::Conn, origin::Origin};
use skybridge_tests::{ADDR, HOST, World};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;

/// A connection in memory, for hyper-util.
struct Dialed(TokioIo<Conn>);

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Ours,
    Theirs,
}

use Side::{Ours, Theirs};

/// A row: what happens, here, and there.
type Row = (&'static str, String, String);

impl Side {
    fn front(self) -> Front {
        let world = World::new();
        let client = world.client();
        let app = match self {
            Ours => {
                let upstream = format!("http://{HOST}").parse().unwrap();
                let proxy = ReverseProxy::with_runtime(client.clone(), upstream, world.executor.runtime()).unwrap();
                let forwarded = Forwarded::x_forwarded()
                    .client(|extensions| extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0.ip()));
                Router::new().fallback_service(proxy.forwarded(forwarded))
            }
            Theirs => theirs(&world),
        };
        Front::serving(world, client, app)
    }
}

/// As axum's example has it.
fn theirs(world: &World) -> Router {
    let net = world.net.clone();
    let connector = tower::service_fn(move |_: Uri| {
        let net = net.clone();
        Box::pin(async move { net.connect(ADDR.parse().unwrap()).await.map(|conn| Dialed(TokioIo::new(conn))) })
    });
    let client: Legacy<_, Body> = Legacy::builder(TokioExecutor::new()).build(connector);
    Router::new().fallback(async move |mut request: Request| -> Result<Response, StatusCode> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("http://{HOST}{path}").parse().unwrap();
        Ok(client.request(request).await.map_err(|_| StatusCode::BAD_REQUEST)?.into_response())
    })
}

/// What one connection that sends this is answered with: status and body.
async fn answer(front: &Front, request: &str) -> String {
    let mut client = front.sends(request).await;
    let head = client.head().await;
    let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
    let body = client.take(length).await;
    let status = head.line().split(' ').nth(1).unwrap().to_owned();
    format!("{status}, {:?}", String::from_utf8_lossy(&body))
}

async fn upgrade(side: Side) -> String {
    let front = side.front();
    let listener = front.world.listen();
    let head = "connection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let server = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        upstream.send(format!("HTTP/1.1 101 Switching Protocols\r\n{head}")).await;
        let (mut conn, _) = upstream.into_parts();
        let mut ping = [0; 4];
        let heard = timeout(Duration::from_secs(10), tokio::io::AsyncReadExt::read_exact(&mut conn, &mut ping)).await;
        matches!(heard, Ok(Ok(_)))
    };
    let client = async {
        let mut client = front.sends(format!("GET / HTTP/1.1\r\nhost: p.test\r\n{head}")).await;
        let status = client.head().await.line().split(' ').nth(1).unwrap().to_owned();
        let _ = client.try_send("ping").await;
        status
    };
    let (heard, status) = tokio::join!(server, client);
    format!("{status}, bytes {}", if heard { "pass" } else { "don't pass" })
}

/// Which of these fields the upstream gets.
async fn fields(side: Side, sent: &str, names: &[&str]) -> String {
    let front = side.front();
    let listener = front.world.listen();
    let server = async { Script::new(listener.accept().await.0).request().await };
    let _client = front.sends(format!("GET / HTTP/1.1\r\nhost: p.test\r\n{sent}\r\n")).await;
    let asked = server.await;
    let got: Vec<_> = names
        .iter()
        .filter_map(|name| asked.header(name).map(|value| format!("{name}: {value}")))
        .map(|line| line.replace(&front.world.net.wire(0).client_addr().ip().to_string(), "(the client)"))
        .collect();
    if got.is_empty() { "none".to_owned() } else { got.join("; ") }
}

async fn trailers(side: Side) -> String {
    let front = side.front();
    let origin = Origin::h1().handle(|request| async move {
        let whole = request.into_body().collect().await.unwrap();
        let names = whole.trailers().into_iter().flat_map(http::HeaderMap::keys).map(http::HeaderName::as_str);
        http::Response::new(names.collect::<Vec<_>>().join(" "))
    });
    let _origin = origin.serve_on(front.world.listen());
    let head =
        "POST / HTTP/1.1\r\nhost: p.test\r\ntransfer-encoding: chunked\r\ntrailer: x-sum, x-forwarded-for\r\n\r\n";
    answer(&front, &format!("{head}0\r\nx-sum: 1\r\nx-forwarded-for: 198.51.100.7\r\n\r\n")).await
}

async fn stalls(side: Side) -> String {
    let front = side.front();
    let listener = front.world.listen();
    let begin = front.world.executor.runtime().now();
    let silent = async {
        let mut upstream = Script::new(listener.accept().await.0);
        upstream.request().await;
        std::future::pending::<()>().await
    };
    let asked = timeout(Duration::from_secs(24 * 3600), answer(&front, "GET / HTTP/1.1\r\nhost: p.test\r\n\r\n"));
    let answered = tokio::select! {
        answered = asked => answered,
        () = silent => unreachable!(),
    };
    let after = (front.world.executor.runtime().now() - begin).as_secs();
    answered.map_or_else(|_| "waits for a day and longer".to_owned(), |answer| format!("{answer} after {after} s"))
}

async fn client_gone(side: Side) -> String {
    let front = side.front();
    let listener = front.world.listen();
    let client = front.sends("GET / HTTP/1.1\r\nhost: p.test\r\n\r\n").await;
    let mut upstream = Script::new(listener.accept().await.0);
    upstream.request().await;
    drop(client);
    let closed = timeout(Duration::from_secs(10), upstream.expect_close()).await;
    if closed.is_ok() { "cancelled" } else { "goes on" }.to_owned()
}

/// Of 100 MB that nobody reads yet, how much waits in between.
async fn large(side: Side, upload: bool) -> String {
    let front = side.front();
    let listener = front.world.listen();
    let method = if upload { "PUT" } else { "GET" };
    let length = if upload { format!("content-length: {SIZE}\r\n") } else { String::new() };
    let mut client = front.sends(format!("{method} / HTTP/1.1\r\nhost: p.test\r\n{length}\r\n")).await;
    let mut upstream = Script::new(listener.accept().await.0);
    upstream.head().await;
    if !upload {
        upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n")).await;
        client.head().await;
    }
    let ((mut client, _), (mut upstream, _)) = (client.into_parts(), upstream.into_parts());
    let (from, to) = if upload { (&mut client, &mut upstream) } else { (&mut upstream, &mut client) };
    let sent = from.wire();
    let reads = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let waits = sent.bytes_sent();
        read(to, SIZE).await;
        waits
    };
    let ((), waits) = tokio::join!(write(from, SIZE), reads);
    if waits < UNDER_WAY { "pass, less than 2 MiB wait".to_owned() } else { format!("pass, {waits} bytes wait") }
}

/// Who lets the client send a body that it would rather not.
async fn expectation(side: Side) -> String {
    let front = side.front();
    let listener = front.world.listen();
    let head = "POST / HTTP/1.1\r\nhost: p.test\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n";
    let client = front.sends(head).await;
    let mut upstream = Script::new(listener.accept().await.0);
    upstream.head().await;
    let (mut conn, _) = client.into_parts();
    let mut first = [0; 12];
    let heard = timeout(Duration::from_millis(500), tokio::io::AsyncReadExt::read_exact(&mut conn, &mut first)).await;
    if heard.is_ok() { "the proxy" } else { "the upstream" }.to_owned()
}

/// What becomes of a request with another hidden in its body: its status, and what reaches the upstream. It is the last
/// of its connection, so that whatever else reaches it was smuggled.
async fn smuggled(side: Side, head: &str) -> String {
    let front = side.front();
    let origin = Origin::h1().serve_on(front.world.listen());
    // The end of the body by chunks, and within what its length says.
    let hidden = "GET /hidden HTTP/1.1\r\nhost: inside.test\r\n\r\n";
    let mut client = front.sends(format!("POST / HTTP/1.1\r\nconnection: close\r\n{head}\r\n0\r\n\r\n{hidden}")).await;
    let status = client.head().await.line().split(' ').nth(1).unwrap().to_owned();
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let requests = origin.requests();
    let hosts: Vec<_> = requests.iter().map(|request| request.header("host").unwrap_or("none")).collect();
    if hosts.is_empty() { status } else { format!("{status}, for {}", hosts.join(" and ")) }
}

#[tokio::test(start_paused = true)]
async fn beside_axums_example() {
    let mut table: Vec<Row> = vec![];
    macro_rules! row {
        ($what:expr, $run:expr) => {{
            let run = $run;
            table.push(($what, run(Ours).await, run(Theirs).await));
        }};
    }
    let hop = "connection: x-hop\r\nx-hop: 1\r\nproxy-authorization: Basic c2VjcmV0\r\n";
    row!("WebSocket", upgrade);
    row!("fields of one hop that reach the upstream", |side| fields(side, hop, &["x-hop", "proxy-authorization"]));
    let claim = "x-forwarded-for: 198.51.100.7\r\n";
    row!("`x-forwarded-for: 198.51.100.7` of a client", |side| fields(side, claim, &["x-forwarded-for"]));
    row!("and behind the body, after `x-sum`", trailers);
    row!("what the upstream is told of a client", |side| {
        fields(side, "", &["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via"])
    });
    row!("no upstream is there", async |side: Side| answer(&side.front(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await);
    row!("the upstream says nothing", stalls);
    row!("the client goes", client_gone);
    row!("100 MB up, unread", |side| large(side, true));
    row!("100 MB down, unread", |side| large(side, false));
    row!("`expect: 100-continue` is answered by", expectation);
    let again = "via: 1.1 skybridge\r\n".repeat(16);
    let loops = format!("GET / HTTP/1.1\r\nhost: p.test\r\n{again}\r\n");
    row!("a request that goes round", async |side: Side| {
        let front = side.front();
        let _origin = Origin::h1().serve_on(front.world.listen());
        answer(&front, &loops).await
    });
    for (what, head) in [
        ("two lengths", "host: p.test\r\ncontent-length: 5\r\ncontent-length: 60\r\n"),
        ("a length and chunks", "host: p.test\r\ncontent-length: 60\r\ntransfer-encoding: chunked\r\n"),
        ("`transfer-encoding: gzip, chunked`", "host: p.test\r\ntransfer-encoding: gzip, chunked\r\n"),
        ("`transfer-encoding: identity`", "host: p.test\r\ncontent-length: 5\r\ntransfer-encoding: identity\r\n"),
        ("`transfer-encoding : chunked`", "host: p.test\r\ncontent-length: 5\r\ntransfer-encoding : chunked\r\n"),
        ("`connection: content-length`", "host: p.test\r\nconnection: content-length\r\ncontent-length: 5\r\n"),
        ("two hosts", "host: p.test\r\nhost: q.test\r\ncontent-length: 5\r\n"),
        ("a host that is none", "host: p.test@q.test\r\ncontent-length: 5\r\n"),
    ] {
        row!(what, |side| smuggled(side, head));
    }

    println!("| | skybridge-reverse-proxy | axum's example |\n|---|---|---|");
    table.iter().for_each(|(what, ours, theirs)| println!("| {what} | {ours} | {theirs} |"));
    let ours: Vec<_> = table.iter().map(|(what, ours, _)| (*what, &**ours)).collect();
    assert_eq!(
        ours,
        [
            ("WebSocket", "101, bytes pass"),
            ("fields of one hop that reach the upstream", "none"),
            ("`x-forwarded-for: 198.51.100.7` of a client", "x-forwarded-for: (the client)"),
            ("and behind the body, after `x-sum`", "200, \"x-sum\""),
            (
                "what the upstream is told of a client",
                "x-forwarded-for: (the client); x-forwarded-host: p.test; x-forwarded-proto: http; via: 1.1 skybridge"
            ),
            ("no upstream is there", "502, \"502 Bad Gateway\\n\""),
            ("the upstream says nothing", "504, \"504 Gateway Timeout\\n\" after 60 s"),
            ("the client goes", "cancelled"),
            ("100 MB up, unread", "pass, less than 2 MiB wait"),
            ("100 MB down, unread", "pass, less than 2 MiB wait"),
            ("`expect: 100-continue` is answered by", "the upstream"),
            ("a request that goes round", "508, \"508 Loop Detected\\n\""),
            ("two lengths", "400"),
            ("a length and chunks", "200, for a.test"),
            ("`transfer-encoding: gzip, chunked`", "501"),
            ("`transfer-encoding: identity`", "400"),
            ("`transfer-encoding : chunked`", "400"),
            ("`connection: content-length`", "200, for a.test"),
            ("two hosts", "400"),
            ("a host that is none", "400"),
        ]
    );
}

// === impl Dialed ===

impl Read for Dialed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Dialed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Connection for Dialed {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
